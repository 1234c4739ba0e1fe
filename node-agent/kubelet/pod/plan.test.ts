import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Container, Sandbox } from '../../runtime/runtime.ts'
import { planPod, type PlanInput, type Step } from './plan.ts'

const sandbox = (attempt: number, state: Sandbox['state'] = 'ready'): Sandbox => ({ id: `s${attempt}`, podUid: 'u', podName: 'p', podNamespace: 'd', attempt, state, createdAt: 0, netns: undefined })
const container = (name: string, attempt: number, parts: Partial<Container> = {}): Container => ({
  id: `${name}-${attempt}`, sandboxId: 's0', podUid: 'u', name, attempt, state: 'running', createdAt: 0, startedAt: 0, finishedAt: undefined, exitCode: undefined, oomKilled: false,
  message: undefined, imageId: 'i', image: 'i', pid: 1, ...parts,
})
const exited = (name: string, attempt: number, exitCode: number, parts: Partial<Container> = {}): Container => container(name, attempt, { state: 'exited', exitCode, finishedAt: 0, ...parts })
const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({ metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { containers: [{ name: 'a', image: 'i' }], restartPolicy: 'Always', ...spec } })
const input = (parts: Partial<PlanInput> = {}): PlanInput => ({
  pod: pod(), intent: 'run', sandboxes: [sandbox(0)], containers: [], endedAt: {}, setup: { at: 'done', sandboxId: 's0' }, images: { a: { at: 'ready', id: 'i' } }, backoff: {}, startRetryAt: {}, probes: {},
  stopping: {}, firstAttempt: {}, failed: false, startedAt: 0, released: 'no', volumesStale: false, postStart: {}, preStops: {}, applied: {}, resizeRetryAt: undefined, endingSince: undefined, grace: 1000 * (parts.pod?.metadata?.deletionGracePeriodSeconds ?? parts.pod?.spec?.terminationGracePeriodSeconds ?? 30), now: 100_000, ...parts,
})
const brief = (steps: readonly Step[]): string[] => steps.map((s) => ('container' in s ? `${s.do} ${s.container}${'attempt' in s ? `/${s.attempt}` : ''}` : 'attempt' in s ? `${s.do} ${s.attempt}` : s.do))

