/**
 * The pod worker's machine, state by state: every combination of what a pod can be in and what can be asked of it, with the rules that must hold in each. Then
 * whole lives: the steps are carried out on a model of a runtime that fails, crashes and forgets at random, and the pod must come to where it is wanted.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Container as ContainerDef, Pod } from '../../../shared/api/core-v1.ts'
import type { Container, Sandbox } from '../../runtime/runtime.ts'
import { newestContainer, newestSandbox, outcome, planPod, type PlanInput, type Step } from './plan.ts'
import { restarts } from './pod-facts.ts'

const defs: Readonly<Record<'init' | 'side' | 'main', ContainerDef>> = {
  init: { name: 'init', image: 'i' }, side: { name: 'side', image: 'i', restartPolicy: 'Always' }, main: { name: 'main', image: 'i', livenessProbe: { periodSeconds: 1 } },
}
const names = ['init', 'side', 'main'] as const
type Name = (typeof names)[number]

const podOf = (policy: string): Pod => ({
  metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { restartPolicy: policy, terminationGracePeriodSeconds: 30, initContainers: [defs.init, defs.side], containers: [defs.main] },
})
const sandboxOf = (attempt: number, state: Sandbox['state']): Sandbox => ({ id: `s${attempt}`, podUid: 'u', podName: 'p', podNamespace: 'd', attempt, state, createdAt: 0, netns: undefined })
const containerOf = (name: Name, attempt: number, sandbox: number, state: Container['state'], exitCode: number): Container => ({
  id: `${name}-${attempt}`, sandboxId: `s${sandbox}`, podUid: 'u', name, attempt, state, createdAt: 0, startedAt: 0, finishedAt: state === 'exited' ? 0 : undefined, exitCode: state === 'exited' ? exitCode : undefined,
  oomKilled: false, message: undefined, imageId: 'i', image: 'i', pid: state === 'running' ? 1 : undefined,
})

/** States of one container. */
const states = ['none', 'created', 'running', 'done', 'failed'] as const
type State = (typeof states)[number]
const kinds: Readonly<Record<Exclude<State, 'none'>, [Container['state'], number]>> = { created: ['created', 0], running: ['running', 0], done: ['exited', 0], failed: ['exited', 1] }

interface Case {
  readonly policy: string; /** `behind`: replaced, and the containers are those of the one before. */ readonly sandbox: 'none' | 'ready' | 'dead' | 'replaced' | 'behind'; readonly setup: boolean; readonly init: State; readonly side: State; readonly main: State
  readonly intent: 'run' | 'end' | 'failed'; readonly image: 'none' | 'ready' | 'pulling'; readonly mark: 'none' | 'stopping' | 'stopping-unhealthy' | 'unhealthy' | 'hook' | 'hook-failed' | 'backoff'
}

function* everyCase(): Generator<Case> {
  for (const policy of ['Always', 'OnFailure', 'Never']) for (const sandbox of ['none', 'ready', 'dead', 'replaced', 'behind'] as const) for (const setup of [true, false]) {
    if (setup && (sandbox === 'none' || sandbox === 'dead')) continue
    for (const init of states) for (const side of states) for (const main of states) {
      if (sandbox === 'none' && (init !== 'none' || side !== 'none' || main !== 'none')) continue
      // In a sandbox that died nothing runs.
      if (sandbox === 'dead' && [init, side, main].includes('running')) continue
      for (const intent of ['run', 'end', 'failed'] as const) for (const image of ['none', 'ready', 'pulling'] as const) for (const mark of ['none', 'stopping', 'stopping-unhealthy', 'unhealthy', 'hook', 'hook-failed', 'backoff'] as const) {
        if (mark !== 'none' && mark !== 'backoff' && main !== 'running') continue
        yield { policy, sandbox, setup, init, side, main, intent, image, mark }
      }
    }
  }
}

const now = 1_000_000

