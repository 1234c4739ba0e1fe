/** The status of a pod from what is observed. Pure. Source: upstream `pkg/kubelet/kubelet_pods.go` (`generateAPIPodStatus`, `getPhase`) and `status/generate.go`. */
import type { Container as ContainerDef, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus, ResourceRequirements } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Container, Image, Sandbox } from '../../runtime/runtime.ts'
import { newestContainer, newestSandbox, type ProbeResults } from '../pod/plan.ts'
import { ephemeralContainers, initContainers, mainContainers } from '../pod/pod-facts.ts'
import { isSidecar, qosOf } from '../resources/qos.ts'
import { volumeMountStatuses } from '../volumes/recursive-read-only.ts'
import { podConditions } from './conditions.ts'
import { hasInitialized, lostStatus, shortened, terminatedUnseen, triedInits } from './lost-container.ts'

export interface StatusInput {
  readonly pod: Pod
  readonly sandboxes: readonly Sandbox[]
  readonly containers: readonly Container[]
  readonly probes: Readonly<Record<string, ProbeResults>>
  /** Containers whose start is not complete: their postStart hook runs. By id. */
  readonly postStart: Readonly<Record<string, 'running' | 'failed'>>
  /** The cpu and memory each running container has, by id. */
  readonly applied: Readonly<Record<string, ResourceRequirements>>
  /** Why a container that does not run does not: back-off, missing image, bad config. By name. */
  readonly waiting: Readonly<Record<string, { readonly reason: string; readonly message: string }>>
  /** Images as they were resolved for each container, by its name; of those that an earlier process started nothing is known. */
  readonly images: ReadonlyMap<string, Pick<Image, 'id' | 'digests'>>
  /** What an ended container left in its termination message file, by container id. */
  readonly messages: Readonly<Record<string, string>>
  /** The pod failed for good, whatever its containers say. */
  readonly failed: { readonly reason: string; readonly message: string; /** The node never took it. */ readonly rejected?: boolean } | undefined
  /** Every container has ended and none starts again. */
  readonly ended: boolean
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
  /** Namespaces and network are there. */
  readonly sandboxReady: boolean
  readonly runtimeName: string
  /** The runtime can make what is mounted below a read-only mount read-only. */
  readonly recursiveReadOnly: boolean
  /** Wall clock. */
  readonly startTime: Millis
  readonly now: Millis
  /** What was said last: transition times stay where nothing changed. */
  readonly previous: PodStatus | undefined
}

const time = (ms: Millis | undefined): { at: string } | undefined => (ms === undefined ? undefined : { at: `${new Date(ms).toISOString().slice(0, 19)}Z` })
const idOf = (input: StatusInput, c: Container): string => `${input.runtimeName}://${c.id}`

function terminated(input: StatusInput, c: Container): ContainerState {
  const code = c.exitCode ?? 137
  const neverStarted = c.startedAt === undefined
  // A program may survive that the kernel killed one of its processes for memory, and end well: it is told all the same, as every engine does.
  const reason = c.oomKilled ? 'OOMKilled' : code === 0 ? 'Completed' : neverStarted ? (input.runtimeName === 'docker' ? 'ContainerCannotRun' : 'StartError') : 'Error'
  const message = [c.message, input.messages[c.id]].filter((m) => m).join(': ')
  const started = time(c.startedAt ?? 0)
  const finished = time(c.finishedAt ?? c.startedAt ?? c.createdAt)
  return {
    terminated: {
      exitCode: code, reason, ...(message ? { message } : {}), containerID: idOf(input, c),
      ...(started ? { startedAt: started.at } : {}), ...(finished ? { finishedAt: finished.at } : {}),
    },
  }
}

/** Whom it runs as (`SupplementalGroupsPolicy`, beta and on in v1.33). */
const userOf = ({ user }: Container): Pick<ContainerStatus, 'user'> => (user ? { user: { linux: { uid: user.uid, gid: user.gid, supplementalGroups: [...user.additionalGids] } } } : {})

/** By digest where the image came from a registry: what says which image it was, wherever it is read. */
function imageIdOf(input: StatusInput, def: ContainerDef, c: Container): string {
  const resolved = input.images.get(def.name)
  if (resolved?.id === c.imageId && resolved.digests.length > 0) {
    const repository = (def.image ?? '').replace(/@.*$/, '').replace(/:[^/:]*$/, '')
    return resolved.digests.find((d) => `/${d}`.includes(`/${repository}@`)) ?? resolved.digests[0]!
  }
  const said = saidBefore(input, def.name)
  return said?.containerID === idOf(input, c) && said.imageID ? said.imageID : c.imageId
}