const none = { at: 'none' } as const
const sized = pod({ containers: [{ name: 'a', image: 'i', resources: { limits: { cpu: '1' } } }] })
const debugged = pod({ ephemeralContainers: [{ name: 'dbg', image: 'i' }] })
const cases: readonly [string, Partial<PlanInput>, string[]][] = [
  ['nothing there', { sandboxes: [], setup: none, images: {} }, ['pull a', 'setUp 0']],
  ['sandbox made, image there', {}, ['start a/0']],
  ['image still being pulled', { images: { a: { at: 'pulling' } } }, []],
  ['running', { containers: [container('a', 0)] }, []],
  ['running, not set up by this process', { containers: [container('a', 0)], setup: none }, ['setUp 0']],
  ['first crash', { containers: [exited('a', 0, 1)] }, ['start a/1']],
  ['crash in back-off', { containers: [exited('a', 0, 1)], endedAt: { 'a-0': 95_000 }, backoff: { a: { delay: 10_000, lastUpdate: 90_000 } } }, []],
  ['crash after back-off', { containers: [exited('a', 0, 1)], endedAt: { 'a-0': 89_000 }, backoff: { a: { delay: 10_000, lastUpdate: 80_000 } } }, ['start a/1']],
  ['created but never started', { containers: [container('a', 3, { state: 'created' })] }, ['start a/3']],
  ['logs of a forgotten container', { firstAttempt: { a: 4 } }, ['start a/4']],
  ['done, policy Never', { pod: pod({ restartPolicy: 'Never' }), containers: [exited('a', 0, 0)] }, ['release']],
  ['failed, policy OnFailure', { pod: pod({ restartPolicy: 'OnFailure' }), containers: [exited('a', 0, 2)] }, ['start a/1']],
  ['sandbox died', { sandboxes: [sandbox(0, 'not-ready')], setup: none, containers: [exited('a', 0, 137)] }, ['setUp 1']],
  ['sandbox died, policy Never', { pod: pod({ restartPolicy: 'Never' }), sandboxes: [sandbox(0, 'not-ready')], setup: none, containers: [exited('a', 0, 137)] }, ['release']],
  ['sandbox replaced', { sandboxes: [sandbox(0, 'not-ready'), sandbox(1)], setup: { at: 'done', sandboxId: 's1' }, containers: [exited('a', 0, 137)] }, ['start a/1']],
  ['old attempts are dropped', { containers: [exited('a', 0, 1), exited('a', 1, 1), container('a', 2)] }, ['removeContainer a/0']],
  ['empty old sandbox is dropped', { sandboxes: [sandbox(0, 'not-ready'), sandbox(1)], setup: { at: 'done', sandboxId: 's1' }, containers: [container('a', 2, { sandboxId: 's1' })] }, ['removeSandbox']],
  ['liveness failed', { pod: pod({ containers: [{ name: 'a', image: 'i', livenessProbe: {} }] }), containers: [container('a', 0)], probes: { 'a-0': { liveness: 'failure', readiness: 'unknown', startup: 'unknown' } } }, ['stop a']],
  ['deleted while running', { intent: 'end', containers: [container('a', 0)] }, ['stop a']],
  ['deleted, stopping', { intent: 'end', containers: [container('a', 0)], stopping: { 'a-0': 110_000 } }, []],
  ['deleted with a shorter grace than the stop under way', { intent: 'end', pod: { ...pod(), metadata: { uid: 'u', deletionGracePeriodSeconds: 1 } }, containers: [container('a', 0)], stopping: { 'a-0': 130_000 } }, ['stop a']],
  ['deleted, ended', { intent: 'end', containers: [exited('a', 0, 0)] }, ['tearDown']],
  ['deleted before anything was made', { intent: 'end', sandboxes: [] }, ['tearDown']],
  ['deadline over', { pod: pod({ activeDeadlineSeconds: 50 }), containers: [container('a', 0)] }, ['fail']],
  ['failed for good', { failed: true, containers: [container('a', 0)] }, ['stop a']],
  ['postStart running, next container waits', { pod: pod({ containers: [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }] }), images: { b: { at: 'ready', id: 'i' } }, containers: [container('a', 0)], postStart: { 'a-0': 'running' } }, []],
  ['postStart over, next container starts', { pod: pod({ containers: [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }] }), images: { b: { at: 'ready', id: 'i' } }, containers: [container('a', 0)] }, ['start b/0']],
  ['postStart failed', { containers: [container('a', 0)], postStart: { 'a-0': 'failed' } }, ['stop a']],
  ['one of two done, policy Never', { pod: pod({ restartPolicy: 'Never', containers: [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }] }), containers: [exited('a', 0, 0), container('b', 0)] }, []],
  ['another image, policy Never', { pod: pod({ restartPolicy: 'Never', containers: [{ name: 'a', image: 'i:2' }] }), containers: [container('a', 0)] }, ['stop a']],
  ['stopped for another image, policy Never', { pod: pod({ restartPolicy: 'Never', containers: [{ name: 'a', image: 'i:2' }] }), containers: [exited('a', 0, 143)] }, ['start a/1']],
  ['the same image by its whole name', { pod: pod({ containers: [{ name: 'a', image: 'docker.io/library/i:latest' }] }), containers: [container('a', 0)] }, []],
  ['an init container of another image', { pod: pod({ initContainers: [{ name: 'i1', image: 'i:2' }] }), containers: [container('i1', 0)] }, []],
  ['liveness failed of one that is stopped already', { pod: pod({ containers: [{ name: 'a', image: 'i', livenessProbe: {} }] }), containers: [container('a', 0)], stopping: { 'a-0': 110_000 }, probes: { 'a-0': { liveness: 'failure', readiness: 'unknown', startup: 'unknown' } } }, []],
  ['resized', { pod: sized, containers: [container('a', 0)], applied: { 'a-0': {} } }, ['resize a']],
  ['resized while it is stopped', { pod: sized, containers: [container('a', 0)], applied: { 'a-0': {} }, stopping: { 'a-0': 110_000 } }, []],
  ['a container that still runs in the sandbox that was replaced', { sandboxes: [sandbox(0, 'not-ready'), sandbox(1)], setup: { at: 'done', sandboxId: 's1' }, containers: [container('a', 0)] }, []],
  ['a debugger that has ended', { pod: debugged, containers: [container('a', 0), exited('dbg', 0, 1)], images: { dbg: { at: 'ready', id: 'i' } } }, []],
  ['over and released', { pod: pod({ restartPolicy: 'Never' }), containers: [exited('a', 0, 0)], released: 'containers-kept' }, []],
  ['volumes stale', { volumesStale: true, containers: [container('a', 0)] }, ['refreshVolumes']],
]