function inputOf(c: Case): PlanInput {
  const [current, holder] = [c.sandbox === 'replaced' || c.sandbox === 'behind' ? 1 : 0, c.sandbox === 'replaced' ? 1 : 0]
  const sandboxes = c.sandbox === 'none' ? [] : current === 1 ? [sandboxOf(0, 'not-ready'), sandboxOf(1, 'ready')] : [sandboxOf(0, c.sandbox === 'ready' ? 'ready' : 'not-ready')]
  const of = (name: Name, state: State): Container[] => (state === 'none' ? [] : [containerOf(name, 2, holder, ...kinds[state])])
  const containers = [...of('init', c.init), ...of('side', c.side), ...of('main', c.main)]
  const image = c.image === 'ready' ? { at: 'ready', id: 'i' } as const : c.image === 'pulling' ? { at: 'pulling' } as const : undefined
  return {
    pod: podOf(c.policy), intent: c.intent === 'end' ? 'end' : 'run', failed: c.intent === 'failed', sandboxes, containers, endedAt: Object.fromEntries(containers.map((x) => [x.id, now - 1000])),
    setup: c.setup ? { at: 'done', sandboxId: `s${current}` } : { at: 'none' }, images: image ? { init: image, side: image, main: image } : {},
    backoff: c.mark === 'backoff' ? { main: { delay: 10_000, lastUpdate: now - 2000 } } : {}, startRetryAt: {},
    probes: c.mark.endsWith('unhealthy') ? { 'main-2': { liveness: 'failure', readiness: 'unknown', startup: 'unknown' } } : {}, stopping: c.mark.startsWith('stopping') ? { 'main-2': now + 5000 } : {},
    postStart: c.mark === 'hook' ? { 'main-2': 'running' } : c.mark === 'hook-failed' ? { 'main-2': 'failed' } : {}, preStops: {}, endingSince: c.intent === 'run' ? undefined : now - 1000, grace: 30_000, applied: {}, resizeRetryAt: undefined,
    firstAttempt: {}, startedAt: 0, released: 'no', volumesStale: false, now,
  }
}

/** What must hold of a plan in its state; throws the first that does not. */
const rules: Readonly<Record<string, (given: PlanInput, steps: readonly Step[]) => boolean>> = {
  'a name is started once, beside no running one, under a fresh number': (g, steps) => {
    const starts = steps.filter((s) => s.do === 'start')
    return new Set(starts.map((s) => s.container)).size === starts.length && starts.every((s) => !g.containers.some((c) => c.name === s.container && (c.state === 'running' || (c.state !== 'created' && c.attempt >= s.attempt))))
  },
  'a start needs a ready sandbox that is set up, and an image': (g, steps) => steps.every((s) => s.do !== 'start' || (newestSandbox(g.sandboxes)?.state === 'ready' && g.setup.at === 'done' && g.images[s.container]?.at === 'ready')),
  'nothing begins for a pod that ends, has failed or is over': (g, steps) => (g.intent === 'run' && !g.failed && outcome(g.pod, g.containers) === undefined) || steps.every((s) => !['start', 'setUp', 'pull', 'refreshVolumes', 'resize'].includes(s.do)),
  'what a policy does not restart stays ended': (g, steps) => steps.every((s) => {
    if (s.do !== 'start') return true
    const latest = newestContainer(g.containers, s.container)
    const def = Object.values(defs).find((d) => d.name === s.container)!
    return latest?.state !== 'exited' || restarts(g.pod, g.pod.spec!.initContainers!.find((d) => d.name === def.name) ?? g.pod.spec!.containers[0]!, latest.exitCode ?? 1) || latest.sandboxId !== newestSandbox(g.sandboxes)?.id
  }),
  'nothing is taken away under a running container': (g, steps) => !g.containers.some((c) => c.state === 'running') || steps.every((s) => s.do !== 'tearDown' && s.do !== 'release'),
  'a sandbox is removed when nothing of it runs': (g, steps) => steps.every((s) => s.do !== 'removeSandbox' || !g.containers.some((c) => c.sandboxId === s.id && c.state === 'running')),
  'a stop is for what runs, and once': (g, steps) => {
    const stops = steps.filter((s) => s.do === 'stop')
    return new Set(stops.map((s) => s.id)).size === stops.length && stops.every((s) => g.containers.some((c) => c.id === s.id && c.state === 'running') && !(g.stopping[s.id] !== undefined && g.stopping[s.id]! <= s.until))
  },
  'a sidecar is not stopped before the others when the pod ends': (g, steps) => (g.intent === 'run' && !g.failed) || !steps.some((s) => s.do === 'stop' && s.container === 'side') || !g.containers.some((c) => c.state === 'running' && c.name !== 'side'),
  'the main container waits for the init container': (g, steps) => {
    const here = g.containers.filter((c) => c.sandboxId === newestSandbox(g.sandboxes)?.id)
    const init = newestContainer(here, 'init')
    return !steps.some((s) => s.do === 'start' && s.container === 'main') || newestContainer(here, 'main') !== undefined || (init?.state === 'exited' && init.exitCode === 0)
  },
  'a pod that waits for nothing does something': (g, steps) => {
    // Running and healthy, being pulled, being stopped, in its hook, or in back-off: those wait for an event or a time.
    if (steps.length > 0 || g.intent === 'end' || g.failed || outcome(g.pod, g.containers) !== undefined) return true
    const plan = planPod(g)
    return plan.wakeAt !== undefined || g.containers.some((c) => c.state === 'running') || Object.values(g.images).some((i) => i.at === 'pulling')
  },
  'a pod that is to end always has a next step, or a stop under way': (g, steps) => g.intent !== 'end' || steps.length > 0 || Object.keys(g.stopping).length > 0,
}

