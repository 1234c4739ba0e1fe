import { describe, expect, it } from 'vitest'
import type { DaemonSet } from '../../shared/api/apps-v1.ts'
import type { Job } from '../../shared/api/batch-v1.ts'
import type { Pod } from '../../shared/api/core-v1.ts'
import { refs } from '../../shared/api/refs.ts'
import { createWorld, node, runPods, type World } from './harness.ts'
import { isFinished } from './job/plan.ts'

const namespace = 'default'
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const job = (spec: Partial<NonNullable<Job['spec']>>): Job & { metadata: { name: string; namespace: string } } =>
  ({ metadata: { name: 'j', namespace }, spec: { selector: { matchLabels: { app: 'x' } }, parallelism: 2, backoffLimit: 6, template, ...spec } })
const theJob = (world: World): Job | undefined => world.source.all(refs.Job)[0]

/** Pods run and end with this phase in the next step of time. */
function endPods(world: World, phase: (pod: Pod) => 'Succeeded' | 'Failed'): void {
  world.kubelet = (source) => {
    for (const pod of source.all(refs.Pod)) {
      if (pod.status?.phase === 'Running') source.edit(refs.Pod, { namespace, name: pod.metadata.name }, (p) => { p.status = { ...p.status, phase: phase(pod), conditions: [] } })
    }
    runPods(source)
  }
}

async function prepare(nodes: readonly string[] = ['a', 'b']): Promise<World> {
  const world = createWorld()
  const client = world.source.client()
  await client.create(refs.Namespace, { metadata: { name: namespace } })
  for (const name of nodes) await client.create(refs.Node, node(name))
  return world
}

describe('a Job', () => {
  it('runs as many pods as it needs, counts each once, and is complete', async () => {
    const world = await prepare()
    endPods(world, () => 'Succeeded')
    await world.source.client().create(refs.Job, job({ completions: 5 }))
    const plane = world.start()
    await world.until('finished', () => isFinished(theJob(world) ?? {}))
    expect(theJob(world)?.status).toMatchObject({ succeeded: 5, completionTime: expect.any(String) })
    expect(theJob(world)?.status?.conditions?.filter((c) => c.status === 'True').map((c) => [c.type, c.reason])).toEqual([['SuccessCriteriaMet', 'CompletionsReached'], ['Complete', 'CompletionsReached']])
    await world.until('finalizers are off', () => world.source.all(refs.Pod).every((p) => !p.metadata.finalizers?.length))
    expect(world.source.all(refs.Pod)).toHaveLength(5)
    await plane.stop()
  })

  it('with indexes has one pod succeed for each', async () => {
    const world = await prepare()
    endPods(world, () => 'Succeeded')
    await world.source.client().create(refs.Job, job({ completions: 3, completionMode: 'Indexed' }))
    const plane = world.start()
    await world.until('finished', () => isFinished(theJob(world) ?? {}))
    expect(theJob(world)?.status?.completedIndexes).toBe('0-2')
    expect(world.source.all(refs.Pod).map((p) => p.spec?.hostname).sort()).toEqual(['j-0', 'j-1', 'j-2'])
    await plane.stop()
  })

  it('fails when its pods failed too often, waiting longer each time', async () => {
    const world = await prepare()
    endPods(world, () => 'Failed')
    await world.source.client().create(refs.Job, job({ completions: 1, parallelism: 1, backoffLimit: 2 }))
    const plane = world.start()
    const began = world.clock.now()
    await world.until('failed', () => isFinished(theJob(world) ?? {}))
    expect(theJob(world)?.status).toMatchObject({ failed: 3, conditions: [{ type: 'FailureTarget' }, { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }] })
    expect(world.clock.now() - began).toBeGreaterThan(25_000)
    await plane.stop()
  })

  it('suspended has no pods and no start time, and goes on when resumed', async () => {
    const world = await prepare()
    await world.source.client().create(refs.Job, job({ completions: 2, suspend: true }))
    const plane = world.start()
    await world.until('suspended', () => theJob(world)?.status?.conditions?.[0]?.type === 'Suspended')
    await world.pass(1000)
    expect(world.source.all(refs.Pod)).toHaveLength(0)
    expect(theJob(world)?.status?.startTime).toBeUndefined()
    world.source.edit(refs.Job, { namespace, name: 'j' }, (j) => { if (j.spec) j.spec.suspend = false })
    await world.until('pods', () => world.source.all(refs.Pod).length === 2)
    expect(theJob(world)?.status?.startTime).toBeDefined()
    await plane.stop()
  })

  it('goes when its time after the end is over', async () => {
    const world = await prepare()
    endPods(world, () => 'Succeeded')
    await world.source.client().create(refs.Job, job({ completions: 1, ttlSecondsAfterFinished: 5 }))
    const plane = world.start()
    await world.until('finished', () => isFinished(theJob(world) ?? {}))
    await world.until('gone', () => theJob(world) === undefined || theJob(world)?.metadata?.deletionTimestamp !== undefined, 20_000)
    await plane.stop()
  })

  it.each([3, 5, 7, 9, 11])('killed after %i writes counts no pod twice', async (crashAfter) => {
    const world = await prepare()
    endPods(world, () => 'Succeeded')
    await world.source.client().create(refs.Job, job({ completions: 4 }))
    const first = world.start({ crashAfter })
    await world.until('killed or done', () => first.crashed || isFinished(theJob(world) ?? {}))
    await first.stop()
    const second = world.start()
    await world.until('finished', () => isFinished(theJob(world) ?? {}))
    expect(theJob(world)?.status?.succeeded).toBe(4)
    await second.stop()
  })
})