describe('planPod', () => {
  it.each(cases)('%s', (_, parts, steps) => { expect(brief(planPod(input(parts)).steps)).toEqual(steps) })

  it('is gone only when nothing is left and everything was given back', () => {
    expect(planPod(input({ intent: 'end', sandboxes: [], released: 'all' }))).toMatchObject({ gone: true, steps: [] })
    expect(planPod(input({ intent: 'end', released: 'all' })).gone).toBe(false)
  })

  it.each<[string, Partial<PlanInput>, number]>([
    ['a set-up that failed', { setup: { at: 'failed', retryAt: 101_000 } }, 101_000],
    ['a start that failed', { startRetryAt: { a: 102_000 } }, 102_000],
    ['a pull that failed', { images: { a: { at: 'failed', reason: 'ErrImagePull', message: '', since: 90_000, retryAt: 103_000 } } }, 103_000],
    ['a crash', { containers: [exited('a', 0, 1)], endedAt: { 'a-0': 95_000 }, backoff: { a: { delay: 10_000, lastUpdate: 90_000 } } }, 105_000],
    ['a resize that failed', { pod: sized, containers: [container('a', 0)], applied: { 'a-0': {} }, resizeRetryAt: 106_000 }, 106_000],
    ['a deadline', { pod: pod({ activeDeadlineSeconds: 107 }), containers: [container('a', 0)] }, 107_000],
  ])('waits out %s, and looks again then', (_, parts, at) => {
    const plan = planPod(input(parts))
    expect([brief(plan.steps), plan.wakeAt]).toEqual([[], at])
    expect(brief(planPod(input({ ...parts, now: at })).steps)).not.toEqual([])
  })

  it('keeps order among init containers and sidecars', () => {
    const p = pod({ initContainers: [{ name: 'i1', image: 'i' }, { name: 'side', image: 'i', restartPolicy: 'Always', startupProbe: {} }, { name: 'i2', image: 'i' }] })
    const images = Object.fromEntries(['a', 'i1', 'i2', 'side'].map((n) => [n, { at: 'ready', id: 'i' } as const]))
    const next = (containers: Container[], probes: PlanInput['probes'] = {}): string[] => brief(planPod(input({ pod: p, images, containers, probes })).steps)
    const started = { 'side-0': { liveness: 'unknown', readiness: 'unknown', startup: 'success' } } as const
    expect(next([])).toEqual(['start i1/0'])
    expect(next([container('i1', 0)])).toEqual([])
    expect(next([exited('i1', 0, 0)])).toEqual(['start side/0'])
    expect(next([exited('i1', 0, 0), container('side', 0)])).toEqual([])
    expect(next([exited('i1', 0, 0), container('side', 0)], started)).toEqual(['start i2/0'])
    expect(next([exited('i1', 0, 0), container('side', 0), exited('i2', 0, 0)], started)).toEqual(['start a/0'])
    expect(next([exited('i1', 0, 0), exited('side', 0, 1), exited('i2', 0, 0), container('a', 0)])).toEqual(['start side/1'])
  })

  it('says when to look again and why a container waits', () => {
    const plan = planPod(input({ containers: [exited('a', 0, 1)], endedAt: { 'a-0': 95_000 }, backoff: { a: { delay: 80_000, lastUpdate: 90_000 } } }))
    expect(plan).toMatchObject({ wakeAt: 175_000, waiting: { a: { reason: 'CrashLoopBackOff', message: 'back-off 1m20s restarting failed container=a pod=p_d(u)' } } })
  })
})