describe('every state of a pod under every demand', () => {
  const all = [...everyCase()]
  it.each(Object.entries(rules))('%s', (_, rule) => {
    const broken = all.find((c) => { const given = inputOf(c); return !rule(given, planPod(given).steps) })
    expect(broken && { ...broken, steps: planPod(inputOf(broken)).steps }).toBeUndefined()
  })
  it('is a table worth the name', () => { expect(all.length).toBeGreaterThan(20_000) })
})

/** What the steps do, carried out by an engine that may fail any of them and may lose a sandbox or end a container at any time. */
class Model {
  sandboxes: Sandbox[] = []
  containers: Container[] = []
  setup: PlanInput['setup'] = { at: 'none' }
  images: Record<string, { at: 'ready'; id: string }> = {}
  stopping: Record<string, number> = {}
  released: PlanInput['released'] = 'no'
  now = 1_000_000
  duplicate = false
  readonly pod: Pod
  constructor(pod: Pod) { this.pod = pod }

  input(intent: 'run' | 'end'): PlanInput {
    return {
      pod: this.pod, intent, failed: false, sandboxes: this.sandboxes, containers: this.containers, endedAt: {}, setup: this.setup, images: this.images, backoff: {}, startRetryAt: {}, probes: {}, stopping: this.stopping,
      postStart: {}, preStops: {}, endingSince: undefined, grace: 30_000, applied: {}, resizeRetryAt: undefined, firstAttempt: {}, startedAt: 0, released: this.released, volumesStale: false, now: this.now,
    }
  }

  end(id: string, exitCode: number): void {
    this.containers = this.containers.map((c) => (c.id === id && c.state !== 'exited' ? { ...c, state: 'exited', exitCode, finishedAt: this.now, pid: undefined } : c))
    delete this.stopping[id]
  }

  /** `half`: the effect happens and the agent dies before it knows; what it remembers is gone. */
  perform(step: Step, fate: 'done' | 'failed' | 'half'): void {
    if (fate !== 'failed') this.#effect(step)
    if (fate === 'half') { this.setup = { at: 'none' }; this.images = {}; this.stopping = {}; if (this.released === 'all') this.released = 'no' }
  }

