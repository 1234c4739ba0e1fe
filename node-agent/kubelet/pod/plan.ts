/**
 * What to do next for one pod. Pure: a snapshot in, steps out. Steps are done in order; the loop then looks again.
 * Source of the rules: upstream `computePodActions` and `computeInitContainerActions` in `pkg/kubelet/kuberuntime`.
 */
import type { Container as ContainerDef, Pod, Probe, ResourceRequirements } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Container, Sandbox } from '../../runtime/runtime.ts'
import { isSidecar } from '../resources/qos.ts'
import { resizeOf } from '../resources/resize.ts'
import { goDuration, retryAt, type BackoffEntry } from './backoff.ts'
import { containerNamed, ephemeralContainers, formatPod, gracePeriod, initContainers, isChanged, mainContainers, restarts } from './pod-facts.ts'

/** `retryAt` is monotonic. `failed` with a `retryAt` to come is a back-off. */
export type ImageState =
  | { readonly at: 'pulling' }
  | { readonly at: 'ready'; readonly id: string }
  | { readonly at: 'failed'; readonly reason: string; readonly message: string; readonly since: Millis; readonly retryAt: Millis }

/** How long a pull that failed is shown as ErrImagePull before it is shown as a back-off. */
export const showErrorFor: Millis = 2000

export type SetupState = { readonly at: 'none' } | { readonly at: 'done'; readonly sandboxId: string } | { readonly at: 'failed'; readonly retryAt: Millis }

export interface ProbeResults { readonly liveness: 'unknown' | 'success' | 'failure'; readonly readiness: 'unknown' | 'success' | 'failure'; readonly startup: 'unknown' | 'success' | 'failure' }

/** All times are monotonic milliseconds. Maps by container name unless said otherwise. */
export interface PlanInput {
  readonly pod: Pod
  /** `end`: the pod is being deleted, or is not desired any more. */
  readonly intent: 'run' | 'end'
  readonly sandboxes: readonly Sandbox[]
  readonly containers: readonly Container[]
  /** When each exited container ended, by container id. */
  readonly endedAt: Readonly<Record<string, Millis>>
  readonly setup: SetupState
  readonly images: Readonly<Record<string, ImageState>>
  readonly backoff: Readonly<Record<string, BackoffEntry>>
  /** A start that failed before there was a container may be tried again at this time. */
  readonly startRetryAt: Readonly<Record<string, Millis>>
  /** By container id. */
  readonly probes: Readonly<Record<string, ProbeResults>>
  /** Stops under way: when each ends in SIGKILL, by container id. */
  readonly stopping: Readonly<Record<string, Millis>>
  /** By container id: its postStart hook has not ended, or has failed. */
  readonly postStart: Readonly<Record<string, 'running' | 'failed'>>
  /** Containers whose preStop hook was begun ahead of their turn to stop, by id. */
  readonly preStops: Readonly<Record<string, true>>
  /** The cpu and memory a running container has, by id; of one that is not listed, what its spec says. */
  readonly applied: Readonly<Record<string, ResourceRequirements>>
  /** Containers whose devices are not theirs any more, or are there under other numbers; by name. None where left out. */
  readonly staleDevices?: readonly string[]
  /** A resize that failed may be tried again then. */
  readonly resizeRetryAt: Millis | undefined
  /** When the pod began to end; undefined before. */
  readonly endingSince: Millis | undefined
  /** What the pod has from then on: asked for by its deletion, its spec or an eviction. */
  readonly grace: Millis
  /** First attempt number of a container that the runtime knows nothing of (its logs may). */
  readonly firstAttempt: Readonly<Record<string, number>>
  /** The pod has failed for good: deadline, eviction. */
  readonly failed: boolean
  /** When the pod was first seen, for activeDeadlineSeconds. */
  readonly startedAt: Millis
  /** What of an ended pod was given back: namespaces, network and volumes, or everything. */
  readonly released: 'no' | 'containers-kept' | 'all'
  /** A ConfigMap, Secret or label that a volume shows has changed, or a token is due. */
  readonly volumesStale: boolean
  readonly now: Millis
}

