import { describe, expect, it, onTestFinished } from 'vitest'
import type { Pod } from '../../shared/api/core-v1.ts'
import { refs } from '../../shared/api/refs.ts'
import { createFakeApiSource, type FakeHook } from '../../shared/client/fake-api-source.ts'
import { Metrics } from '../../shared/base/metrics.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { createSharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { storedPod } from './harness.ts'
import { startScheduler } from './loop.ts'

async function world(hook?: FakeHook) {
  const clock = new FakeClock()
  const source = createFakeApiSource({ clock })
  const client = source.client()
  const metrics = new Metrics()
  const host = { clock, random: systemRandom, log: silentLog, metrics }
  const informers = createSharedInformers({ client: source.client(), host })
  const scheduler = startScheduler({ client: source.client(hook), informers, host })
  onTestFinished(async () => { await scheduler.close(); await informers.close() })
  const create = (name: string, spec: Partial<Pod['spec']> = {}, requests: Record<string, string> = {}) => client.create(refs.Pod, { metadata: { namespace: 'default', name }, spec: { ...storedPod(name, {}, requests).spec, ...spec } as NonNullable<Pod['spec']> })
  const addNode = (name: string, cpu = '1') => client.create(refs.Node, { metadata: { name }, status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } })
  const until = async (what: () => boolean, limit = 60_000) => { for (let t = 0; !what(); t += 20) { if (t > limit) throw new Error('not reached'); await clock.advance(20) } }
  const nodeOf = (name: string) => source.all(refs.Pod).find((p) => p.metadata.name === name)?.spec?.nodeName
  return { clock, source, client, scheduler, metrics, create, addNode, until, nodeOf }
}

describe('scheduler', () => {
  it('binds at once, without time passing, and says so', async () => {
    const w = await world()
    await w.addNode('a')
    await w.create('p')
    await w.until(() => w.nodeOf('p') === 'a', 0)
    await w.until(() => w.source.all(refs.Event).length === 1)
    expect(w.source.all(refs.Event)).toMatchObject([{ reason: 'Scheduled', message: 'Successfully assigned default/p to a', source: { component: 'default-scheduler' } }])
  })

  it('counts its attempts and who waits under upstream\'s names', async () => {
    const w = await world()
    await w.addNode('a')
    await w.create('p')
    await w.create('large', {}, { cpu: '8' })
    await w.until(() => w.nodeOf('p') === 'a' && w.scheduler.queue.unschedulable === 1)
    await w.until(() => w.metrics.render().includes('result="scheduled"'))
    const lines = w.metrics.render().split('\n')
    expect(lines).toEqual(expect.arrayContaining([
      'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1', 'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 1',
      'scheduler_pending_pods{queue="unschedulable"} 1', 'scheduler_pending_pods{queue="active"} 0', 'scheduler_scheduling_attempt_duration_seconds_count{profile="default-scheduler",result="scheduled"} 1', 'scheduler_scheduling_algorithm_duration_seconds_count 2',
    ]))
  })

  it('explains why a pod waits, once, and binds it when room is made', async () => {
    const w = await world()
    await w.addNode('a')
    await w.create('first', {}, { cpu: '800m' })
    await w.until(() => w.nodeOf('first') === 'a')
    await w.create('second', {}, { cpu: '800m' })
    const condition = () => w.source.all(refs.Pod).find((p) => p.metadata.name === 'second')?.status?.conditions?.find((c) => c.type === 'PodScheduled')
    await w.until(() => condition()?.status === 'False')
    const message = '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.'
    expect(condition()).toMatchObject({ reason: 'Unschedulable', message })
    expect(w.source.all(refs.Event).find((e) => e.reason === 'FailedScheduling')).toMatchObject({ type: 'Warning', message })
    const revision = w.source.revision
    for (let i = 0; i < 100; i++) await w.clock.advance(1000)
    expect(w.source.revision).toBe(revision)
    w.source.remove(refs.Pod, { namespace: 'default', name: 'first' })
    await w.until(() => w.nodeOf('second') === 'a')
  })

  it('a new node, an uncordon and a gate that opens each let pods through', async () => {
    const w = await world()
    await w.create('p')
    await w.create('gated', { schedulingGates: [{ name: 'example.com/wait' }] })
    await w.create('foreign', { schedulerName: 'other' })
    for (let i = 0; i < 5; i++) await w.clock.advance(1000)
    await w.client.create(refs.Node, { metadata: { name: 'a' }, spec: { unschedulable: true }, status: { allocatable: { cpu: '4', memory: '1Gi', pods: '9' } } })
    for (let i = 0; i < 5; i++) await w.clock.advance(1000)
    expect(w.nodeOf('p')).toBeUndefined()
    w.source.edit(refs.Node, { name: 'a' }, (n) => { n.spec!.unschedulable = false })
    await w.until(() => w.nodeOf('p') === 'a')
    expect(w.nodeOf('gated')).toBeUndefined()
    w.source.edit(refs.Pod, { namespace: 'default', name: 'gated' }, (p) => { delete p.spec!.schedulingGates })
    await w.until(() => w.nodeOf('gated') === 'a')
    expect(w.nodeOf('foreign')).toBeUndefined()
  })

  it('does not overfill a node while bindings are under way, and survives bindings that fail', async () => {
    let failures = 10
    const w = await world((r, phase) => { if (r.verb === 'post' && phase === 'before' && failures-- > 0) throw new Error('refused') })
    await w.addNode('a', '4')
    await w.addNode('b', '4')
    for (let i = 0; i < 20; i++) await w.create(`p${i}`, {}, { cpu: '1' })
    const bound = () => w.source.all(refs.Pod).filter((p) => p.spec?.nodeName)
    await w.until(() => bound().length === 8)
    for (let i = 0; i < 60; i++) await w.clock.advance(1000)
    for (const n of ['a', 'b']) expect(bound().filter((p) => p.spec?.nodeName === n)).toHaveLength(4)
  })

  it('leaves a pod alone that another bound meanwhile', async () => {
    const w = await world(async (r, phase) => { if (r.verb === 'post' && phase === 'before') w.source.edit(refs.Pod, { namespace: 'default', name: r.name ?? '' }, (p) => { p.spec!.nodeName = 'elsewhere' }) })
    await w.addNode('a')
    await w.create('p')
    for (let i = 0; i < 20; i++) await w.clock.advance(1000)
    expect(w.nodeOf('p')).toBe('elsewhere')
    expect(w.source.requests.filter((r) => r.verb === 'post')).toHaveLength(0)
  })
})