/** What was told of a container last, by this process or an earlier one. */
function saidBefore(input: StatusInput, name: string): ContainerStatus | undefined {
  const before = input.previous ?? input.pod.status
  return [...before?.containerStatuses ?? [], ...before?.initContainerStatuses ?? [], ...before?.ephemeralContainerStatuses ?? []].find((s) => s.name === name)
}

function containerStatus(input: StatusInput, def: ContainerDef, options: { init: boolean; defaultReason: string }): ContainerStatus {
  const latest = newestContainer(input.containers, def.name)
  const before = latest && newestContainer(input.containers.filter((c) => c.attempt < latest.attempt), def.name)
  const base = { name: def.name, image: def.image ?? '', imageID: '', restartCount: 0, ready: false, started: false, state: {} as ContainerState, lastState: {} as ContainerState, ...volumeMountStatuses(def, input.recursiveReadOnly) }
  const waiting = input.waiting[def.name]
  const said = waiting && { waiting: { reason: waiting.reason, ...(waiting.message ? { message: waiting.message } : {}) } }
  const running = latest?.state === 'running'
  if (!latest) {
    return lostStatus({ ...base, state: said ?? { waiting: { reason: options.defaultReason } } }, saidBefore(input, def.name), { waits: said !== undefined, isDeleted: input.pod.metadata?.deletionTimestamp !== undefined })
  }
  if ( latest.state === 'created' || (running && input.postStart[latest.id] === 'running')) {
    return { ...base, restartCount: latest.attempt, state: said ?? { waiting: { reason: options.defaultReason } }, lastState: before ? terminated(input, before) : {} }
  }
  const known = { ...base, image: latest.image || (def.image ?? ''), imageID: imageIdOf(input, def, latest), containerID: idOf(input, latest), restartCount: latest.attempt, ...userOf(latest) }
  if (!running) {
    const ended = terminated(input, latest)
    // A container that waits for its next try shows why, and its end as the last state.
    if (said && !input.ended) return { ...known, state: said, lastState: ended }
    const done = options.init && !isSidecar(def) && latest.exitCode === 0
    return { ...known, ready: done, state: ended, lastState: before ? terminated(input, before) : {} }
  }
  const results = input.probes[latest.id]
  const started = !def.startupProbe || results?.startup === 'success'
  const regularInit = options.init && !isSidecar(def)
  const ready = started && !regularInit && (!def.readinessProbe || results?.readiness === 'success')
  const startedAt = time(latest.startedAt)
  const { claims: _claims, ...resources } = input.applied[latest.id] ?? def.resources ?? {}
  const granted = def.resources?.requests
  return { ...known, resources, ...(granted ? { allocatedResources: granted } : {}), ready, started: regularInit ? false : started, state: { running: startedAt ? { startedAt: startedAt.at } : {} }, lastState: before ? terminated(input, before) : {} }
}

interface Count { running: number; waiting: number; stopped: number; succeeded: number }

