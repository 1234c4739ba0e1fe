import { describe, expect, it } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { matchVolume } from '../../../shared/values/volume-match.ts'
import { createWorld, node, type World } from '../harness.ts'

const namespace = 'default'
const volume = (name: string, spec: object = {}): PersistentVolume & { metadata: { name: string } } =>
  ({ metadata: { name }, spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'manual', persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/x' }, ...spec } })
const claim = (name: string, spec: object = {}): PersistentVolumeClaim & { metadata: { name: string; namespace: string } } =>
  ({ metadata: { name, namespace }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'manual', resources: { requests: { storage: '500Mi' } }, ...spec } })
const pod = (name: string, volumes: object[]) => ({ metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i' }], volumes } }) as never
const onNode = (name: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] } })

async function prepare(nodes: readonly string[] = []): Promise<World> {
  const world = createWorld()
  const client = world.source.client()
  await client.create(refs.Namespace, { metadata: { name: namespace } })
  for (const name of nodes) await client.create(refs.Node, node(name))
  return world
}
const volumeOf = (world: World, name: string) => world.source.all(refs.PersistentVolume).find((v) => v.metadata.name === name)
const claimOf = (world: World, name: string) => world.source.all(refs.PersistentVolumeClaim).find((c) => c.metadata.name === name)
const told = (world: World, name: string) => world.source.all(refs.Event).filter((e) => e.involvedObject.name === name).map((e) => `${e.reason}: ${e.message}`)
const isBound = (world: World, c: string, v: string): boolean => claimOf(world, c)?.status?.phase === 'Bound' && claimOf(world, c)?.spec?.volumeName === v && volumeOf(world, v)?.status?.phase === 'Bound'

