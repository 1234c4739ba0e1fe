/** One worker per pod: gathers the snapshot, has it planned, says the status, performs the steps, and looks again until there is nothing to do. */
import type { PersistentVolumeClaim, PodCondition, PodStatus } from '../../shared/api/core-v1.ts'
import type { Host } from '../../shared/base/host.ts'
import type { FileTree } from '../../shared/host/file-tree.ts'
import type { Devices } from './devices/devices.ts'
import { conditionEvent, conditionType, devicesCondition, stale } from './devices/health/plan.ts'
import { createWorkQueue, type HandlerResult, type WorkQueue } from '../../shared/reconcile/work-queue.ts'
import { deepEqual } from './status/same-status.ts'
import type { DesiredChange, DesiredState, StatusSink } from '../link/link.ts'
import type { Container, Runtime } from '../runtime/runtime.ts'
import type { RuntimeCache } from './observe/cache.ts'
import { apply, type Executors } from './pod/apply.ts'
import { reject, type AdmissionFacts, type Rejection } from './pod/admission.ts'
import { podPaths } from './pod/paths.ts'
import { newestContainer, newestSandbox, planPod, type Plan, type PlanInput } from './pod/plan.ts'
import { containerNamed, fieldPathOf, formatPod, gracePeriod, graceOfRemoved, refOf, restarts, type StoredPod } from './pod/pod-facts.ts'
import { createRecord, forgetImages, type PodRecord } from './pod/record.ts'
import { findLeftovers, firstAttempts, objectsOf, skeleton } from './pod/leftovers.ts'
import { readLastWords } from './pod/last-words.ts'
import type { ProbeSet } from './probes/probe-set.ts'
import { podAmounts } from './resources/qos.ts'
import { allocatedPod, firstAllocation, judgeResize, resizeConditions, resizeOf, type Room } from './resources/resize.ts'
import { podStatus } from './status/pod-status.ts'

export interface LoopDeps {
  readonly host: Host
  readonly runtime: Pick<Runtime, 'name' | 'logs'>
  readonly cache: RuntimeCache
  readonly desired: DesiredState
  readonly sink: StatusSink
  readonly files: FileTree
  readonly executors: Executors
  readonly probes: ProbeSet
  readonly devices: Pick<Devices, 'admit' | 'of' | 'release'>
  /** The runtime can make what is mounted below a read-only mount read-only. */
  readonly recursiveReadOnly: boolean
  readonly dataDir: string
  readonly memoryDir: string
  hostIPs(): readonly string[]
  /** What admission asks of the node, beside what its pods have. */
  admission(): Omit<AdmissionFacts, 'room' | 'neighbours'> & { readonly allocatable: Room['allocatable'] }
  event(record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
}

/** Rounds of plan and steps before other pods have their turn again; a pod's whole start takes four. */
const maxRounds = 20
/** How long the first status of an adopted pod waits for its readiness probes. */
const adoptionGrace = 2000

/** As upstream tells controllers that count failures (KEP-3329). */
function disruption({ failed, lastStatus }: PodRecord, now: number): PodCondition | undefined {
  if (!failed?.disrupted) return undefined
  const before = lastStatus?.conditions?.find((c) => c.type === 'DisruptionTarget')
  return before ?? { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: failed.message, lastTransitionTime: `${new Date(now).toISOString().slice(0, 19)}Z` }
}

export class PodLoop {
  readonly #deps: LoopDeps
  readonly #queue: WorkQueue
  readonly records = new Map<string, PodRecord>()
  /** Pods whose containers were running before this process did, and have not been described by it yet. */
  readonly #strangers = new Set<string>()

  constructor(deps: LoopDeps) {
    this.#deps = deps
    this.#queue = createWorkQueue({ name: 'pods', clock: deps.host.clock, log: deps.host.log, baseDelay: 500, maxDelay: 60_000 })
  }