export type StopCause = 'deleted' | 'liveness' | 'startup' | 'postStart' | 'resize' | 'changed' | 'device' | 'ended'

/** What a container has at least, however long its hook took; upstream's `minimumGracePeriodInSeconds`. */
export const minimumGrace: Millis = 2000

interface Steps {
  /** Cgroup, sandbox, network, volumes; of a sandbox that is there already it only makes sure. `changed`: another attempt died. */
  setUp: { readonly attempt: number; readonly changed: boolean }
  refreshVolumes: Record<never, never>
  /** Makes sure that the image is there; goes on in the background. */
  pull: { readonly container: string }
  start: { readonly container: string; readonly attempt: number }
  /** The preStop hook of a container that is stopped later; goes on in the background. */
  preStop: { readonly id: string; readonly container: string; readonly grace: Millis }
  /**
   * With its preStop hook, where that was not begun before. Goes on in the background. `until`, monotonic, is when it ends in SIGKILL: a time and not a span, so
   * that the same decision made a little later is the same step.
   */
  stop: { readonly id: string; readonly container: string; readonly grace: Millis; readonly until: Millis; readonly cause: StopCause }
  /** Brings a running container's cgroup, and its pod's, to what is allocated. */
  resize: { readonly id: string; readonly container: string }
  removeContainer: { readonly id: string; readonly container: string; readonly attempt: number }
  removeSandbox: { readonly id: string }
  fail: { readonly reason: string; readonly message: string }
  /** Of a pod that ended but was not deleted: containers and logs stay. */
  release: Record<never, never>
  /** Of a pod that goes away: nothing stays. */
  tearDown: Record<never, never>
}
export type StepMap = Steps
export type Step = { [K in keyof Steps]: { readonly do: K } & Steps[K] }[keyof Steps]

export interface Plan {
  readonly steps: readonly Step[]
  /** Look again then, if nothing happens before; monotonic. */
  readonly wakeAt: Millis | undefined
  /** Containers that are not started yet, and why, where there is more to say than "creating". */
  readonly waiting: Readonly<Record<string, { readonly reason: string; readonly message: string }>>
  /** Nothing is left of a pod that was to end. */
  readonly gone: boolean
  /** All containers have ended and none will be started again. */
  readonly ended: boolean
  /** Containers are being stopped for good. */
  readonly ending: boolean
}

const nothing: Plan = { steps: [], wakeAt: undefined, waiting: {}, gone: false, ended: false, ending: false }

export const newestSandbox = (sandboxes: readonly Sandbox[]): Sandbox | undefined =>
  sandboxes.reduce<Sandbox | undefined>((best, s) => (!best || s.attempt > best.attempt ? s : best), undefined)

export const newestContainer = (containers: readonly Container[], name: string): Container | undefined =>
  containers.reduce<Container | undefined>((best, c) => (c.name === name && (!best || c.attempt > best.attempt) ? c : best), undefined)

/** By its policy; and with another image whatever the policy, as upstream. */
const startsAgain = (pod: Pod, def: ContainerDef, ended: Container): boolean => restarts(pod, def, ended.exitCode ?? 1) || isChanged(pod, def, ended)

/** The state of a pod that has ended by itself; undefined while anything runs or may start again. */
export function outcome(pod: Pod, containers: readonly Container[]): 'succeeded' | 'failed' | undefined {
  for (const init of initContainers(pod)) {
    if (isSidecar(init)) continue
    const latest = newestContainer(containers, init.name)
    const mainsRan = mainContainers(pod).some((m) => newestContainer(containers, m.name))
    if (latest?.state === 'exited' && latest.exitCode !== 0 && !restarts(pod, init, latest.exitCode ?? 1) && !mainsRan) return 'failed'
  }
  let failed = false
  for (const main of mainContainers(pod)) {
    const latest = newestContainer(containers, main.name)
    if (latest?.state !== 'exited' || startsAgain(pod, main, latest)) return undefined
    failed ||= latest.exitCode !== 0
  }
  return failed ? 'failed' : 'succeeded'
}