describe('the binder', () => {
  it('gives a claim the smallest volume that suits it, and releases the volume when the claim goes', async () => {
    const world = await prepare()
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.PersistentVolumeClaim, claim('data'))
    await world.until('waits', () => claimOf(world, 'data')?.status?.phase === 'Pending')
    for (const [name, storage] of [['large', '5Gi'], ['small', '1Gi'], ['tiny', '1Mi']]) await client.create(refs.PersistentVolume, volume(name!, { capacity: { storage } }))
    await client.create(refs.PersistentVolume, volume('other-class', { storageClassName: 'fast', capacity: { storage: '600Mi' } }))
    await world.until('bound', () => isBound(world, 'data', 'small'))
    expect(claimOf(world, 'data')).toMatchObject({ metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' } }, status: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } })
    expect(volumeOf(world, 'small')).toMatchObject({ metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } }, spec: { claimRef: { kind: 'PersistentVolumeClaim', namespace, name: 'data', uid: claimOf(world, 'data')?.metadata.uid } } })
    expect(['large', 'tiny', 'other-class'].map((n) => volumeOf(world, n)?.status?.phase)).toEqual(['Available', 'Available', 'Available'])
    expect(told(world, 'data')).toEqual(['ProvisioningFailed: storageclass.storage.k8s.io "manual" not found'])
    await client.delete(refs.PersistentVolumeClaim, { namespace, name: 'data' })
    await world.until('released', () => volumeOf(world, 'small')?.status?.phase === 'Released')
    await client.create(refs.PersistentVolumeClaim, claim('data'))
    // A released volume has somebody's data: it is given to nobody, not even to a claim of the old name.
    await world.until('the next', () => isBound(world, 'data', 'large'))
    await plane.stop()
  })

  it('gives two claims two volumes, whatever the order', async () => {
    const world = await prepare()
    const client = world.source.client()
    for (let i = 0; i < 5; i++) await client.create(refs.PersistentVolume, volume(`v${i}`))
    for (let i = 0; i < 5; i++) await client.create(refs.PersistentVolumeClaim, claim(`c${i}`))
    const plane = world.start()
    await world.until('all bound', () => world.source.all(refs.PersistentVolumeClaim).every((c) => c.status?.phase === 'Bound'))
    expect(new Set(world.source.all(refs.PersistentVolumeClaim).map((c) => c.spec?.volumeName)).size).toBe(5)
    await plane.stop()
  })

  it('finishes what a crash left half done, after every write', async () => {
    for (let writes = 1; writes <= 7; writes++) {
      const world = await prepare()
      const client = world.source.client()
      await client.create(refs.PersistentVolume, volume('v'))
      await client.create(refs.PersistentVolume, volume('w'))
      await client.create(refs.PersistentVolumeClaim, claim('c'))
      const first = world.start({ crashAfter: writes })
      await world.pass(2000)
      await first.stop()
      const second = world.start()
      await world.until(`bound after ${writes} writes`, () => claimOf(world, 'c')?.status?.phase === 'Bound')
      const to = claimOf(world, 'c')!.spec!.volumeName!
      await world.until('one bound, one free', () => isBound(world, 'c', to) && volumeOf(world, to === 'v' ? 'w' : 'v')?.status?.phase === 'Available')
      await second.stop()
    }
  })

  it('takes a person at their word, and says what is wrong with it', async () => {
    const world = await prepare()
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.PersistentVolume, volume('kept', { claimRef: { namespace, name: 'mine' } }))
    await client.create(refs.PersistentVolume, volume('small', { capacity: { storage: '1Mi' } }))
    await client.create(refs.PersistentVolumeClaim, claim('thief', { volumeName: 'kept' }))
    await client.create(refs.PersistentVolumeClaim, claim('much', { volumeName: 'small' }))
    await world.until('told', () => told(world, 'thief').length > 0 && told(world, 'much').length > 0)
    expect(told(world, 'thief')).toEqual(['FailedBinding: volume "kept" already bound to a different claim.'])
    expect(told(world, 'much')).toEqual(['VolumeMismatch: Cannot bind to requested volume "small": requested PV is too small'])
    await client.create(refs.PersistentVolumeClaim, claim('mine'))
    await world.until('bound', () => isBound(world, 'mine', 'kept'))
    expect(volumeOf(world, 'kept')?.metadata.annotations ?? {}).not.toHaveProperty('pv.kubernetes.io/bound-by-controller')
    await plane.stop()
  })

  it('loses a claim whose volume is gone, and fails a volume that it cannot delete', async () => {
    const world = await prepare()
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.PersistentVolume, volume('v', { persistentVolumeReclaimPolicy: 'Delete' }))
    await client.create(refs.PersistentVolume, volume('w', { capacity: { storage: '2Gi' } }))
    for (const name of ['a', 'b']) {
      await client.create(refs.PersistentVolumeClaim, claim(name))
      await world.until('bound', () => claimOf(world, name)?.status?.phase === 'Bound')
    }
    await client.delete(refs.PersistentVolumeClaim, { namespace, name: 'a' })
    await world.until('failed', () => volumeOf(world, 'v')?.status?.phase === 'Failed')
    expect(told(world, 'v')).toEqual(['VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched'])
    world.source.remove(refs.PersistentVolume, { name: 'w' })
    await world.until('lost', () => claimOf(world, 'b')?.status?.phase === 'Lost')
    expect(told(world, 'b')).toContain('ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!')
    await plane.stop()
  })

  it('waits for the first pod where the class says so, and binds what the scheduler chose for it', async () => {
    const world = await prepare(['a', 'b'])
    const client = world.source.client()
    await client.create(refs.StorageClass, { metadata: { name: 'local' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' })
    await client.create(refs.PersistentVolume, volume('on-b', { storageClassName: 'local', nodeAffinity: onNode('b') }))
    const plane = world.start()
    await client.create(refs.PersistentVolumeClaim, claim('data', { storageClassName: 'local' }))
    await world.until('told', () => told(world, 'data').length > 0)
    expect(told(world, 'data')).toEqual(['WaitForFirstConsumer: waiting for first consumer to be created before binding'])
    await client.create(refs.Pod, pod('p', [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]))
    await world.until('runs', () => world.source.all(refs.Pod)[0]?.status?.phase === 'Running')
    expect(world.source.all(refs.Pod)[0]?.spec?.nodeName).toBe('b')
    expect(isBound(world, 'data', 'on-b')).toBe(true)
    await plane.stop()
  })

  it('lets one pod at a time have a claim that is for one', async () => {
    const world = await prepare(['a'])
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.PersistentVolume, volume('v', { accessModes: ['ReadWriteOncePod'] }))
    await client.create(refs.PersistentVolumeClaim, claim('one', { accessModes: ['ReadWriteOncePod'] }))
    await world.until('bound', () => isBound(world, 'one', 'v'))
    const phase = (name: string) => world.source.all(refs.Pod).find((p) => p.metadata.name === name)?.status?.phase
    await client.create(refs.Pod, pod('first', [{ name: 'v', persistentVolumeClaim: { claimName: 'one' } }]))
    await world.until('runs', () => phase('first') === 'Running')
    await client.create(refs.Pod, pod('second', [{ name: 'v', persistentVolumeClaim: { claimName: 'one' } }]))
    await world.until('told', () => told(world, 'second').some((t) => t.includes('ReadWriteOncePod access mode')))
    world.source.remove(refs.Pod, { namespace, name: 'first' })
    await world.until('runs', () => phase('second') === 'Running')
    await plane.stop()
  })

  it('leaves a pod waiting for its claim, and lets it go at once when there is a volume', async () => {
    const world = await prepare(['a'])
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.Pod, pod('p', [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]))
    await world.until('told', () => told(world, 'p').some((t) => t.includes('persistentvolumeclaim "data" not found')))
    await client.create(refs.PersistentVolumeClaim, claim('data'))
    await world.until('told again', () => told(world, 'p').some((t) => t.includes('pod has unbound immediate PersistentVolumeClaims')))
    await client.create(refs.PersistentVolume, volume('v'))
    await world.until('runs', () => world.source.all(refs.Pod)[0]?.status?.phase === 'Running')
    await plane.stop()
  })
})