  wake(uid: string): void { this.#queue.add(uid) }

  /** Handles pods until `signal` aborts. Workers are many, since one that waits costs nothing; what costs is bounded elsewhere. */
  run(signal: AbortSignal): Promise<void> { return this.#queue.run(512, (uid) => this.sync(uid), signal) }

  /** Makes a record of everything that is desired or left over, and wakes it. Nothing is removed while what is desired is unknown. */
  async rescan(): Promise<void> {
    const { desired, cache, files, dataDir } = this.#deps
    const isFirst = this.records.size === 0
    for (const pod of desired.list('Pod')) this.#adopt(pod as StoredPod)
    for (const [uid, sandbox] of cache.pods()) {
      if (isFirst && this.records.has(uid)) this.#strangers.add(uid)
      if (!this.records.has(uid)) this.#leftover({ uid, name: sandbox?.podName ?? uid, namespace: sandbox?.podNamespace ?? '' })
    }
    for (const ref of await findLeftovers(files, dataDir)) if (!this.records.has(ref.uid)) this.#leftover(ref)
    for (const [uid, record] of this.records) {
      if (record.desired && desired.get('Pod', record.ref.namespace, record.ref.name)?.metadata.uid !== uid) record.desired = false
      this.#queue.add(uid)
    }
  }

  onChange(changes: readonly DesiredChange[]): void {
    for (const change of changes) {
      if (change.kind === 'Pod') this.#podChanged(change)
      else if (change.kind === 'ConfigMap' || change.kind === 'Secret' || change.kind === 'PersistentVolumeClaim') this.#objectChanged(change)
      else if (change.kind === 'PersistentVolume') this.#volumeChanged(change.name)
    }
  }

  #podChanged({ namespace, name }: DesiredChange): void {
    const pod = this.#deps.desired.get('Pod', namespace, name) as StoredPod | undefined
    for (const [uid, record] of this.records) {
      if (record.ref.namespace !== namespace || record.ref.name !== name || uid === pod?.metadata.uid) continue
      record.desired = false
      this.#queue.add(uid)
    }
    if (pod) { this.#adopt(pod); this.#queue.add(pod.metadata.uid) }
  }

  #objectChanged(change: DesiredChange): void {
    for (const [uid, record] of this.records) {
      if (record.ref.namespace !== change.namespace || !record.pod || !objectsOf(record.pod).has(`${change.kind}/${change.name}`)) continue
      record.volumesStale = true
      record.startRetryAt.clear()
      if (record.setup.at === 'failed') record.setup = { at: 'none' }
      this.#queue.add(uid)
    }
  }

  /** A claim names its volume; who has the claim is concerned. */
  #volumeChanged(volume: string): void {
    for (const claim of this.#deps.desired.list<PersistentVolumeClaim>('PersistentVolumeClaim')) {
      if (claim.spec?.volumeName === volume) this.#objectChanged({ kind: 'PersistentVolumeClaim', namespace: claim.metadata.namespace ?? '', name: claim.metadata.name })
    }
  }