describe('a DaemonSet', () => {
  const set = (image: string): DaemonSet & { metadata: { name: string; namespace: string } } => ({
    metadata: { name: 'd', namespace }, spec: { selector: { matchLabels: { app: 'x' } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }, template: { ...template, spec: { containers: [{ name: 'c', image }] } } },
  })
  const images = (world: World): string[] => world.source.all(refs.Pod).filter((p) => !p.metadata.deletionTimestamp).map((p) => `${p.spec?.nodeName}=${p.spec?.containers[0]?.image}`).sort()

  it('has a pod on every node, follows nodes and rolls its template out one by one', async () => {
    const world = await prepare()
    await world.source.client().create(refs.DaemonSet, set('one'))
    const plane = world.start()
    const ready = (n: number) => (): boolean => world.source.all(refs.DaemonSet)[0]?.status?.numberAvailable === n
    await world.until('two ready', ready(2))
    await world.source.client().create(refs.Node, node('c'))
    await world.until('three ready', ready(3))
    expect(images(world)).toEqual(['a=one', 'b=one', 'c=one'])
    let fewest = 3
    world.onStep = () => { fewest = Math.min(fewest, world.source.all(refs.Pod).filter((p) => p.status?.phase === 'Running' && !p.metadata.deletionTimestamp).length) }
    world.source.edit(refs.DaemonSet, { namespace, name: 'd' }, (d) => { if (d.spec?.template.spec?.containers[0]) d.spec.template.spec.containers[0].image = 'two' })
    await world.until('rolled out', () => images(world).join() === 'a=two,b=two,c=two' && ready(3)())
    expect(fewest).toBe(2)
    expect(world.source.all(refs.ControllerRevision).map((r) => r.revision).sort()).toEqual([1, 2])
    await plane.stop()
  })
})

describe('a claim', () => {
  it('stays while a pod uses it, and goes with the pod', async () => {
    const world = await prepare()
    const client = world.source.client()
    await client.create(refs.PersistentVolumeClaim, { metadata: { name: 'data', namespace, finalizers: ['kubernetes.io/pvc-protection'] } })
    await client.create(refs.Pod, { metadata: { name: 'p', namespace }, spec: { nodeName: 'a', containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } })
    const plane = world.start()
    await world.until('running', () => world.source.all(refs.Pod)[0]?.status?.phase === 'Running')
    await client.delete(refs.PersistentVolumeClaim, { namespace, name: 'data' })
    await world.pass(1000)
    expect(world.source.all(refs.PersistentVolumeClaim)).toHaveLength(1)
    await client.delete(refs.Pod, { namespace, name: 'p' })
    await world.until('gone', () => world.source.all(refs.PersistentVolumeClaim).length === 0)
    await plane.stop()
  })
})

describe('a disruption budget', () => {
  it('allows what leaves enough healthy pods', async () => {
    const world = await prepare()
    const client = world.source.client()
    await client.create(refs.PodDisruptionBudget, { metadata: { name: 'b', namespace }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'x' } } } })
    await client.create(refs.ReplicaSet, { metadata: { name: 'r', namespace }, spec: { replicas: 3, selector: { matchLabels: { app: 'x' } }, template } })
    const plane = world.start()
    const status = () => world.source.all(refs.PodDisruptionBudget)[0]?.status
    await world.until('one may go', () => status()?.disruptionsAllowed === 1)
    expect(status()).toMatchObject({ expectedPods: 3, desiredHealthy: 2, currentHealthy: 3, conditions: [{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }] })
    await plane.stop()
  })
})
