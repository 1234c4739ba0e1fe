import { readFileSync } from 'node:fs'
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PersistentVolumeSpec } from '../../../shared/api/core-v1.ts'
import { makePod, makeWorld, type World } from '../harness.ts'
import { nfsMount } from './nfs.ts'

let world: World
let dir: string
beforeEach(async () => {
  world = await makeWorld()
  dir = await mkdtemp(join(tmpdir(), 'persistent-'))
})
afterEach(async () => {
  await world.close()
  await rm(dir, { recursive: true, force: true })
})

const claim = (phase: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default', uid: 'c1', ...more }, spec: { volumeName: phase === 'Bound' ? 'disk' : '' }, status: { phase } })
const disk = (spec: PersistentVolumeSpec, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk', ...metadata }, spec: { claimRef: { namespace: 'default', name: 'data', uid: 'c1' }, ...spec } })
const using = (spec: object = {}, main: object = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }) =>
  makePod('db', { containers: [{ name: 'main', image: 'busybox:1', ...main }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], ...spec })
const said = (message: string) => world.until(message, () => world.sink.events.some((e) => e.reason === 'FailedMount' && e.message === message))
const unmounted = 'Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: '

it('a volume is brought up to date whatever becomes of another', async () => {
  const map = (name: string, k: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { k } })
  world.desired.put('ConfigMap', map('one', '1'))
  world.desired.put('ConfigMap', map('two', '1'))
  world.desired.put('Pod', makePod('db', {
    containers: [{ name: 'main', image: 'busybox:1', volumeMounts: [{ name: 'one', mountPath: '/1' }, { name: 'two', mountPath: '/2' }] }],
    volumes: [{ name: 'one', configMap: { name: 'one' } }, { name: 'two', configMap: { name: 'two' } }],
  }))
  await world.until('ready', () => world.sink.isReady('db'))
  const shown = (name: string) => readFileSync(`${world.dataDir}/pods/uid-db/volumes/configMap/${name}/k`, 'utf8')
  world.desired.remove('ConfigMap', 'default', 'one')
  world.desired.put('ConfigMap', map('two', '2'))
  await world.until('the second is new', () => shown('two') === '2')
  await said('MountVolume.SetUp failed for volume "one" : configmap "one" not found')
  expect([shown('one'), world.sink.isReady('db')]).toEqual(['1', true])
})

describe('a claim', () => {
  it('holds the pod back in upstream\'s words until it is bound, and is then used at once', async () => {
    world.desired.put('Pod', using())
    await said(`${unmounted}error processing PVC default/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found`)
    world.desired.put('PersistentVolumeClaim', claim('Pending'))
    await said(`${unmounted}error processing PVC default/data: PVC is not bound`)
    world.desired.put('PersistentVolumeClaim', claim('Bound'))
    await said(`${unmounted}error processing PVC default/data: failed to fetch PV disk from API server: persistentvolumes "disk" not found`)
    world.desired.put('PersistentVolume', disk({ local: { path: dir } }))
    // No clock was moved: the change of the volume alone woke the pod.
    await world.until('ready', () => world.sink.isReady('db'))
  })

  it('of another volume, or another claim\'s volume, is refused', async () => {
    world.desired.put('PersistentVolumeClaim', claim('Bound', { uid: 'c2' }))
    world.desired.put('PersistentVolume', disk({ local: { path: dir } }))
    world.desired.put('Pod', using())
    await said(`${unmounted}error processing PVC default/data: found PV object disk but its pv.Spec.ClaimRef.UID c1 does not point to claim.UID c2`)
  })

  it('that is being deleted is refused to new pods, and stays with those that have it', async () => {
    world.desired.put('PersistentVolume', disk({ local: { path: dir } }))
    const deleted = claim('Bound', { deletionTimestamp: '2026-01-01T00:00:00Z' })
    world.desired.put('PersistentVolumeClaim', deleted)
    world.desired.put('Pod', using())
    await said(`${unmounted}error processing PVC default/data: PVC is being deleted`)
    world.desired.put('PersistentVolumeClaim', claim('Bound'))
    await world.until('ready', () => world.sink.isReady('db'))
    world.desired.put('PersistentVolumeClaim', deleted)
    const events = world.sink.events.length
    const statuses = world.sink.statuses.get('db')!.length
    await world.restart()
    world.desired.put('PersistentVolume', disk({ local: { path: dir } }, { labels: { seen: 'again' } }))
    await world.until('adopted', () => world.sink.statuses.get('db')!.length > statuses || world.kubelet.ready)
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    expect([world.sink.isReady('db'), world.sink.events.slice(events)]).toEqual([true, []])
  })

  it('made for a pod is taken by no other of its name', async () => {
    const own = makePod('db', { containers: [{ name: 'main', image: 'busybox:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', ephemeral: {} }] })
    const made = (uid: string) => ({ ...claim('Bound'), metadata: { name: 'db-v', namespace: 'default', uid: 'c1', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'db', uid, controller: true }] } })
    world.desired.put('PersistentVolume', disk({ local: { path: dir } }))
    world.desired.put('PersistentVolumeClaim', made('older'))
    world.desired.put('Pod', own)
    await said(`${unmounted}PVC default/db-v was not created for pod default/db (pod is not owner)`)
    world.desired.put('PersistentVolumeClaim', made('uid-db'))
    await world.until('ready', () => world.sink.isReady('db'))
  })
})