  #adopt(pod: StoredPod): void {
    const { clock } = this.#deps.host
    const uid = pod.metadata.uid
    const record = this.records.get(uid)
    if (record) {
      if (record.pod && (!deepEqual(record.pod.metadata.labels, pod.metadata.labels) || !deepEqual(record.pod.metadata.annotations, pod.metadata.annotations) || !deepEqual(record.pod.spec, pod.spec))) record.volumesStale = true
      forgetImages(record, pod)
      // Of an agent that ran before: a status reaches the API server's disk later than this one's, and one that crashed meanwhile has forgotten it.
      const { phase, reason, message = '' } = record.pod?.status ?? {}
      if (phase === 'Failed' && reason && pod.status?.phase !== 'Failed') record.failed ??= { reason, message }
      record.pod = pod
      record.desired = true
      return
    }
    const ref = refOf(pod)
    const startTime = pod.status?.startTime ? Date.parse(pod.status.startTime) : clock.now()
    const startedAt = clock.monotonic() - Math.max(0, clock.now() - startTime)
    this.records.set(uid, createRecord({ ref, pod, paths: podPaths(this.#deps.dataDir, this.#deps.memoryDir, ref), startTime, startedAt }))
  }

  #leftover(ref: PodRecord['ref']): void {
    const { clock } = this.#deps.host
    this.records.set(ref.uid, createRecord({ ref, pod: undefined, paths: podPaths(this.#deps.dataDir, this.#deps.memoryDir, ref), startTime: clock.now(), startedAt: clock.monotonic() }))
  }

  /** One visit to one pod. */
  async sync(uid: string): Promise<HandlerResult> {
    const record = this.records.get(uid)
    if (!record || (!record.desired && !this.#deps.desired.known)) return
    const pod = record.pod ?? skeleton(record.ref)
    await this.#firstLook(record, pod)
    await this.#admit(record, pod)
    for (let round = 0; round < maxRounds; round++) {
      const now = this.#allocated(record, record.pod ?? pod)
      await this.#observe(record, now)
      const input = this.#snapshot(record, now)
      const plan = planPod(input)
      record.ending = plan.ending ? record.ending ?? { since: input.now, grace: input.grace } : undefined
      // Before anybody hears that it has ended, and is sent here for what it had.
      if (plan.ended) await this.#deps.devices.release(uid)
      this.#tell(record, now, input, plan)
      if (plan.gone) { this.#forget(record); return }
      if (plan.steps.length === 0) return this.#again(record, plan, input.now)
      for (const step of plan.steps) await apply(this.#deps.executors, record, now, step)
    }
    // More rounds than any pod needs: others have their turn, and a decision that never settles costs little.
    return { after: 100 }
  }

  /** What fell due since the plan was made counts as due now: it would not come again. */
  #again(record: PodRecord, plan: Plan, plannedAt: number): HandlerResult {
    const times = [plan.wakeAt, record.volumesDueAt, record.lastStatus ? undefined : record.startedAt + adoptionGrace].filter((t) => t !== undefined && t > plannedAt) as number[]
    return times.length === 0 ? undefined : { after: Math.max(0, Math.min(...times) - this.#deps.host.clock.monotonic()) }
  }

  /** A runtime that has forgotten a container still left its logs: the restart count goes on from there. */
  async #firstLook(record: PodRecord, pod: StoredPod): Promise<void> {
    if (record.seen) return
    record.seen = true
    for (const [name, attempt] of await firstAttempts(this.#deps.files, record.paths, pod)) record.firstAttempt.set(name, attempt)
  }

  async #admit(record: PodRecord, pod: StoredPod): Promise<void> {
    if (record.admitted || !record.pod || this.#isEnding(record)) return
    // Counted from now on among those that take room.
    record.admitted = true
    let why: Rejection | undefined
    try { why = await this.#refusal(record, pod) } catch (e) { record.admitted = false; throw e }
    if (!why) return
    record.failed = { reason: why.reason, message: `Pod was rejected: ${why.message}`, rejected: true }
    this.#deps.event(record, 'Warning', why.reason, why.message)
  }

  async #refusal(record: PodRecord, pod: StoredPod): Promise<Rejection | undefined> {
    const { containers, sandboxes } = this.#deps.cache.pod(record.ref.uid)
    const phase = pod.status?.phase ?? 'Pending'
    if (phase === 'Succeeded' || phase === 'Failed') return undefined
    const isNew = containers.length === 0 && sandboxes.length === 0 && phase === 'Pending'
    const { allocatable, ...facts } = this.#deps.admission()
    const why = isNew ? reject(pod, { ...facts, room: { allocatable, others: this.#othersThan(record) }, neighbours: this.#neighbours(record) }) : undefined
    if (why) return why
    const message = await this.#deps.devices.admit(pod)
    // One that was taken before is not sent away: without its device its container waits.
    return message !== undefined && isNew ? { reason: 'UnexpectedAdmissionError', message } : undefined
  }

  /** The pod with what it was granted, after granting what it asks for if there is room. */
  #allocated(record: PodRecord, pod: StoredPod): StoredPod {
    const allocated = allocatedPod(pod, record.allocation)
    if (allocated === pod) { record.resizePending = undefined; return pod }
    const verdict = judgeResize(pod, { allocatable: this.#deps.admission().allocatable, others: this.#othersThan(record) })
    record.resizePending = verdict.at === 'accepted' ? undefined : { reason: verdict.at, message: verdict.message }
    if (verdict.at !== 'accepted') return allocated
    record.allocation = firstAllocation({ ...pod, status: {} })
    record.resizeError = undefined
    return pod
  }

  /** The other pods that have a claim on this node, with what they were granted. */
  #neighbours(record: PodRecord): readonly StoredPod[] {
    return [...this.records.values()].flatMap((other) => {
      const isOver = ['Succeeded', 'Failed'].includes(other.lastStatus?.phase ?? other.pod?.status?.phase ?? '')
      return other === record || !other.pod || !other.desired || !other.admitted || other.failed || isOver ? [] : [allocatedPod(other.pod, other.allocation)]
    })
  }

  #othersThan(record: PodRecord): Room['others'] {
    let [cpuMilli, memoryBytes] = [0, 0]
    for (const other of this.#neighbours(record)) {
      const amounts = podAmounts(other)
      cpuMilli += amounts.cpuRequest ?? 0
      memoryBytes += amounts.memoryRequest ?? 0
    }
    return { cpuMilli, memoryBytes }
  }

  async #observe(record: PodRecord, pod: StoredPod): Promise<void> {
    const { clock } = this.#deps.host
    const { containers } = this.#deps.cache.pod(record.ref.uid)
    const ids = new Set(containers.map((c) => c.id))
    for (const map of [record.endedAt, record.messages, record.postStart, record.preStops, record.applied]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id)
    for (const c of containers) {
      // Should it be taken away by hand, the next is not taken for the first.
      if (c.state !== 'created') record.firstAttempt.set(c.name, Math.max(record.firstAttempt.get(c.name) ?? 0, c.attempt + 1))
      // One that ran before this process did has what its status says, and that is what was allocated.
      if (c.state === 'running' && !record.applied.has(c.id)) record.applied.set(c.id, record.allocation.get(c.name) ?? {})
    }
    await this.#readEnds(record, pod)
    if (record.volumesDueAt !== undefined && record.volumesDueAt <= clock.monotonic()) { record.volumesStale = true; record.volumesDueAt = undefined }
    // A container is probed once its start is complete, the postStart hook included.
    if (record.setup.at === 'done') this.#deps.probes.sync(record, pod, containers.filter((c) => !record.postStart.has(c.id)), (c) => this.#wasReady(pod, c))
  }

  /** Until every container that has ended is known with its last words: one may end while another's are read, and none is told without them. */
  async #readEnds(record: PodRecord, pod: StoredPod): Promise<void> {
    const { clock } = this.#deps.host
    const unread = (): Container | undefined => this.#deps.cache.pod(record.ref.uid).containers.find((c) => c.state === 'exited' && !record.endedAt.has(c.id))
    for (let c = unread(); c; c = unread()) {
      record.endedAt.set(c.id, clock.monotonic() - Math.max(0, clock.now() - (c.finishedAt ?? clock.now())))
      const words = await readLastWords(this.#deps, record, pod, c)
      if (words !== '') record.messages.set(c.id, words)
    }
  }

  /** The API server knows this very container as ready: it ran before this process did. */
  #wasReady(pod: StoredPod, c: Container): boolean {
    const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
    return all.some((s) => s.name === c.name && s.ready && s.containerID === `${this.#deps.runtime.name}://${c.id}`)
  }

  #isEnding(record: PodRecord): boolean { return !record.pod || !record.desired || record.pod.metadata.deletionTimestamp !== undefined }

  #snapshot(record: PodRecord, pod: StoredPod): PlanInput {
    const { sandboxes, containers } = this.#deps.cache.pod(record.ref.uid)
    const phase = pod.status?.phase
    const grace = record.failed?.grace ?? (record.desired ? gracePeriod(pod) : graceOfRemoved(pod))
    if (record.ending && record.ending.grace !== grace) record.ending = undefined
    return {
      pod, sandboxes, containers, intent: this.#isEnding(record) ? 'end' : 'run', setup: record.setup, failed: record.failed !== undefined || phase === 'Failed' || phase === 'Succeeded',
      endedAt: Object.fromEntries(record.endedAt), images: Object.fromEntries(record.images), backoff: Object.fromEntries(record.backoff), startRetryAt: Object.fromEntries(record.startRetryAt),
      probes: Object.fromEntries(record.probes), stopping: Object.fromEntries(record.stopping), postStart: Object.fromEntries(record.postStart), grace,
      preStops: Object.fromEntries([...record.preStops.keys()].map((id) => [id, true as const])), endingSince: record.ending?.since, applied: Object.fromEntries(record.applied), staleDevices: this.#staleDevices(record, pod), resizeRetryAt: record.resizeError?.retryAt, firstAttempt: Object.fromEntries(record.firstAttempt), startedAt: record.startedAt,
      released: record.released, volumesStale: record.volumesStale, now: this.#deps.host.clock.monotonic(),
    }
  }

  #staleDevices(record: PodRecord, pod: StoredPod): readonly string[] {
    const devices = this.#deps.devices.of(record.ref.uid)
    return devices.length === 0 ? [] : stale(devices, (name) => { const def = containerNamed(pod, name); return def !== undefined && restarts(pod, def, 137) })
  }

  /** Devices that came back: what waited for them starts at once. */
  devicesChanged(uids: readonly string[]): void {
    for (const uid of uids) {
      const record = this.records.get(uid)
      for (const { container, fate } of record ? this.#deps.devices.of(uid) : []) {
        if (fate === 'unplugged' || fate === 'taken-over') continue
        record?.startRetryAt.delete(container)
        record?.backoff.delete(container)
      }
      this.#queue.add(uid)
    }
  }

  #devicesCondition(record: PodRecord, pod: StoredPod): PodCondition | undefined {
    const previous = record.lastStatus?.conditions ?? pod.status?.conditions ?? []
    const before = previous.find((c) => c.type === conditionType)
    const now = devicesCondition(this.#deps.devices.of(record.ref.uid), previous, `${new Date(this.#deps.host.clock.now()).toISOString().slice(0, 19)}Z`)
    const told = conditionEvent(before, now)
    if (told) this.#deps.event(record, told.type, told.reason, told.message)
    // What an ended pod had is others': its last state stays.
    return now ?? before
  }

  /** Why containers wait, for {@link status} and for logs that are asked for. */
  waitingOf(record: PodRecord, plan: Pick<Plan, 'waiting'>): Record<string, { reason: string; message: string }> {
    return { ...Object.fromEntries(record.trouble), ...plan.waiting }
  }

  #tell(record: PodRecord, pod: StoredPod, input: PlanInput, plan: Plan): void {
    this.#backOffEvents(record, pod, plan)
    for (const [name, why] of Object.entries(plan.waiting)) record.trouble.set(name, why)
    if (!record.pod || !record.desired || record.released === 'all') return
    // Of a pod that ended in an earlier life, the API server knows more than what is left here.
    if (input.containers.length === 0 && !record.lastStatus && (input.intent === 'end' || (input.failed && !record.failed))) return
    const { clock } = this.#deps.host
    const running = input.containers.filter((c) => c.state === 'running')
    // An adopted pod is described once its network and probes are known again, so that nobody sees it unready for a moment.
    if (!record.lastStatus && input.intent === 'run' && running.length > 0 && clock.monotonic() < this.#adoptedAt(record) + adoptionGrace) {
      const unknown = running.some((c) => pod.spec?.containers.some((d) => d.name === c.name && d.readinessProbe) && (record.probes.get(c.id)?.readiness ?? 'unknown') === 'unknown')
      if (record.setup.at !== 'done' || unknown) return
    }
    const status: PodStatus = podStatus({
      pod, recursiveReadOnly: this.#deps.recursiveReadOnly, sandboxes: input.sandboxes, containers: input.containers, probes: input.probes, postStart: input.postStart, applied: input.applied, waiting: this.waitingOf(record, plan), messages: Object.fromEntries(record.messages), images: record.resolved,
      failed: record.failed, ended: plan.ended && !running.length, podIPs: record.ips, hostIPs: this.#deps.hostIPs(),
      sandboxReady: newestSandbox(input.sandboxes)?.state === 'ready' && record.setup.at === 'done', runtimeName: this.#deps.runtime.name,
      startTime: record.startTime, now: clock.now(), previous: record.lastStatus,
    })
    const resizing = resizeConditions({
      pending: record.resizePending, inProgress: running.some((c) => { const def = containerNamed(pod, c.name); return def !== undefined && resizeOf(def, record.applied.get(c.id)) !== 'none' }), error: record.resizeError?.message,
    }, record.lastStatus?.conditions ?? [], clock.now())
    const disrupted = disruption(record, clock.now())
    const devices = this.#devicesCondition(record, pod)
    if (devices) status.conditions = [...status.conditions ?? [], devices]
    if (disrupted && status.phase === 'Failed') status.conditions = [...status.conditions ?? [], disrupted]
    if (resizing.length > 0) status.conditions = [...resizing, ...status.conditions ?? []]
    if (deepEqual(status, record.lastStatus)) return
    record.lastStatus = status
    this.#takenOver(record)
    this.#deps.sink.podStatus(record.ref, status)
  }

  /** Says when everything that ran before is in this process's hands: what an operator waits for after an update. */
  #takenOver({ ref }: PodRecord): void {
    if (!this.#strangers.delete(ref.uid) || this.#strangers.size > 0) return
    this.#deps.host.log.info('pods taken over', { pods: this.records.size })
  }

  #adoptedAt(record: PodRecord): number { return record.firstSeenAt ??= this.#deps.host.clock.monotonic() }

  #backOffEvents(record: PodRecord, pod: StoredPod, plan: Plan): void {
    for (const [name, { reason }] of Object.entries(plan.waiting)) {
      if (record.trouble.get(name)?.reason === reason) continue
      const path = fieldPathOf(pod, name)
      if (reason === 'CrashLoopBackOff') this.#deps.event(record, 'Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${formatPod(record.ref)}`, path)
      if (reason !== 'ImagePullBackOff') continue
      const image = pod.spec?.containers.concat(pod.spec.initContainers ?? []).find((c) => c.name === name)?.image ?? ''
      this.#deps.event(record, 'Normal', 'BackOff', `Back-off pulling image "${image}"`, path)
      this.#deps.event(record, 'Warning', 'Failed', 'Error: ImagePullBackOff', path)
    }
  }

  #forget(record: PodRecord): void {
    // There may be room now for what had to wait.
    for (const [uid, other] of this.records) if (other.resizePending?.reason === 'Deferred') this.#queue.add(uid)
    record.abort.abort()
    this.#deps.probes.forget(record)
    this.records.delete(record.ref.uid)
    if (record.desired) this.#deps.sink.podGone(record.ref)
    else this.#deps.sink.podForgotten(record.ref)
  }

  /** A pod's container for logs and exec; undefined where the pod is not here. */
  find(namespace: string, name: string): PodRecord | undefined {
    return [...this.records.values()].findLast((r) => r.ref.namespace === namespace && r.ref.name === name && r.pod !== undefined)
  }

  newest(record: PodRecord, container: string): { current: Container | undefined; previous: Container | undefined } {
    const { containers } = this.#deps.cache.pod(record.ref.uid)
    const current = newestContainer(containers, container)
    return { current, previous: current && newestContainer(containers.filter((c) => c.attempt < current.attempt), container) }
  }
}