export function planPod(input: PlanInput): Plan {
  if (input.intent === 'end') return endDeleted(input)
  const deadline = deadlineOf(input)
  if (!input.failed && deadline !== undefined && deadline <= input.now && outcome(input.pod, input.containers) === undefined) {
    return { ...nothing, steps: [{ do: 'fail', reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }] }
  }
  if (input.failed || outcome(input.pod, input.containers) !== undefined) return endFinished(input)
  return run(input, deadline)
}

function deadlineOf(input: PlanInput): Millis | undefined {
  const seconds = input.pod.spec?.activeDeadlineSeconds
  return seconds === undefined ? undefined : input.startedAt + seconds * 1000
}

/**
 * The grace is one for the whole pod, counted from `endingSince`. Sidecars end after the containers that they serve, the last one first, though their
 * preStop hooks begin with the others'. Who still runs when the time is over is stopped whatever its turn. Source: upstream `termination_order.go`.
 */
function stopAll(input: PlanInput, cause: StopCause): Plan {
  const { now, grace, pod } = input
  const deadline = (input.endingSince ?? now) + grace
  const left = grace === 0 ? 0 : Math.max(minimumGrace, deadline - now)
  const running = input.containers.filter(isRunning)
  const rank = (c: Container): number => initContainers(pod).findIndex((def) => def.name === c.name && isSidecar(def))
  const first = running.filter((c) => rank(c) < 0)
  const sidecars = running.filter((c) => rank(c) >= 0).sort((a, b) => rank(b) - rank(a))
  const turn = deadline <= now ? running : first.length > 0 ? first : sidecars.slice(0, 1)
  const steps = turn.flatMap((c): Step[] => {
    const before = input.stopping[c.id]
    return before !== undefined && before <= now + left ? [] : [{ do: 'stop', id: c.id, container: c.name, grace: left, until: now + left, cause }]
  })
  for (const c of sidecars) {
    const isEarly = !turn.includes(c) && input.preStops[c.id] === undefined && grace > 0 && containerNamed(pod, c.name)?.lifecycle?.preStop
    if (isEarly) steps.push({ do: 'preStop', id: c.id, container: c.name, grace: left })
  }
  return { ...nothing, steps, ending: true, wakeAt: turn.length < running.length ? deadline : undefined }
}

const isRunning = (c: Container): boolean => c.state === 'running'

function endDeleted(input: PlanInput): Plan {
  if (input.containers.some(isRunning)) return stopAll(input, 'deleted')
  if (input.sandboxes.length > 0 || input.containers.length > 0 || input.released !== 'all') return { ...nothing, steps: [{ do: 'tearDown' }], ended: true }
  return { ...nothing, gone: true, ended: true }
}

function endFinished(input: PlanInput): Plan {
  if (input.containers.some(isRunning)) return stopAll(input, 'ended')
  return { ...nothing, steps: input.released === 'no' ? [{ do: 'release' }] : [], ended: true }
}

const probeOf = (input: PlanInput, id: string): ProbeResults => input.probes[id] ?? { liveness: 'unknown', readiness: 'unknown', startup: 'unknown' }

/** Whether what comes after a sidecar may start. */
const isStarted = (input: PlanInput, def: ContainerDef, c: Container): boolean => c.state === 'running' && input.postStart[c.id] === undefined && (!def.startupProbe || probeOf(input, c.id).startup === 'success')