describe('a volume', () => {
  const bound = (spec: PersistentVolumeSpec, pod = using(), metadata: object = {}): void => {
    world.desired.put('PersistentVolumeClaim', claim('Bound'))
    world.desired.put('PersistentVolume', disk(spec, metadata))
    world.desired.put('Pod', pod)
  }

  it('that is local must be there', async () => {
    bound({ local: { path: `${dir}/no` } })
    await said(`MountVolume.NewMounter initialization failed for volume "disk" : path "${dir}/no" does not exist`)
  })

  it('of our own provisioner is made when it is first used, for everybody', async () => {
    bound({ local: { path: `${dir}/made/here` } }, using(), { annotations: { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path' } })
    await world.until('ready', () => world.sink.isReady('db'))
    expect((await stat(`${dir}/made/here`)).mode & 0o777).toBe(0o777)
  })

  it('of another node is refused', async () => {
    world.desired.put('Node', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'pi-1', labels: { 'kubernetes.io/hostname': 'pi-1' } } })
    bound({ local: { path: dir }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['pi-2'] }] }] } } })
    await said('MountVolume.NodeAffinity check failed for volume "disk" : no matching NodeSelectorTerms')
  })

  it('that is local goes to the group of the pod', async () => {
    const map = (k: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'default' }, data: { k } })
    // The second volume tells when both have been brought up to date: they are in this order.
    const shown = (k: string) => world.until(`k is ${k}`, () => readFileSync(`${world.dataDir}/pods/uid-db/volumes/configMap/m/k`, 'utf8') === k)
    world.desired.put('ConfigMap', map('1'))
    bound({ local: { path: dir } }, using(
      { securityContext: { fsGroup: 4321 }, volumes: [...using().spec!.volumes!, { name: 'm', configMap: { name: 'm' } }], containers: [{ name: 'main', image: 'busybox:1', volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'm', mountPath: '/m' }] }] },
    ))
    await world.until('ready', () => world.sink.isReady('db'))
    expect([(await stat(dir)).gid, (await stat(dir)).mode & 0o2070]).toEqual([4321, 0o2070])
    // What a container does with it afterwards stays, also when another volume of the pod is brought up to date, or the agent starts anew.
    await chown(dir, 0, 77)
    world.desired.put('ConfigMap', map('2'))
    await shown('2')
    expect((await stat(dir)).gid).toBe(77)
    await world.restart()
    world.desired.put('ConfigMap', map('3'))
    await shown('3')
    expect((await stat(dir)).gid).toBe(77)
  })

  it('of a kind that is not there is refused by name', async () => {
    bound({ csi: { driver: 'x', volumeHandle: 'y' }, accessModes: ['ReadWriteOnce'] })
    await said('MountVolume.SetUp failed for volume "disk" : volume kind csi is not supported on this node')
  })

  it('that is a device is one for volumeDevices alone', async () => {
    await writeFile(`${dir}/file`, '')
    bound({ local: { path: `${dir}/file` }, volumeMode: 'Block' })
    await said(`${unmounted}volume v has volumeMode Block, but is specified in volumeMounts`)
    bound({ local: { path: `${dir}/file` }, volumeMode: 'Block' }, { ...using({}, { volumeDevices: [{ name: 'v', devicePath: '/dev/disk' }] }), metadata: { ...using().metadata, name: 'raw', uid: 'uid-raw' } })
    await said(`MapVolume.SetUpDevice failed for volume "disk" : ${dir}/file is not a block device`)
  })

  it('of NFS is mounted by server, path and options', () => {
    expect(nfsMount({ server: 'fd00::1', path: '/srv', readOnly: true, options: ['nfsvers=4.1'] }, '/t')).toEqual({ type: 'nfs', source: '[fd00::1]:/srv', target: '/t', options: ['ro', 'nfsvers=4.1'] })
    expect(nfsMount({ server: 'nas', path: '/srv', readOnly: false, options: [] }, '/t').source).toBe('nas:/srv')
  })
})