describe('the end of a pod', () => {
  const sidecar = (name: string, preStop = false) => ({ name, image: 'i', restartPolicy: 'Always', ...(preStop ? { lifecycle: { preStop: { sleep: { seconds: 1 } } } } : {}) })
  const p = pod({ initContainers: [sidecar('s1', true), sidecar('s2')], terminationGracePeriodSeconds: 30 })
  const at = (now: number, running: readonly string[], parts: Partial<PlanInput> = {}): Step[] =>
    [...planPod(input({ pod: p, intent: 'end', endingSince: 100_000, now, containers: ['a', 's1', 's2'].map((n) => (running.includes(n) ? container(n, 0) : exited(n, 0, 0))), ...parts })).steps]

  it('stops sidecars after the others, the last one first, within one grace; their hooks begin at once', () => {
    expect(at(100_000, ['a', 's1', 's2'])).toEqual([{ do: 'stop', id: 'a-0', container: 'a', grace: 30_000, until: 130_000, cause: 'deleted' }, { do: 'preStop', id: 's1-0', container: 's1', grace: 30_000 }])
    expect(at(110_000, ['s1', 's2'], { preStops: { 's1-0': true } })).toEqual([{ do: 'stop', id: 's2-0', container: 's2', grace: 20_000, until: 130_000, cause: 'deleted' }])
    expect(at(110_000, ['s1'], { preStops: { 's1-0': true } })).toEqual([{ do: 'stop', id: 's1-0', container: 's1', grace: 20_000, until: 130_000, cause: 'deleted' }])
  })

  it('stops whoever still runs when the time is over, with the least grace there is', () => {
    const stopping = { 'a-0': 130_000 }
    expect(planPod(input({ pod: p, intent: 'end', endingSince: 100_000, now: 120_000, stopping, preStops: { 's1-0': true }, containers: [container('a', 0), container('s1', 0), container('s2', 0)] }))).toMatchObject({ steps: [], wakeAt: 130_000, ending: true })
    expect(at(131_000, ['a', 's1', 's2'], { stopping, preStops: { 's1-0': true } }).map((s) => [s.do, 'grace' in s && s.grace])).toEqual([['stop', 2000], ['stop', 2000]])
  })

  it('settles: a stop that was begun is not begun again a moment later', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 60_000 }), fc.constantFrom(0, 1000, 30_000), (before, later, grace) => {
      const given = (now: number, stopping: Record<string, number>): PlanInput => input({ intent: 'end', endingSince: 100_000, grace, now: 100_000 + now, stopping, containers: [container('a', 0)] })
      const first = planPod(given(before, {})).steps[0]
      if (first?.do !== 'stop') throw new Error('no stop')
      expect(planPod(given(before + later, { 'a-0': first.until })).steps).toEqual([])
    }))
  })

  it('kills all at once where there is no grace', () => {
    expect(at(100_000, ['a', 's1', 's2'], { grace: 0 }).map((s) => [s.do, 'container' in s && s.container, 'grace' in s && s.grace])).toEqual([['stop', 'a', 0], ['stop', 's1', 0], ['stop', 's2', 0]])
  })
})

const names = ['a', 'b', 'i']
const world = fc.record({
  policy: fc.constantFrom('Always', 'OnFailure', 'Never'), sidecar: fc.boolean(), intent: fc.constantFrom('run' as const, 'end' as const), failed: fc.boolean(),
  boxes: fc.array(fc.constantFrom('ready' as const, 'not-ready' as const), { maxLength: 3 }), isSetUp: fc.boolean(), now: fc.integer({ min: 0, max: 10_000_000 }),
  containers: fc.uniqueArray(fc.record({ name: fc.constantFrom(...names), attempt: fc.nat(4), box: fc.nat(2), state: fc.constantFrom('created' as const, 'running' as const, 'exited' as const), exitCode: fc.constantFrom(0, 1, 137) }), { maxLength: 8, selector: (c) => `${c.name}/${c.attempt}` }),
  images: fc.dictionary(fc.constantFrom(...names), fc.constantFrom({ at: 'ready', id: 'i' } as const, { at: 'pulling' } as const)),
  stopping: fc.dictionary(fc.constantFrom('a-0', 'a-1', 'b-0'), fc.nat(1_000_000)), deadline: fc.option(fc.nat(1000), { nil: undefined }),
})

