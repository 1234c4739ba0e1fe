/** Deployments, ReplicaSets, scheduler and endpoints together: what a user sees of a rollout, with kills, conflicts and lost events. */
import { describe, expect, it } from 'vitest'
import type { Deployment } from '../../shared/api/apps-v1.ts'
import { isPodActive, isPodReady } from '../../shared/api/pod-phase.ts'
import { refs } from '../../shared/api/refs.ts'
import { createWorld, node, seeded, type World } from './harness.ts'

const web = (replicas: number, image = 'web:1', more: Partial<Deployment['spec']> = {}): Deployment & { metadata: { name: string; namespace: string } } => ({
  metadata: { name: 'web', namespace: 'default', annotations: { 'kubernetes.io/change-cause': image } },
  spec: {
    replicas, selector: { matchLabels: { app: 'web' } }, revisionHistoryLimit: 10, progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 80 }] }] } }, ...more,
  },
})
const key = { namespace: 'default', name: 'web' }
const active = (w: World) => w.source.all(refs.Pod, 'default').filter(isPodActive)
const images = (w: World) => [...new Set(active(w).map((p) => p.spec?.containers[0]?.image))]
const deployment = (w: World) => w.source.all(refs.Deployment, 'default')[0]!
const complete = (w: World, image: string, n: number) => () => {
  const d = deployment(w)
  return d.status?.observedGeneration === d.metadata.generation && d.status?.updatedReplicas === n && d.status.replicas === n && d.status.availableReplicas === n && images(w).join() === image
}
const setImage = (w: World, image: string) => w.source.edit(refs.Deployment, key, (d) => {
  d.spec!.template.spec!.containers[0]!.image = image
  d.metadata!.annotations = { ...d.metadata!.annotations, 'kubernetes.io/change-cause': image }
})
async function world(options: { replicas: number; more?: Partial<Deployment['spec']>; seed?: number }): Promise<World> {
  const w = createWorld(options.seed)
  const client = w.source.client()
  await client.create(refs.Namespace, { metadata: { name: 'default' } })
  await client.create(refs.Node, node('pi-1'))
  await client.create(refs.Node, node('pi-2'))
  await client.create(refs.Deployment, web(options.replicas, 'web:1', options.more))
  return w
}

