/** Volumes and how they are mounted. */
import { mkdir, writeFile } from 'node:fs/promises'
import { runOk } from '../../../shared/host/exec.ts'
import { testImage } from '../../testbed/images.ts'
import { eventually, forever, inside, onNode, podOf, refused, status, story, waiting, type Row } from '../row.ts'

const V = 'spec.volumes[]'
const M = 'spec.containers[].volumeMounts[]'
const at = (mountPath: string, more: object = {}) => ({ volumeMounts: [{ name: 'v', mountPath, ...more }] })
const map = (name: string, data: Record<string, string>, more: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data, ...more })
const secret = (name: string, stringData: Record<string, string>): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, stringData })
const mode = (path: string): string => `stat -L -c %a ${path}`
const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['pi-1'] }] }] } }
const sources = ['awsElasticBlockStore', 'azureDisk', 'azureFile', 'cephfs', 'cinder', 'csi', 'fc', 'flexVolume', 'flocker', 'gcePersistentDisk', 'gitRepo', 'glusterfs', 'image', 'iscsi', 'photonPersistentDisk', 'portworxVolume', 'quobyte', 'rbd', 'scaleIO', 'storageos', 'vsphereVolume']

export const volumeRows: readonly Row[] = [
  inside({ id: 'empty-dir', fields: [`${V}.name`, `${V}.emptyDir.medium`, `${M}.name`, `${M}.mountPath`], says: 'an empty folder that everybody may write', spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: { ...at('/v'), securityContext: { runAsUser: 1000 } }, script: 'ls /v | wc -l; touch /v/x && echo ok', sees: '0\nok' }),
  inside({ id: 'empty-dir-memory', fields: [`${V}.emptyDir.medium`, `${V}.emptyDir.sizeLimit`], says: 'with Memory, a tmpfs of the size allowed', spec: { volumes: [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] }, container: at('/v'), script: 'stat -f -c %T /v; dd if=/dev/zero of=/v/x bs=1024 count=2000 2>&1 | grep -o "No space left on device"', sees: 'tmpfs\nNo space left on device' }),
  status({ id: 'empty-dir-limit', fields: [`${V}.emptyDir.sizeLimit`], says: 'a pod that fills more on disk is evicted', spec: { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] }, container: { ...at('/v'), command: ['sh', '-c', 'dd if=/dev/zero of=/v/x bs=1M count=4; sleep 1000000'] }, status: { phase: 'Failed', reason: 'Evicted', message: { matches: /^Usage of EmptyDir volume "v" exceeds the limit "1Mi"/ } } }),
  inside({ id: 'host-path', fields: [`${V}.hostPath.*`], says: 'the node\'s folder, made where it is missing with DirectoryOrCreate', spec: { volumes: [{ name: 'v', hostPath: { path: `${onNode}/host-path/new`, type: 'DirectoryOrCreate' } }] }, container: at('/v'), script: 'touch /v/x && ls /v', sees: 'x' }),
  status({ id: 'host-path-type', fields: [`${V}.hostPath.type`], says: 'what is not of the type is refused', spec: { volumes: [{ name: 'v', hostPath: { path: '/etc/hostname', type: 'Directory' } }] }, container: at('/v'), status: { phase: 'Pending' }, events: [{ reason: 'FailedMount', message: /hostPath type check failed: \/etc\/hostname is not a directory/ }] }),
  inside({ id: 'config-map', fields: [`${V}.configMap.*`], says: 'keys as files: all, or those named with their paths and modes', objects: [map('vol-map', { a: '1', b: '2' })], spec: { volumes: [{ name: 'v', configMap: { name: 'vol-map', defaultMode: 0o440, items: [{ key: 'a', path: 'dir/one', mode: 0o400 }, { key: 'b', path: 'two' }] } }] }, container: at('/v'), script: `cat /v/dir/one; ${mode('/v/dir/one')}; ${mode('/v/two')}; ls /v`, sees: '1400\n440\ndir\ntwo' }),
  inside({ id: 'config-map-optional', fields: [`${V}.configMap.optional`], says: 'an optional one that is missing is an empty folder', spec: { volumes: [{ name: 'v', configMap: { name: 'no-such-map', optional: true } }] }, container: at('/v'), script: 'ls /v | wc -l', sees: '0' }),
  status({ id: 'config-map-missing', fields: [`${V}.configMap.name`], says: 'one that is missing holds the pod back', spec: { volumes: [{ name: 'v', configMap: { name: 'no-such-map' } }] }, container: at('/v'), status: { phase: 'Pending' }, events: [{ reason: 'FailedMount', message: 'MountVolume.SetUp failed for volume "v" : configmap "no-such-map" not found' }] }),
  inside({ id: 'secret', fields: [`${V}.secret.*`], says: 'values decoded, in memory', objects: [secret('vol-secret', { pw: 'hush' })], spec: { volumes: [{ name: 'v', secret: { secretName: 'vol-secret', defaultMode: 0o400, optional: false, items: [{ key: 'pw', path: 'p', mode: 0o404 }] } }] }, container: at('/v'), script: `cat /v/p; ${mode('/v/p')}; stat -f -c %T /v`, sees: 'hush404\ntmpfs' }),
  inside({
    id: 'downward', fields: [`${V}.downwardAPI.*`], says: 'fields and amounts of the pod as files', metadata: { labels: { a: 'b' } },
    spec: { volumes: [{ name: 'v', downwardAPI: { defaultMode: 0o444, items: [{ path: 'labels', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } }, { path: 'mem', mode: 0o400, resourceFieldRef: { containerName: 'm', resource: 'limits.memory', divisor: '1Mi' } }] } }] },
    container: { ...at('/v'), resources: { limits: { memory: '32Mi' } } }, script: `cat /v/labels; echo; cat /v/mem; echo; ${mode('/v/mem')}; ${mode('/v/labels')}`, sees: 'a="b"\n32\n400\n444',
  }),
  inside({
    id: 'projected', fields: [`${V}.projected.defaultMode`, `${V}.projected.sources[].configMap.*`, `${V}.projected.sources[].secret.*`, `${V}.projected.sources[].downwardAPI.*`, `${V}.projected.sources[].serviceAccountToken.*`], says: 'several sources in one folder, a bound token among them',
    objects: [map('proj-map', { a: '1' }), secret('proj-secret', { b: '2' })],
    spec: { volumes: [{ name: 'v', projected: { defaultMode: 0o440, sources: [
      { configMap: { name: 'proj-map', items: [{ key: 'a', path: 'm/a' }] } }, { secret: { name: 'proj-secret' } }, { configMap: { name: 'none', optional: true } },
      { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }, { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
    ] } }] },
    container: at('/v'), script: `cat /v/m/a /v/b /v/name; echo; cut -d. -f2 /v/token | tr '_-' '/+' | sed 's/$/==/' | awk '{ while (length($0) % 4) sub(/=$/, ""); print }' > /tmp/t; echo "$(cat /v/token | tr '.' '\\n' | wc -l)"; ${mode('/v/b')}`, sees: '12projected\n2\n440',
  }),
  refused({ id: 'trust-bundle', fields: [`${V}.projected.sources[].clusterTrustBundle.*`], says: 'refused: trust bundles are an alpha API that is not served', by: 'api', spec: { volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { name: 'x', path: 'ca.pem' } }] } }] }, container: at('/v'), message: /clusterTrustBundle: Forbidden/ }),
  story({
    id: 'updates', fields: [`${V}.configMap.name`], says: 'a change is seen in the running container, all of it at once',
    objects: [map('moving', { a: 'old', b: 'old' })],
    pod: podOf('updates', { spec: { volumes: [{ name: 'v', configMap: { name: 'moving' } }] }, container: { command: forever, ...at('/v') } }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/updates ${waiting}`)
      await kubectl.run(['patch', 'configmap', 'moving', '-p', '{"data":{"a":"new","b":"new"}}'])
      await eventually('the new values', async () => (await kubectl.said('exec updates -- cat /v/a /v/b')).out === 'newnew')
      await kubectl.run('delete pod updates --now')
    },
  }),
  inside({ id: 'read-only', fields: [`${M}.readOnly`], says: 'cannot be written', spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: at('/v', { readOnly: true }), script: 'touch /v/x', sees: /Read-only file system/ }),
  inside({ id: 'recursive-read-only', fields: [`${M}.recursiveReadOnly`], says: 'mounts below it cannot be written either', spec: { volumes: [{ name: 'v', hostPath: { path: '/dev', type: 'Directory' } }] }, container: at('/v', { readOnly: true, recursiveReadOnly: 'IfPossible' }), script: 'ls -d /v', sees: '/v' }),
  inside({ id: 'sub-path', fields: [`${M}.subPath`, `${M}.subPathExpr`], says: 'one folder of the volume, by name or made of variables', spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: { env: [{ name: 'N', value: 'deep' }], volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/s', subPath: 'a/b' }, { name: 'v', mountPath: '/e', subPathExpr: '$(N)/x' }] }, script: 'touch /s/1 /e/2; ls /v/a/b /v/deep/x', sees: '/v/a/b:\n1\n\n/v/deep/x:\n2' }),
  story({
    id: 'propagation', fields: [`${M}.mountPropagation`], says: 'HostToContainer shows a running container what is mounted on the node later; None, the default, does not',
    async tell({ kubectl }) {
      const path = `${onNode}/propagation`
      await mkdir(`${path}/sub`, { recursive: true })
      // As systemd makes the root of a real machine.
      await runOk(['mount', '--bind', '--make-shared', path, path])
      try {
        const kinds = ['HostToContainer', 'None']
        await kubectl.apply(kinds.map((mountPropagation) => podOf(`propagation-${mountPropagation.toLowerCase()}`, { spec: { volumes: [{ name: 'v', hostPath: { path } }] }, container: { command: forever, ...at('/v', { mountPropagation }) } })))
        for (const kind of kinds) await kubectl.run(`wait --for=condition=Ready pod/propagation-${kind.toLowerCase()} ${waiting}`)
        await runOk(['mount', '-t', 'tmpfs', 'tmpfs', `${path}/sub`])
        await writeFile(`${path}/sub/x`, '')
        const seen = await Promise.all(kinds.map(async (kind) => (await kubectl.said(`exec propagation-${kind.toLowerCase()} -- ls /v/sub`)).out))
        if (seen.join() !== 'x,') throw new Error(`seen: ${JSON.stringify(seen)}`)
        await kubectl.run('delete pod propagation-hosttocontainer propagation-none --now')
      } finally {
        await runOk(['umount', '-R', '-l', path])
      }
    },
  }),
  inside({ id: 'fs-group', fields: ['spec.securityContext.fsGroup', 'spec.securityContext.fsGroupChangePolicy'], says: 'volumes belong to the group, new files too', spec: { securityContext: { fsGroup: 4321, fsGroupChangePolicy: 'OnRootMismatch' }, volumes: [{ name: 'v', emptyDir: {} }] }, container: { ...at('/v'), securityContext: { runAsUser: 1000 } }, script: 'stat -c %g /v; touch /v/x; stat -c %g /v/x; id -G | grep -o 4321', sees: '4321\n4321\n4321' }),
  status({
    id: 'claim', fields: [`${V}.persistentVolumeClaim.*`], says: 'a claim\'s bound volume of this node', status: { phase: 'Succeeded' },
    objects: [
      { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' }, spec: { capacity: { storage: '10Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'manual', hostPath: { path: `${onNode}/claim`, type: 'DirectoryOrCreate' }, nodeAffinity } },
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'disk', namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'manual', resources: { requests: { storage: '5Mi' } } } },
    ],
    spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'disk', readOnly: false } }] }, container: { ...at('/v'), command: ['touch', '/v/x'] },
  }),
  status({
    id: 'generic', fields: [`${V}.ephemeral.*`], says: 'a claim that is made with the pod and goes with it', status: { phase: 'Succeeded' },
    objects: [{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'scratch' }, spec: { capacity: { storage: '10Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'scratch', hostPath: { path: `${onNode}/scratch`, type: 'DirectoryOrCreate' } } }],
    spec: { volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'scratch', resources: { requests: { storage: '1Mi' } } } } } }] }, container: { ...at('/v'), command: ['touch', '/v/x'] },
  }),
  status({ id: 'nfs', fields: [`${V}.nfs.*`], says: 'mounted from the server; one that cannot be is told', spec: { volumes: [{ name: 'v', nfs: { server: '127.0.0.1', path: '/nowhere', readOnly: true } }] }, container: at('/v'), status: { phase: 'Pending' }, events: [{ reason: 'FailedMount', message: /nfs|mount/ }] }),
  refused({ id: 'other-volumes', fields: sources.map((s) => `${V}.${s}`), says: 'other kinds of volume are refused by name', by: 'cluster', reason: 'FailedMount', spec: { volumes: [{ name: 'v', iscsi: { targetPortal: '192.0.2.1', iqn: 'iqn.2001-04.com.example:storage', lun: 0 } }] }, container: at('/v'), message: /iscsi is not supported/ }),
]
export { testImage }