/** Containers to start now, in order, leaving back-off and images aside. */
function candidates(input: PlanInput, sandbox: Sandbox | undefined): ContainerDef[] {
  const here = input.containers.filter((c) => c.sandboxId === sandbox?.id)
  const { pod } = input
  const mainsBegun = mainContainers(pod).some((m) => newestContainer(here, m.name))
  const out: ContainerDef[] = []
  for (const init of initContainers(pod)) {
    const latest = newestContainer(here, init.name)
    if (isSidecar(init)) {
      if (latest?.state !== 'running') out.push(init)
      if (mainsBegun || (latest && isStarted(input, init, latest))) continue
      return out
    }
    if (mainsBegun || (latest?.state === 'exited' && latest.exitCode === 0)) continue
    return latest?.state === 'running' ? out : [...out, init]
  }
  for (const main of mainContainers(pod)) {
    const latest = newestContainer(here, main.name)
    const before = newestContainer(input.containers, main.name)
    // Containers start one after the other, and a postStart hook is part of the start: upstream's, and what service meshes rely on.
    if (latest?.state === 'running' && input.postStart[latest.id] === 'running') return out
    if (latest?.state === 'running') continue
    if (before?.state === 'exited' && !startsAgain(pod, main, before)) continue
    out.push(main)
  }
  return out
}

/** Started once, whatever the others do, and never again. */
const unstartedEphemeral = (input: PlanInput): ContainerDef[] => ephemeralContainers(input.pod).filter((c) => newestContainer(input.containers, c.name) === undefined)

/** Containers that must be restarted: they have another image now, their probe says so, their hook failed, their device is another, their new size needs it. */
function unhealthy(input: PlanInput): Step[] {
  return input.containers.filter(isRunning).flatMap((c): Step[] => {
    const def = containerNamed(input.pod, c.name)
    const results = probeOf(input, c.id)
    const failing = (cause: StopCause, probe: Probe | undefined): Step[] => {
      const seconds = probe?.terminationGracePeriodSeconds
      const grace = seconds === undefined ? gracePeriod(input.pod) : seconds * 1000
      return [{ do: 'stop', id: c.id, container: c.name, grace, until: input.now + grace, cause }]
    }
    if (!def || input.stopping[c.id] !== undefined) return []
    if (isChanged(input.pod, def, c)) return failing('changed', undefined)
    if (input.staleDevices?.includes(c.name)) return failing('device', undefined)
    if (input.postStart[c.id] === 'failed') return failing('postStart', undefined)
    if (def.startupProbe && results.startup === 'failure') return failing('startup', def.startupProbe)
    if (def.livenessProbe && results.liveness === 'failure') return failing('liveness', def.livenessProbe)
    return resizeOf(def, input.applied[c.id]) === 'restart' ? failing('resize', undefined) : []
  })
}

function resizes(input: PlanInput, agenda: Agenda): void {
  for (const c of input.containers) {
    const def = containerNamed(input.pod, c.name)
    if (!isRunning(c) || !def || input.stopping[c.id] !== undefined || resizeOf(def, input.applied[c.id]) !== 'in-place') continue
    if (input.resizeRetryAt !== undefined && input.resizeRetryAt > input.now) agenda.wake(input.resizeRetryAt)
    else agenda.steps.push({ do: 'resize', id: c.id, container: c.name })
  }
}

/** All but the newest two of each container, and sandboxes that hold none any more. */
function surplus(input: PlanInput, sandbox: Sandbox | undefined): Step[] {
  const steps: Step[] = []
  const kept = new Set<string>()
  for (const c of input.containers) {
    const newer = input.containers.filter((o) => o.name === c.name && o.attempt > c.attempt).length
    if (c.state === 'exited' && newer >= 2) steps.push({ do: 'removeContainer', id: c.id, container: c.name, attempt: c.attempt })
    else kept.add(c.sandboxId)
  }
  for (const s of input.sandboxes) if (s.id !== sandbox?.id && !kept.has(s.id)) steps.push({ do: 'removeSandbox', id: s.id })
  return steps
}