function phaseOf(input: StatusInput, init: readonly ContainerStatus[], main: readonly ContainerStatus[]): string {
  const previous = input.previous?.phase ?? input.pod.status?.phase
  if (previous === 'Failed' || previous === 'Succeeded') return previous
  if (input.failed) return 'Failed'
  const policy = input.pod.spec?.restartPolicy ?? 'Always'
  const defs = initContainers(input.pod)
  const endOf = (s: ContainerStatus): number | undefined => (s.state?.terminated ?? s.lastState?.terminated)?.exitCode
  let pendingInit = 0
  for (const [i, s] of init.entries()) {
    const def = defs[i]!
    if (isSidecar(def)) { if (!s.started && !s.lastState?.terminated) pendingInit++; continue }
    const code = endOf(s)
    if (code !== undefined && code !== 0 && policy === 'Never') return 'Failed'
    if (s.state?.terminated?.exitCode !== 0 && (code === undefined || code === 0 || s.state?.running)) pendingInit++
    else if (code !== undefined && code !== 0) pendingInit++
  }
  const count: Count = { running: 0, waiting: 0, stopped: 0, succeeded: 0 }
  for (const s of main) {
    if (s.state?.running) count.running++
    else if (endOf(s) === undefined) count.waiting++
    else { count.stopped++; if (endOf(s) === 0) count.succeeded++ }
  }
  const begun = count.running + count.stopped > 0
  if (input.ended) return begun && count.stopped === count.succeeded && count.waiting === 0 ? 'Succeeded' : 'Failed'
  if (pendingInit > 0 && !begun) return 'Pending'
  if (count.waiting > 0) return 'Pending'
  if (count.running > 0 || policy === 'Always') return 'Running'
  if (count.stopped === count.succeeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}

/** Every container's status, by kind; none of a pod that the node never took. */
function containerStatuses(input: StatusInput): { init: readonly ContainerStatus[]; main: readonly ContainerStatus[]; ephemeral: readonly ContainerStatus[] } {
  const { pod } = input
  const defaultReason = initContainers(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating'
  const of = (def: ContainerDef, init: boolean): ContainerStatus => shortened(pod, containerStatus(input, def, { init, defaultReason }))
  const init = initContainers(pod).map((def) => of(def, true))
  const main = mainContainers(pod).map((def) => of(def, false))
  const ephemeral = ephemeralContainers(pod).map((def) => of(def, false)).map((s) => ({ ...s, ready: false, started: s.state?.running ? true : false }))
  return { init, main, ephemeral }
}

/** What is told of a pod's containers once it is over: each has ended, whether or not its end was seen. */
function overStatuses(pod: Pod, init: readonly ContainerStatus[], main: readonly ContainerStatus[]): { init: readonly ContainerStatus[]; main: readonly ContainerStatus[] } {
  const tried = triedInits(init)
  return {
    init: init.map((s, i) => (i < tried ? terminatedUnseen(s) : s)),
    main: hasInitialized(init, main, (i) => isSidecar(initContainers(pod)[i]!)) ? main.map(terminatedUnseen) : main,
  }
}

const byName = (a: ContainerStatus, b: ContainerStatus): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** A status as the API wants it; equal inputs give equal JSON, but for transition times of conditions that changed. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod } = input
  // After a restart of the agent only the API server still knows why the pod failed.
  const before = pod.status
  const failed = input.failed ?? (before?.phase === 'Failed' && before.reason ? { reason: before.reason, message: before.message ?? '' } : undefined)
  const seen = containerStatuses(input)
  const verdict = phaseOf(input, seen.init, seen.main)
  // Whoever replaces pods that have failed begins when this one is really over, however long its containers take to end: upstream's rule (`mergePodStatus`).
  const isEnding = input.failed !== undefined && input.containers.some((c) => c.state === 'running')
  const said = input.previous?.phase ?? before?.phase ?? 'Pending'
  const phase = isEnding && verdict === 'Failed' ? said : verdict
  const { init, main } = input.ended && !input.failed?.rejected ? overStatuses(pod, seen.init, seen.main) : seen
  const conditions: PodCondition[] = podConditions({
    pod, phase: verdict, init, main, sandboxReady: input.sandboxReady && newestSandbox(input.sandboxes)?.state === 'ready', now: input.now,
    previous: input.previous?.conditions ?? pod.status?.conditions ?? [],
  })
  // An ended pod has given its address back; where it was stays known (upstream `GenericPLEG.getPodIPs`).
  const had = input.ended ? ((input.previous ?? before)?.podIPs ?? []).map(({ ip }) => ip) : []
  const ips = pod.spec?.hostNetwork ? input.hostIPs : input.podIPs.length > 0 ? input.podIPs : had
  return {
    phase, conditions,
    ...(failed && phase === 'Failed' ? { reason: failed.reason, message: failed.message } : {}),
    ...(input.hostIPs[0] === undefined ? {} : { hostIP: input.hostIPs[0], hostIPs: input.hostIPs.map((ip) => ({ ip })) }),
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: time(input.startTime)!.at,
    ...(input.failed?.rejected ? {} : {
      ...(init.length ? { initContainerStatuses: [...init] } : {}), containerStatuses: main.toSorted(byName),
      ...(seen.ephemeral.length ? { ephemeralContainerStatuses: seen.ephemeral.toSorted(byName) } : {}),
    }),
    qosClass: qosOf(pod),
  }
}