  #effect(step: Step): void {
    switch (step.do) {
      case 'setUp':
        if (!this.sandboxes.some((s) => s.attempt === step.attempt)) this.sandboxes = [...this.sandboxes.map((s): Sandbox => ({ ...s, state: 'not-ready' })), sandboxOf(step.attempt, 'ready')]
        this.setup = { at: 'done', sandboxId: `s${step.attempt}` }
        return
      case 'pull': this.images[step.container] = { at: 'ready', id: 'i' }; return
      case 'start': {
        const box = newestSandbox(this.sandboxes)
        if (this.containers.some((c) => c.name === step.container && c.state === 'running')) this.duplicate = true
        const id = `${step.container}-${step.attempt}`
        this.containers = [...this.containers.filter((c) => c.id !== id), containerOf(step.container as Name, step.attempt, box?.attempt ?? 0, 'running', 0)]
        if (step.container === 'init') this.end(id, 0)
        return
      }
      case 'stop': this.end(step.id, 137); return
      case 'removeContainer': this.containers = this.containers.filter((c) => c.id !== step.id); return
      case 'removeSandbox': this.sandboxes = this.sandboxes.filter((s) => s.id !== step.id); this.containers = this.containers.filter((c) => c.sandboxId !== step.id); return
      case 'release': this.released = 'containers-kept'; this.sandboxes = this.sandboxes.map((s): Sandbox => ({ ...s, state: 'not-ready' })); return
      case 'tearDown': this.released = 'all'; this.sandboxes = []; this.containers = []; return
      default: return
    }
  }

  accident(kind: 'none' | 'reboot' | 'crash'): void {
    if (kind === 'reboot') {
      for (const c of this.containers) if (c.state === 'running') this.end(c.id, 255)
      this.sandboxes = this.sandboxes.map((s): Sandbox => ({ ...s, state: 'not-ready' }))
      this.setup = { at: 'none' }
      this.images = {}
    }
    const running = this.containers.find((c) => c.state === 'running')
    if (kind === 'crash' && running) this.end(running.id, 1)
  }
}

const fates = fc.array(fc.record({ fate: fc.constantFrom('done' as const, 'done' as const, 'failed' as const, 'half' as const), accident: fc.constantFrom('none' as const, 'none' as const, 'none' as const, 'reboot' as const, 'crash' as const) }), { maxLength: 40 })

describe('whatever happens on the way', () => {
  const live = (model: Model, intent: 'run' | 'end', trouble: readonly { fate: 'done' | 'failed' | 'half'; accident: 'none' | 'reboot' | 'crash' }[], isThere: () => boolean): boolean => {
    const left = [...trouble]
    for (let round = 0; round < 200; round++) {
      const plan = planPod(model.input(intent))
      if (plan.gone || (left.length === 0 && isThere())) return true
      for (const step of plan.steps) {
        const next = left.shift()
        model.perform(step, next?.fate ?? 'done')
        model.accident(next?.accident ?? 'none')
        if (next && (next.fate !== 'done' || next.accident !== 'none')) break
      }
      if (plan.steps.length === 0) left.shift()
      model.now += 1000
    }
    return false
  }
  const isUp = (m: Model) => () => newestContainer(m.containers, 'main')?.state === 'running' && newestContainer(m.containers, 'side')?.state === 'running' && newestSandbox(m.sandboxes)?.state === 'ready'

  it('a pod comes to run, with one container of each name, and goes without a trace', () => {
    fc.assert(fc.property(fates, fates, (before, after) => {
      const model = new Model(podOf('Always'))
      expect(live(model, 'run', before, isUp(model))).toBe(true)
      expect(live(model, 'end', after, () => false)).toBe(true)
      expect([model.duplicate, model.sandboxes, model.containers]).toEqual([false, [], []])
    }), { numRuns: 3000 })
  })

  it('a pod that ends by itself is never begun again, and comes to rest', () => {
    fc.assert(fc.property(fc.constantFrom('Never', 'OnFailure'), fates, (policy, before) => {
      const model = new Model(podOf(policy))
      live(model, 'run', before, isUp(model))
      const main = newestContainer(model.containers, 'main')
      if (main) model.end(main.id, 0)
      const over = outcome(model.pod, model.containers) !== undefined
      const last = newestContainer(model.containers, 'main')?.attempt
      const rests = live(model, 'run', [], () => { const plan = planPod(model.input('run')); return plan.steps.length === 0 && plan.ended && !model.containers.some((c) => c.state === 'running') })
      if (over) expect([rests, newestContainer(model.containers, 'main')?.attempt]).toEqual([true, last])
    }), { numRuns: 2000 })
  })
})