describe('rollout', () => {
  it('runs, updates within its bounds, and rolls back with the revisions kubectl expects', async () => {
    const w = await world({ replicas: 10 })
    const plane = w.start()
    await w.until('first rollout', complete(w, 'web:1', 10))
    let low = Infinity
    let high = 0
    w.onStep = () => { low = Math.min(low, active(w).filter(isPodReady).length); high = Math.max(high, active(w).length) }
    setImage(w, 'web:2')
    await w.until('second rollout', complete(w, 'web:2', 10))
    expect(low).toBeGreaterThanOrEqual(8)
    expect(high).toBeLessThanOrEqual(13)
    expect(low).toBeLessThan(13)
    expect(deployment(w).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2')
    setImage(w, 'web:1')
    await w.until('rollback', complete(w, 'web:1', 10))
    const sets = w.source.all(refs.ReplicaSet)
    expect(sets).toHaveLength(2)
    expect(sets.map((s) => [s.spec?.template?.spec?.containers[0]?.image, s.metadata.annotations?.['deployment.kubernetes.io/revision'], s.metadata.annotations?.['deployment.kubernetes.io/revision-history'], s.spec?.replicas]).sort())
      .toEqual([['web:1', '3', '1', 10], ['web:2', '2', undefined, 0]])
    expect(deployment(w).status?.conditions).toMatchObject([
      { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' },
      { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: expect.stringMatching(/^ReplicaSet "web-\w+" has successfully progressed\.$/) },
    ])
    await plane.stop()
  })

  it('is idle once it is done: nothing is written', async () => {
    const w = await world({ replicas: 5 })
    const plane = w.start()
    await w.until('rollout', complete(w, 'web:1', 5))
    await w.pass(20_000)
    const revision = w.source.revision
    await w.pass(600_000)
    expect(w.source.revision).toBe(revision)
    await plane.stop()
  })

  it('Recreate lets the last old pod go before the first new one', async () => {
    const w = await world({ replicas: 4, more: { strategy: { type: 'Recreate' } } })
    const plane = w.start()
    await w.until('first rollout', complete(w, 'web:1', 4))
    const mixes: string[][] = []
    w.onStep = () => { mixes.push([...new Set(w.source.all(refs.Pod).map((p) => p.spec?.containers[0]?.image ?? ''))]) }
    setImage(w, 'web:2')
    await w.until('second rollout', complete(w, 'web:2', 4))
    expect(mixes.every((m) => m.length < 2)).toBe(true)
    await plane.stop()
  })

  it('a paused rollout scales but does not change, and goes on when resumed', async () => {
    const w = await world({ replicas: 4 })
    const plane = w.start()
    await w.until('first rollout', complete(w, 'web:1', 4))
    w.source.edit(refs.Deployment, key, (d) => { d.spec!.paused = true; d.spec!.replicas = 6 })
    setImage(w, 'web:2')
    await w.until('scaled', () => active(w).filter(isPodReady).length === 6)
    await w.pass(5000)
    expect(images(w)).toEqual(['web:1'])
    expect(deployment(w).status?.conditions?.find((c) => c.type === 'Progressing')?.reason).toBe('DeploymentPaused')
    w.source.edit(refs.Deployment, key, (d) => { delete d.spec!.paused })
    await w.until('resumed', complete(w, 'web:2', 6))
    await plane.stop()
  })

  it('says when it makes no progress, and keeps the old pods serving', async () => {
    const w = await world({ replicas: 4, more: { progressDeadlineSeconds: 60 } })
    const plane = w.start()
    await w.until('first rollout', complete(w, 'web:1', 4))
    const { runPods } = await import('./harness.ts')
    w.kubelet = (s) => { runPods(s, (p) => p.spec?.containers[0]?.image !== 'web:broken') }
    setImage(w, 'web:broken')
    await w.until('deadline', () => deployment(w).status?.conditions?.find((c) => c.type === 'Progressing')?.reason === 'ProgressDeadlineExceeded', 90_000)
    expect(active(w).filter((p) => isPodReady(p) && p.spec?.containers[0]?.image === 'web:1').length).toBeGreaterThanOrEqual(3)
    await plane.stop()
  })

  it('keeps only so many old sets as the history limit says', async () => {
    const w = await world({ replicas: 1, more: { revisionHistoryLimit: 2 } })
    const plane = w.start()
    for (let i = 1; i <= 5; i++) {
      setImage(w, `web:${i}`)
      await w.until(`rollout ${i}`, complete(w, `web:${i}`, 1))
    }
    await w.until('cleanup', () => w.source.all(refs.ReplicaSet).length === 3)
    await plane.stop()
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('ends with exactly 30 pods whatever kills it on the way (seed %i)', async (seed) => {
    const w = await world({ replicas: 30, seed })
    const random = seeded(seed * 7919)
    let plane = w.start({ crashAfter: Math.floor(random() * 40), loseAnswer: random() < 0.5 })
    let kills = 0
    let updated = false
    let highest = 0
    w.onStep = () => { highest = Math.max(highest, active(w).length) }
    for (let step = 0; step < 4000; step++) {
      await w.pass(50)
      if (random() < 0.05) w.source.injectConflicts(random() < 0.5 ? refs.ReplicaSet : refs.Deployment, 3)
      if (random() < 0.03) w.source.breakWatches()
      if (random() < 0.02) w.source.compact()
      if (!updated && step > 20) { updated = true; setImage(w, 'web:2') }
      if (plane.crashed) {
        await plane.stop()
        kills++
        plane = w.start(kills < 12 ? { crashAfter: Math.floor(random() * 40), loseAnswer: random() < 0.5 } : {})
      }
      if (updated && complete(w, 'web:2', 30)() && kills >= 6) break
    }
    await w.until('rollout', complete(w, 'web:2', 30))
    await w.pass(10_000)
    expect(active(w)).toHaveLength(30)
    expect(images(w)).toEqual(['web:2'])
    expect(kills).toBeGreaterThanOrEqual(2)
    expect(highest).toBeLessThanOrEqual(38)
    await plane.stop()
  })

  it('finds out what lost events did not tell it, once the watch is renewed', async () => {
    const w = await world({ replicas: 6 })
    const plane = w.start()
    await w.until('rollout', complete(w, 'web:1', 6))
    w.source.forgetEvents(refs.Pod)
    for (const pod of active(w).slice(0, 3)) w.source.remove(refs.Pod, { namespace: 'default', name: pod.metadata.name })
    await w.pass(5000)
    expect(active(w)).toHaveLength(3)
    w.source.forgetEvents(refs.Pod, false)
    w.source.compact()
    await w.until('recovered', () => active(w).filter(isPodReady).length === 6)
    await plane.stop()
  })
})