describe('an ephemeral volume', () => {
  it('has a claim of its pod, which another pod\'s claim of the name is not', async () => {
    const world = await prepare(['a'])
    const client = world.source.client()
    await client.create(refs.PersistentVolume, volume('v'))
    await client.create(refs.PersistentVolumeClaim, claim('taken-scratch', { storageClassName: 'none' }))
    const plane = world.start()
    const scratch = { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: claim('x').spec } } }
    await client.create(refs.Pod, pod('p', [scratch]))
    await client.create(refs.Pod, pod('taken', [scratch]))
    await world.until('runs', () => world.source.all(refs.Pod).find((p) => p.metadata.name === 'p')?.status?.phase === 'Running')
    expect(claimOf(world, 'p-scratch')).toMatchObject({ metadata: { labels: { a: 'b' }, ownerReferences: [{ kind: 'Pod', name: 'p', controller: true, blockOwnerDeletion: true }] }, spec: { volumeName: 'v' } })
    await world.until('told', () => told(world, 'taken').some((t) => t.startsWith('FailedBinding: ephemeral volume scratch: PVC default/taken-scratch was not created for pod default/taken (pod is not owner)')))
    world.source.remove(refs.Pod, { namespace, name: 'p' })
    await world.until('collected', () => claimOf(world, 'p-scratch') === undefined)
    await plane.stop()
  })
})

describe('matching', () => {
  const stored = <T extends { metadata: object }>(o: T) => ({ ...o, metadata: { uid: 'u', resourceVersion: '1', creationTimestamp: 'now', ...o.metadata }, status: { phase: 'Available' } }) as never
  const chosen = (spec: object, volumes: object[]) => matchVolume(stored(claim('c', spec)), volumes.map((v) => stored(v as { metadata: object })))?.metadata.name
  it('asks for class, size, every access mode, volume mode and labels', () => {
    expect(chosen({}, [volume('v')])).toBe('v')
    expect(chosen({ storageClassName: '' }, [volume('v')])).toBeUndefined()
    expect(chosen({ accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] }, [volume('v')])).toBeUndefined()
    expect(chosen({ volumeMode: 'Block' }, [volume('v'), volume('block', { volumeMode: 'Block' })])).toBe('block')
    expect(chosen({ selector: { matchLabels: { disk: 'ssd' } } }, [volume('v'), { ...volume('ssd'), metadata: { name: 'ssd', labels: { disk: 'ssd' } } }])).toBe('ssd')
  })
  it('keeps what can do more for those who need it', () => {
    expect(chosen({}, [volume('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'], capacity: { storage: '600Mi' } }), volume('once', { capacity: { storage: '2Gi' } })])).toBe('once')
  })
})