describe('whatever the world looks like', () => {
  const planned = (w: typeof world extends fc.Arbitrary<infer T> ? T : never): { given: PlanInput; steps: readonly Step[] } => {
    const sandboxes = w.boxes.map((state, i) => sandbox(i, i === w.boxes.length - 1 ? state : 'not-ready'))
    const containers = w.containers.map((c) => container(c.name, c.attempt, { sandboxId: `s${c.box}`, state: c.state, ...(c.state === 'exited' ? { exitCode: c.exitCode } : {}) }))
    const p = pod({
      restartPolicy: w.policy, containers: [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }], initContainers: [{ name: 'i', image: 'i', ...(w.sidecar ? { restartPolicy: 'Always' } : {}) }],
      ...(w.deadline === undefined ? {} : { activeDeadlineSeconds: w.deadline }),
    })
    const given = input({ pod: p, intent: w.intent, failed: w.failed, sandboxes, containers, images: w.images, stopping: w.stopping, now: w.now, setup: w.isSetUp && sandboxes.length > 0 ? { at: 'done', sandboxId: `s${sandboxes.length - 1}` } : none })
    return { given, steps: planPod(given).steps }
  }
  const always = (check: (given: PlanInput, steps: readonly Step[]) => void): void => {
    fc.assert(fc.property(world, (w) => { const { given, steps } = planned(w); check(given, steps) }), { numRuns: 2000 })
  }

  it('no container is started beside a running one of its name, nor twice, nor under a number that was used', () => always((given, steps) => {
    const starts = steps.filter((s) => s.do === 'start')
    expect(new Set(starts.map((s) => s.container)).size).toBe(starts.length)
    for (const s of starts) {
      expect(given.containers.some((c) => c.name === s.container && c.state === 'running')).toBe(false)
      expect(given.containers.some((c) => c.name === s.container && c.attempt >= s.attempt && c.state !== 'created')).toBe(false)
    }
  }))

  it('nothing is started or set up for a pod that ends or has failed', () => always((given, steps) => {
    if (given.intent === 'end' || given.failed) expect(steps.filter((s) => s.do === 'start' || s.do === 'setUp' || s.do === 'pull')).toEqual([])
  }))

  it('a start happens only in a ready sandbox that is set up', () => always((given, steps) => {
    const newest = given.sandboxes.at(-1)
    if (steps.some((s) => s.do === 'start')) expect([newest?.state, given.setup]).toEqual(['ready', { at: 'done', sandboxId: newest?.id }])
  }))

  it('nothing is taken away while a container runs', () => always((given, steps) => {
    if (given.containers.some((c) => c.state === 'running')) expect(steps.filter((s) => s.do === 'tearDown' || s.do === 'release')).toEqual([])
  }))

  it('main containers never start before the init container is done', () => always((given, steps) => {
    const newest = given.sandboxes.at(-1)?.id
    const here = given.containers.filter((c) => c.sandboxId === newest)
    if (here.some((c) => c.name !== 'i') || given.pod.spec!.initContainers![0]!.restartPolicy) return
    const last = here.filter((c) => c.name === 'i').sort((x, y) => y.attempt - x.attempt)[0]
    if (last?.state !== 'exited' || last.exitCode !== 0) expect(steps.filter((s) => s.do === 'start' && s.container !== 'i')).toEqual([])
  }))

  it('the plan is plain data', () => always((_, steps) => { expect(JSON.parse(JSON.stringify(steps))).toEqual(steps) }))
})