class Agenda {
  readonly steps: Step[] = []
  readonly waiting: Record<string, { reason: string; message: string }> = {}
  wakeAt: Millis | undefined
  wake(at: Millis | undefined): void { if (at !== undefined && (this.wakeAt === undefined || at < this.wakeAt)) this.wakeAt = at }
}

/** Adds the step that brings one container nearer to running; says why where it has to wait. */
function advanceContainer(input: PlanInput, def: ContainerDef, sandbox: Sandbox | undefined, ready: boolean, agenda: Agenda): void {
  const { now, pod } = input
  const latest = newestContainer(input.containers, def.name)
  const half = latest?.state === 'created' && latest.sandboxId === sandbox?.id
  // One with another image is no crash of this one.
  if (latest?.state === 'exited' && !isChanged(pod, def, latest)) {
    const entry = input.backoff[def.name]
    const at = retryAt(entry, input.endedAt[latest.id] ?? now)
    // A container that did what it should, in a sandbox that is gone, is no crash.
    if (at > now && entry) {
      const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
      agenda.wake(at)
      agenda.waiting[def.name] = { reason: 'CrashLoopBackOff', message: `back-off ${goDuration(entry.delay)} restarting failed container=${def.name} pod=${formatPod({ name, namespace, uid })}` }
      return
    }
  }
  const again = input.startRetryAt[def.name]
  if (again !== undefined && again > now) { agenda.wake(again); return }
  const image = input.images[def.name]
  if (!image || (image.at === 'failed' && image.retryAt <= now)) agenda.steps.push({ do: 'pull', container: def.name })
  else if (image.at === 'failed') {
    const backsOff = image.reason === 'ErrImagePull' && image.since + showErrorFor <= now
    agenda.wake(backsOff || image.reason !== 'ErrImagePull' ? image.retryAt : image.since + showErrorFor)
    agenda.waiting[def.name] = backsOff
      ? { reason: 'ImagePullBackOff', message: `Back-off pulling image "${def.image}": ErrImagePull: ${image.message}` } : { reason: image.reason, message: image.message }
  }
  else if (image.at === 'ready' && ready) {
    // A container of this name may still run in a sandbox that is being replaced.
    if (input.containers.some((c) => c.name === def.name && isRunning(c))) return
    const attempt = half ? latest.attempt : latest ? latest.attempt + 1 : input.firstAttempt[def.name] ?? 0
    agenda.steps.push({ do: 'start', container: def.name, attempt })
  }
}

function run(input: PlanInput, deadline: Millis | undefined): Plan {
  const sandbox = newestSandbox(input.sandboxes)
  const usable = sandbox?.state === 'ready' ? sandbox : undefined
  const agenda = new Agenda()
  agenda.wake(deadline)
  agenda.steps.push(...unhealthy(input))
  resizes(input, agenda)
  const wanted = [...unstartedEphemeral(input), ...candidates(input, usable)]
  const ready = usable !== undefined && input.setup.at === 'done' && input.setup.sandboxId === usable.id
  if (!ready && (wanted.length > 0 || input.containers.some(isRunning))) {
    if (input.setup.at === 'failed' && input.setup.retryAt > input.now) agenda.wake(input.setup.retryAt)
    else agenda.steps.push({ do: 'setUp', attempt: usable?.attempt ?? (sandbox ? sandbox.attempt + 1 : 0), changed: sandbox !== undefined && !usable })
  }
  const pulls = new Agenda()
  for (const def of wanted) advanceContainer(input, def, usable, ready, pulls)
  // Pulls first: they go on in the background while the sandbox is made.
  const steps = [...pulls.steps.filter((s) => s.do === 'pull'), ...agenda.steps, ...pulls.steps.filter((s) => s.do !== 'pull')]
  if (ready && input.volumesStale) steps.push({ do: 'refreshVolumes' })
  agenda.wake(pulls.wakeAt)
  return { ...nothing, steps: [...steps, ...surplus(input, sandbox)], wakeAt: agenda.wakeAt, waiting: pulls.waiting }
}