describe('the class local-path', () => {
  const made = (world: World) => world.source.all(refs.PersistentVolume)[0]
  it('is there, the default, and gives a folder of the node where the first pod goes, until the claim goes', async () => {
    const world = await prepare(['a'])
    const client = world.source.client()
    const plane = world.start()
    await world.until('the class', () => world.source.all(refs.StorageClass).length === 1)
    expect(world.source.all(refs.StorageClass)[0]?.metadata).toMatchObject({ name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } })
    await client.create(refs.PersistentVolumeClaim, claim('data', { storageClassName: 'local-path' }))
    await world.pass(1000)
    expect(made(world)).toBeUndefined()
    await client.create(refs.Pod, pod('p', [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]))
    await world.until('runs', () => world.source.all(refs.Pod)[0]?.status?.phase === 'Running')
    const name = `pvc-${claimOf(world, 'data')?.metadata.uid}`
    expect(made(world)).toMatchObject({
      metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': 'bramble.dev/local-path' } }, status: { phase: 'Bound' },
      spec: { local: { path: `/var/lib/bramble/local-path/${name}_default_data` }, persistentVolumeReclaimPolicy: 'Delete', capacity: { storage: '500Mi' }, nodeAffinity: onNode('a') },
    })
    expect(told(world, 'data')).toContain(`ProvisioningSucceeded: Successfully provisioned volume ${name}`)
    world.source.remove(refs.Pod, { namespace, name: 'p' })
    await client.delete(refs.PersistentVolumeClaim, { namespace, name: 'data' })
    world.nodesOnline = false
    await world.until('told', () => told(world, name).length > 0)
    expect(told(world, name)).toEqual(['VolumeFailedDelete: node a is not connected'])
    world.nodesOnline = true
    for (const status of ['False', 'True']) {
      world.source.edit(refs.Node, { name: 'a' }, (n) => { n.status = { ...n.status, conditions: [{ type: 'Ready', status }] } })
      await world.pass(100)
    }
    await world.until('removed', () => made(world) === undefined)
    expect(world.removedVolumes).toEqual([`a:/var/lib/bramble/local-path/${name}_default_data`])
    await plane.stop()
  })

  it('is given to claims that were made before there was a default, and to none that want no class', async () => {
    const world = await prepare()
    const client = world.source.client()
    const { storageClassName: _, ...none } = claim('x').spec!
    await client.create(refs.PersistentVolumeClaim, { metadata: { name: 'early', namespace }, spec: none })
    await client.create(refs.PersistentVolumeClaim, claim('never', { storageClassName: '' }))
    const plane = world.start()
    await world.until('the class', () => claimOf(world, 'early')?.spec?.storageClassName === 'local-path' && told(world, 'early').some((t) => t.startsWith('WaitForFirstConsumer')))
    expect([claimOf(world, 'never')?.spec?.storageClassName, told(world, 'never')]).toEqual(['', ['FailedBinding: no persistent volumes available for this claim and no storage class is set']])
    await plane.stop()
  })

  it('says what it cannot make', async () => {
    const world = await prepare(['a'])
    const client = world.source.client()
    const plane = world.start()
    await client.create(refs.PersistentVolumeClaim, claim('shared', { storageClassName: 'local-path', accessModes: ['ReadWriteMany'] }))
    await client.create(refs.Pod, pod('p', [{ name: 'v', persistentVolumeClaim: { claimName: 'shared' } }]))
    await world.until('told', () => told(world, 'shared').some((t) => t === 'ProvisioningFailed: failed to provision volume with StorageClass "local-path": access mode ReadWriteMany is not supported: the folder is on one node'))
    await plane.stop()
  })
})
