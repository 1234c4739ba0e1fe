/** One worker per pod: gathers the snapshot, has it planned, has the status said, performs the steps, and looks again until there is nothing to do. */
import type { PersistentVolumeClaim } from '../../shared/api/core-v1.ts'
import type { FileTree } from '../../shared/host/file-tree.ts'
import type { Devices } from './devices/devices.ts'
import { stale } from './devices/health/plan.ts'
import { createWorkQueue, type HandlerResult, type WorkQueue } from '../../shared/reconcile/work-queue.ts'
import { deepEqual } from './status/same-status.ts'
import type { DesiredChange, DesiredState, StatusSink } from '../link/link.ts'
import type { Container, Runtime } from '../runtime/runtime.ts'
import type { RuntimeCache } from './observe/cache.ts'
import { apply, type Executors } from './pod/apply.ts'
import { Admissions, type AdmissionDeps } from './pod/admissions.ts'
import { podPaths } from './pod/paths.ts'
import { newestContainer, planPod, type Plan, type PlanInput } from './pod/plan.ts'
import { containerNamed, gracePeriod, graceOfRemoved, refOf, restarts, type StoredPod } from './pod/pod-facts.ts'
import { createRecord, forgetImages, type PodRecord } from './pod/record.ts'
import { findLeftovers, firstAttempts, objectsOf, skeleton } from './pod/leftovers.ts'
import { readLastWords } from './pod/last-words.ts'
import type { ProbeSet } from './probes/probe-set.ts'
import { StatusTeller, type TellerDeps } from './status/teller.ts'

export interface LoopDeps extends TellerDeps, AdmissionDeps {
  readonly runtime: Pick<Runtime, 'name' | 'logs'>
  readonly cache: RuntimeCache
  readonly desired: DesiredState
  readonly sink: StatusSink
  readonly files: FileTree
  readonly executors: Executors
  readonly probes: ProbeSet
  readonly devices: Pick<Devices, 'admit' | 'of' | 'release'>
  readonly dataDir: string
  readonly memoryDir: string
}

/** Rounds of plan and steps before other pods have their turn again; a pod's whole start takes four. */
const maxRounds = 20

export class PodLoop {
  readonly #deps: LoopDeps
  readonly #queue: WorkQueue
  readonly records = new Map<string, PodRecord>()
  readonly #teller: StatusTeller
  readonly #admissions: Admissions

  constructor(deps: LoopDeps) {
    this.#deps = deps
    this.#teller = new StatusTeller(deps)
    this.#admissions = new Admissions(deps, this.records, (uid) => { this.wake(uid) })
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
      if (isFirst && this.records.has(uid)) this.#teller.ranBefore(uid)
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
    if (this.#isEnding(record)) this.#admissions.dismiss(uid)
    else {
      const wait = await this.#admissions.admit(record, pod)
      if (wait !== undefined) return { after: wait }
    }
    for (let round = 0; round < maxRounds; round++) {
      const now = this.#admissions.allocated(record, record.pod ?? pod)
      await this.#observe(record, now)
      const input = this.#snapshot(record, now)
      const plan = planPod(input)
      record.ending = plan.ending ? record.ending ?? { since: input.now, grace: input.grace } : undefined
      // Before anybody hears that it has ended, and is sent here for what it had.
      if (plan.ended) await this.#deps.devices.release(uid)
      this.#teller.tell(record, now, input, plan)
      if (plan.ended) this.#admissions.ended()
      if (plan.gone) { this.#forget(record); return }
      if (plan.steps.length === 0) return this.#again(record, plan, input.now)
      for (const step of plan.steps) await apply(this.#deps.executors, record, now, step)
    }
    // More rounds than any pod needs: others have their turn, and a decision that never settles costs little.
    return { after: 100 }
  }

  /** What fell due since the plan was made counts as due now: it would not come again. */
  #again(record: PodRecord, plan: Plan, plannedAt: number): HandlerResult {
    const times = [plan.wakeAt, record.volumesDueAt, record.lastStatus ? undefined : this.#teller.describedBy(record)].filter((t) => t !== undefined && t > plannedAt) as number[]
    return times.length === 0 ? undefined : { after: Math.max(0, Math.min(...times) - this.#deps.host.clock.monotonic()) }
  }

  /** A runtime that has forgotten a container still left its logs: the restart count goes on from there. */
  async #firstLook(record: PodRecord, pod: StoredPod): Promise<void> {
    if (record.seen) return
    record.seen = true
    for (const [name, attempt] of await firstAttempts(this.#deps.files, record.paths, pod)) record.firstAttempt.set(name, attempt)
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

  #forget(record: PodRecord): void {
    // There may be room now for what had to wait.
    for (const [uid, other] of this.records) if (other.resizePending?.reason === 'Deferred') this.#queue.add(uid)
    record.abort.abort()
    this.#deps.probes.forget(record)
    this.#teller.met(record.ref.uid)
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
