/** Volumes as containers see them, with real claims, volumes and mounts, on both engines. */
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runOk } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

const forever = 'trap "exit 0" TERM; sleep 1000000 & wait'
const pod = (name: string, o: { volumes: object[]; mounts: object[]; command?: string; security?: object; container?: object }): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0, restartPolicy: 'Never', volumes: o.volumes, ...(o.security ? { securityContext: o.security } : {}),
    containers: [{ name: 'main', image: testImage, command: ['sh', '-c', o.command ?? forever], volumeMounts: o.mounts, ...o.container }],
  },
})

describe.each(['containerd', 'docker'] as const)('volumes on %s', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  let disk: string
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
    disk = join(cluster.dir, 'disk')
    await mkdir(disk)
  })
  afterAll(async () => { await cluster?.stop() })

  const ready = (name: string): Promise<string> => kubectl.run(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s'])
  const inside = (name: string, script: string): Promise<string> => kubectl.run(['exec', name, '--', 'sh', '-c', script])
  const value = (path: string, ...of: string[]): Promise<string> => kubectl.run(['get', ...of, '-o', `jsonpath={${path}}`])
  const events = (name: string): Promise<string> => value('.items[*].message', 'events', '--field-selector', `involvedObject.name=${name}`)
  const mounts = async (): Promise<string[]> => (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((l) => l.split(' ')[4] ?? '').filter((p) => p.includes(cluster.dir))

  const local = (name: string, path: string): object => ({
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name },
    spec: {
      capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'disks', persistentVolumeReclaimPolicy: 'Retain', local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [cluster.nodeName] }] }] } },
    },
  })
  const claimSpec = { accessModes: ['ReadWriteOnce'], storageClassName: 'disks', resources: { requests: { storage: '100Mi' } } }

  it('keeps what a pod wrote on its claim for the next pod', async () => {
    await kubectl.apply({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'disks' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' })
    await kubectl.apply({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: claimSpec })
    const using = (name: string): object => pod(name, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], mounts: [{ name: 'v', mountPath: '/v' }] })
    await kubectl.apply(using('first'))
    await eventually('waits for a volume', async () => (await events('first')).includes("didn't find available persistent volumes to bind"))
    await kubectl.apply(local('disk', disk))
    await ready('first')
    expect(await value('.status.phase', 'pvc', 'data')).toBe('Bound')
    expect(await value('.spec.claimRef.name', 'pv', 'disk')).toBe('data')
    await inside('first', 'echo kept > /v/file')
    // Protected while it is used: it stays until the pod goes.
    await kubectl.run(['delete', 'pod', 'first', '--now'])
    await kubectl.apply(using('second'))
    await ready('second')
    expect(await inside('second', 'cat /v/file')).toBe('kept\n')
    await kubectl.run(['delete', 'pvc', 'data', '--wait=false'])
    expect(await value('.status.phase', 'pvc', 'data')).toBe('Bound')
    await kubectl.run(['delete', 'pod', 'second', '--now'])
    await eventually('released', async () => (await value('.status.phase', 'pv', 'disk')) === 'Released')
    expect(await readFile(join(disk, 'file'), 'utf8')).toBe('kept\n')
    await kubectl.run(['delete', 'pv', 'disk'])
  })

  it('makes a folder of the node for a claim, and removes it with the claim', async () => {
    const folder = join(cluster.dir, 'local-path')
    expect(await value('.metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class', 'sc', 'local-path')).toBe('true')
    await kubectl.apply({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'here' }, provisioner: 'bramble.dev/local-path', volumeBindingMode: 'WaitForFirstConsumer', parameters: { path: folder } })
    await kubectl.apply({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'made' }, spec: { ...claimSpec, storageClassName: 'here' } })
    await kubectl.apply(pod('maker', { security: { runAsUser: 1000 }, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'made' } }], mounts: [{ name: 'v', mountPath: '/v' }] }))
    await ready('maker')
    await inside('maker', 'echo mine > /v/file')
    const [name = ''] = await readdir(folder)
    expect(name).toMatch(/^pvc-[0-9a-f-]{36}_default_made$/)
    expect(await readFile(join(folder, name, 'file'), 'utf8')).toBe('mine\n')
    await kubectl.run(['delete', 'pod', 'maker', '--now'])
    await kubectl.run(['delete', 'pvc', 'made'])
    await eventually('the volume is gone', async () => (await kubectl.run(['get', 'pv', '-o', 'name'])) === '')
    expect(await readdir(folder)).toEqual([])
  })

  it('removes an ephemeral claim with its pod', async () => {
    await mkdir(join(cluster.dir, 'scratch'))
    await kubectl.apply(local('scratch', join(cluster.dir, 'scratch')))
    await kubectl.apply(pod('eph', { volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: claimSpec } } }], mounts: [{ name: 'v', mountPath: '/v' }] }))
    await ready('eph')
    await inside('eph', 'touch /v/here')
    expect(await readdir(join(cluster.dir, 'scratch'))).toEqual(['here'])
    expect(await value('.metadata.ownerReferences[0].name', 'pvc', 'eph-v')).toBe('eph')
    await kubectl.run(['delete', 'pod', 'eph', '--now'])
    await eventually('the claim is gone', async () => (await kubectl.run(['get', 'pvc', '-o', 'name'])) === '')
  })

  it('changes a ConfigMap in place, never half, while a container reads it', async () => {
    const map = (n: number): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'moving' }, data: { a: String(n), b: String(n) }, binaryData: { bin: Buffer.from([0xff, 0xfe, n]).toString('base64') } })
    await kubectl.apply(map(0))
    // Two looks into one version: both files of it, or there was a mixture. A version that was replaced meanwhile is gone, as upstream's.
    const reader = 'while :; do cd /v/..data && x=$(cat a) && y=$(cat b); cd /; [ -z "$x" ] || [ -z "$y" ] || [ "$x" = "$y" ] || echo torn $x $y >> /torn; [ "$x" = 9 ] && touch /seen; done'
    await kubectl.apply(pod('reader', { volumes: [{ name: 'v', configMap: { name: 'moving' } }], mounts: [{ name: 'v', mountPath: '/v' }], command: `(${reader}) & ${forever}` }))
    await ready('reader')
    for (let n = 1; n <= 9; n++) await kubectl.apply(map(n))
    await eventually('the last one is seen', async () => (await inside('reader', 'test -e /seen && echo yes || true')) === 'yes\n')
    expect(await inside('reader', 'cat /torn 2>/dev/null; od -An -tu1 /v/bin')).toMatch(/^\s+255 254 +9\s*$/)
    await kubectl.run(['delete', 'pod', 'reader', '--now'])
  })

  it('takes the folder of a subPathExpr, and gives volumes to the group of the pod', async () => {
    await kubectl.apply(pod('sub', {
      security: { fsGroup: 4321, runAsUser: 1000 }, container: { env: [{ name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
      volumes: [{ name: 'v', emptyDir: {} }, { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }], mounts: [{ name: 'v', mountPath: '/all' }, { name: 'v', mountPath: '/own', subPathExpr: 'by/$(WHO)' }, { name: 'm', mountPath: '/mem' }],
    }))
    await ready('sub')
    expect(await inside('sub', 'touch /own/x /mem/y && ls /all/by/sub && stat -c %g /all /own /own/x /mem /mem/y')).toBe('x\n4321\n4321\n4321\n4321\n4321\n')
    expect(await inside('sub', 'dd if=/dev/zero of=/mem/z bs=1024 count=2000 2>&1 | grep -o "No space left on device"')).toBe('No space left on device\n')
    await kubectl.run(['delete', 'pod', 'sub', '--now'])
  })

  it('makes what is mounted below a read-only mount read-only too, where the pod asks for it', async () => {
    await mkdir(join(cluster.dir, 'tree/below'), { recursive: true })
    await runOk(['mount', '-t', 'tmpfs', 'tmpfs', join(cluster.dir, 'tree/below')])
    try {
      const at = (mountPath: string, recursiveReadOnly: string): object => ({ name: 'v', mountPath, readOnly: true, recursiveReadOnly })
      const [, major = ''] = /^docker:\/\/(\d+)/.exec(await value('.status.nodeInfo.containerRuntimeVersion', 'node', cluster.nodeName)) ?? []
      const pair = pod('rro', { volumes: [{ name: 'v', hostPath: { path: join(cluster.dir, 'tree'), type: 'Directory' } }], mounts: [at('/deep', 'Enabled'), at('/possible', 'IfPossible')] })
      await kubectl.apply(pair)
      if (major !== '' && Number(major) < 25) {
        // The engine cannot, so a pod that insists is refused rather than run without.
        await eventually('told', async () => (await value('.status.containerStatuses[0].state.waiting.message', 'pod', 'rro')) === 'volume "v" requested recursive read-only mode, but it is not supported by the runtime')
        await kubectl.run(['delete', 'pod', 'rro', '--now'])
        return
      }
      await ready('rro')
      expect(await value('.status.containerStatuses[0].volumeMounts[?(@.mountPath=="/possible")].recursiveReadOnly', 'pod', 'rro')).toBe('Enabled')
      expect(await inside('rro', 'for d in /deep /possible; do touch $d/below/x 2>&1; done; true')).toMatch(/^(touch: .*Read-only file system\n){2}$/)
      await kubectl.run(['delete', 'pod', 'rro', '--now'])
    } finally {
      await runOk(['umount', join(cluster.dir, 'tree/below')])
    }
  })

  it('says which variable a subPathExpr lacks', async () => {
    await kubectl.apply(pod('lack', { volumes: [{ name: 'v', emptyDir: {} }], mounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(NOBODY)/x' }] }))
    await eventually('told', async () => (await value('.status.containerStatuses[0].state.waiting', 'pod', 'lack')).includes('CreateContainerConfigError'))
    expect(await value('.status.containerStatuses[0].state.waiting.message', 'pod', 'lack')).toBe('missing value for "NOBODY"')
    await kubectl.run(['delete', 'pod', 'lack', '--now'])
  })

  it('gives a block volume as a device', async () => {
    await writeFile(join(cluster.dir, 'image'), Buffer.alloc(1 << 20, 'B'))
    const loop = (await runOk(['losetup', '--find', '--show', join(cluster.dir, 'image')])).toString().trim()
    try {
      const raw = local('raw', loop) as { spec: object }
      await kubectl.apply({ ...raw, spec: { ...raw.spec, volumeMode: 'Block' } })
      await kubectl.apply({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'raw' }, spec: { ...claimSpec, volumeMode: 'Block' } })
      await kubectl.apply(pod('raw', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'raw' } }], mounts: [], container: { volumeDevices: [{ name: 'v', devicePath: '/dev/raw0' }] } }))
      await ready('raw')
      expect(await inside('raw', 'test -b /dev/raw0 && head -c 4 /dev/raw0')).toBe('BBBB')
      await kubectl.run(['delete', 'pod', 'raw', '--now'])
      await kubectl.run(['delete', 'pvc', 'raw'])
      await kubectl.run(['delete', 'pv', 'raw'])
    } finally {
      await runOk(['losetup', '--detach', loop])
    }
  })

  it('is as it was for an agent that starts anew: nothing lost, nothing mounted twice, and what changed meanwhile is brought up to date', async () => {
    const podMounts = async (): Promise<string[]> => (await mounts()).filter((p) => p.includes('/pods/pods/')).sort()
    await kubectl.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'away' }, data: { k: 'old' } })
    await kubectl.apply(pod('stays', {
      volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }, { name: 'd', emptyDir: {} }, { name: 'c', configMap: { name: 'away' } }],
      mounts: [{ name: 'm', mountPath: '/m' }, { name: 'd', mountPath: '/d', subPath: 'part' }, { name: 'c', mountPath: '/c' }],
    }))
    await ready('stays')
    await inside('stays', 'echo kept | tee /m/x /d/x')
    const before = await podMounts()
    expect(before.map((p) => p.split('/').slice(-4, -1).join('/')).sort()).toEqual([expect.stringMatching(/\/volumes\/emptyDir$/), 'volume-subpaths/d/main'])
    await cluster.agent.kill('SIGKILL')
    await kubectl.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'away' }, data: { k: 'new' } })
    await cluster.startAgent()
    await eventually('the change is seen', async () => (await inside('stays', 'cat /c/k')) === 'new')
    expect(await inside('stays', 'cat /m/x /d/x')).toBe('kept\nkept\n')
    expect(await value('.status.containerStatuses[0].restartCount', 'pod', 'stays')).toBe('0')
    expect(await podMounts()).toEqual(before)
    await kubectl.run(['delete', 'pod', 'stays', '--now'])
  })

  it('evicts a pod that fills more than its emptyDir may have', async () => {
    await kubectl.apply(pod('greedy', { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }], mounts: [{ name: 'v', mountPath: '/v' }], command: `dd if=/dev/zero of=/v/x bs=1M count=3; ${forever}` }))
    await eventually('evicted', async () => (await value('.status.reason', 'pod', 'greedy')) === 'Evicted')
    expect(await value('.status.message', 'pod', 'greedy')).toBe('Usage of EmptyDir volume "v" exceeds the limit "1Mi". ')
    await kubectl.run(['delete', 'pod', 'greedy', '--now'])
  })

  it('refuses what it does not have by name', async () => {
    await kubectl.apply(pod('csi', { volumes: [{ name: 'v', csi: { driver: 'x.example.com' } }], mounts: [{ name: 'v', mountPath: '/v' }] }))
    await eventually('told', async () => (await events('csi')).includes('MountVolume.SetUp failed for volume "v" : volume kind csi is not supported on this node'))
    await kubectl.run(['delete', 'pod', 'csi', '--now'])
  })

  it('leaves no mount of a pod behind', async () => {
    await eventually('pods are gone', async () => (await kubectl.run(['get', 'pods', '-o', 'name'])) === '')
    expect((await mounts()).filter((p) => p.includes('/pods/pods/'))).toEqual([])
    expect((await stat(disk)).isDirectory()).toBe(true)
  })
})
