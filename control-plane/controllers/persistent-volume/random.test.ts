/** Claims, volumes and pods that come and go at random, with a control plane that is killed now and then: what holds whatever the order. */
import { expect, it } from 'vitest'
import { refs } from '../../../shared/api/refs.ts'
import { reachableFrom } from '../../../shared/values/volume-match.ts'
import { createWorld, node, seeded, type World } from '../harness.ts'

const namespace = 'default'
const onNode = (name: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] } })

/** True at every moment, also in the middle of a binding. */
function check(world: World): void {
  const volumes = new Map(world.source.all(refs.PersistentVolume).map((v) => [v.metadata.name, v]))
  const claims = world.source.all(refs.PersistentVolumeClaim)
  const named = new Set<string>()
  for (const claim of claims) {
    const volume = volumes.get(claim.spec?.volumeName ?? '')
    if (!volume) continue
    expect(named.has(volume.metadata.name), `${volume.metadata.name} has two claims`).toBe(false)
    named.add(volume.metadata.name)
    if (claim.status?.phase === 'Bound') expect(volume.spec?.claimRef?.uid, `the volume of ${claim.metadata.name}`).toBe(claim.metadata.uid)
  }
  for (const pod of world.source.all(refs.Pod)) {
    if (!pod.spec?.nodeName) continue
    for (const v of pod.spec.volumes ?? []) {
      const claim = claims.find((c) => c.metadata.name === v.persistentVolumeClaim?.claimName)
      const volume = volumes.get(claim?.spec?.volumeName ?? '')
      // A claim may be deleted under a pod here: the fake knows no finalizers.
      if (claim?.status?.phase === 'Bound' && volume) expect(reachableFrom(volume, node(pod.spec.nodeName) as never), `${pod.metadata.name} on ${pod.spec.nodeName}`).toBe(true)
    }
  }
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])('keeps one volume for one claim, and pods with their volumes (seed %i)', async (seed) => {
  const random = seeded(seed)
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)]
  const world = createWorld(seed)
  const client = world.source.client()
  await client.create(refs.Namespace, { metadata: { name: namespace } })
  for (const name of ['a', 'b', 'c']) await client.create(refs.Node, node(name))
  await client.create(refs.StorageClass, { metadata: { name: 'wait' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' })
  let plane = world.start()
  let n = 0
  const size = (): string => `${1 + Math.floor(random() * 5)}Gi`
  const steps: (() => Promise<unknown>)[] = [
    () => client.create(refs.PersistentVolume, { metadata: { name: `v${n++}` }, spec: { capacity: { storage: size() }, accessModes: ['ReadWriteOnce'], storageClassName: pick(['wait', 'now'])!, local: { path: '/x' }, nodeAffinity: onNode(pick(['a', 'b', 'c'])!) } }),
    () => client.create(refs.PersistentVolumeClaim, { metadata: { name: `c${n++}`, namespace }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: pick(['wait', 'now', 'local-path'])!, resources: { requests: { storage: size() } } } }),
    async () => {
      const claims = [pick(world.source.all(refs.PersistentVolumeClaim)), pick(world.source.all(refs.PersistentVolumeClaim))].flatMap((c) => (c ? [c.metadata.name] : []))
      await client.create(refs.Pod, { metadata: { name: `p${n++}`, namespace }, spec: { containers: [{ name: 'c', image: 'i' }], volumes: [...new Set(claims)].map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) } } as never)
    },
    async () => {
      const used = new Set(world.source.all(refs.Pod).flatMap((p) => p.spec?.volumes?.map((v) => v.persistentVolumeClaim?.claimName) ?? []))
      const claim = pick(world.source.all(refs.PersistentVolumeClaim).filter((c) => !used.has(c.metadata.name)))
      if (claim) world.source.remove(refs.PersistentVolumeClaim, { namespace, name: claim.metadata.name })
    },
    async () => { const pod = pick(world.source.all(refs.Pod)); if (pod) world.source.remove(refs.Pod, { namespace, name: pod.metadata.name }) },
    async () => {
      await plane.stop()
      const killed = world.start({ crashAfter: Math.floor(random() * 6) })
      await world.pass(200)
      await killed.stop()
      plane = world.start()
    },
  ]
  for (let i = 0; i < 60; i++) {
    await pick([...steps, steps[0]!, steps[1]!, steps[2]!])!()
    for (let t = 0; t < 3; t++) { await world.pass(50); check(world) }
  }
  // At rest: nothing is half bound.
  await world.pass(30_000)
  check(world)
  for (const volume of world.source.all(refs.PersistentVolume)) {
    const claim = world.source.all(refs.PersistentVolumeClaim).find((c) => c.metadata.uid === volume.spec?.claimRef?.uid)
    const wanted = !volume.spec?.claimRef ? 'Available' : claim ? 'Bound' : 'Released'
    expect([volume.metadata.name, volume.status?.phase]).toEqual([volume.metadata.name, wanted])
    if (claim) expect([claim.spec?.volumeName, claim.status?.phase]).toEqual([volume.metadata.name, 'Bound'])
  }
  const bound = world.source.all(refs.PersistentVolumeClaim).filter((c) => c.status?.phase === 'Bound')
  expect(bound.length).toBeGreaterThan(0)
  await plane.stop()
})
