/** Which pods the node has taken and what it has granted them: its room is shared out here. A critical pod that finds none has others end, and waits for that. */
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { Devices } from '../devices/devices.ts'
import { isCritical } from '../eviction/plan.ts'
import { cannotMakeRoom, preempted, whoYields, type Missing } from '../eviction/preemption.ts'
import type { RuntimeCache } from '../observe/cache.ts'
import { podAmounts } from '../resources/qos.ts'
import { allocatedPod, firstAllocation, judgeResize, type Room } from '../resources/resize.ts'
import { reject, type AdmissionFacts, type Rejection } from './admission.ts'
import { gracePeriod, type StoredPod } from './pod-facts.ts'
import type { PodRecord } from './record.ts'

export interface AdmissionDeps {
  readonly host: Host
  readonly cache: RuntimeCache
  readonly devices: Pick<Devices, 'admit'>
  /** What admission asks of the node, beside what its pods have. */
  admission(): Omit<AdmissionFacts, 'room' | 'neighbours'> & { readonly allocatable: Room['allocatable'] }
  event(record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
  /** A pod ends for want of this. */
  preempted(resource: string): void
}

/** A critical pod waits for `others` to end, until then at most (monotonic). */
interface Wait { readonly others: readonly string[]; readonly until: Millis }

/** Upstream's `killPodNow`: half of the grace more, and ten seconds at least. */
const patience = (pods: readonly StoredPod[]): Millis => Math.max(10_000, ...pods.map((p) => 1.5 * gracePeriod(p)))
/** By what was said last of it, by this process or an earlier one. */
const isOver = ({ lastStatus, pod }: PodRecord): boolean => isPodFinished({ ...pod, ...(lastStatus ? { status: lastStatus } : {}) })

const unexpected = (message: string): Rejection => ({ reason: 'UnexpectedAdmissionError', message })

export class Admissions {
  readonly #deps: AdmissionDeps
  readonly #records: ReadonlyMap<string, PodRecord>
  readonly #wake: (uid: string) => void
  /** Critical pods, by uid. Their own room is theirs already: nobody gets it but a pod that is more critical. */
  readonly #waiting = new Map<string, Wait>()

  /** `wake` has a pod looked at again. */
  constructor(deps: AdmissionDeps, records: ReadonlyMap<string, PodRecord>, wake: (uid: string) => void) {
    this.#deps = deps
    this.#records = records
    this.#wake = wake
  }

  /** Decides once about a pod; one that is refused has failed (`record.failed`). Where it is to wait for others to end, the longest time until it is asked for again. */
  async admit(record: PodRecord, pod: StoredPod): Promise<Millis | undefined> {
    const { uid } = record.ref
    if (record.failed) this.#waiting.delete(uid)
    const left = this.#timeLeft(uid)
    if (left !== undefined || record.admitted) return left
    // Counted from now on among those that take room.
    record.admitted = true
    let why: Rejection | undefined
    try { why = await this.#refusal(record, pod) } catch (e) { record.admitted = false; throw e }
    if (why) {
      record.failed = { reason: why.reason, message: `Pod was rejected: ${why.message}`, rejected: true }
      this.#deps.event(record, 'Warning', why.reason, why.message)
    }
    return this.#timeLeft(uid)
  }

  /** Until what a pod waits for has ended, or should have: it is not waited for then, as upstream. */
  #timeLeft(uid: string): Millis | undefined {
    const wait = this.#waiting.get(uid)
    if (!wait) return undefined
    const left = wait.until - this.#deps.host.clock.monotonic()
    const running = wait.others.flatMap((other) => { const record = this.#records.get(other); return record && !isOver(record) ? [record] : [] })
    if (running.length > 0 && left > 0) return left
    this.#waiting.delete(uid)
    for (const record of running) this.#deps.event(record, 'Warning', 'ExceededGracePeriod', 'Container runtime did not kill the pod within specified grace period.')
    return undefined
  }

  /** A pod waits no longer: it is to end itself. */
  dismiss(uid: string): void { this.#waiting.delete(uid) }

  /** A pod has ended or is gone: there may be room for what waits. */
  ended(): void {
    for (const uid of this.#waiting.keys()) this.#wake(uid)
  }

  /** The pod with what it was granted, after granting what it asks for if there is room. */
  allocated(record: PodRecord, pod: StoredPod): StoredPod {
    const allocated = allocatedPod(pod, record.allocation)
    if (allocated === pod) { record.resizePending = undefined; return pod }
    const verdict = judgeResize(pod, { allocatable: this.#deps.admission().allocatable, others: this.#othersThan(record) })
    record.resizePending = verdict.at === 'accepted' ? undefined : { reason: verdict.at, message: verdict.message }
    if (verdict.at !== 'accepted') return allocated
    record.allocation = firstAllocation({ ...pod, status: {} })
    record.resizeError = undefined
    return pod
  }

  async #refusal(record: PodRecord, pod: StoredPod): Promise<Rejection | undefined> {
    if (isOver(record)) return undefined
    const isNew = this.#isNew(record)
    const noDevice = await this.#deps.devices.admit(pod)
    // One that was taken before is not sent away: without its device its container waits.
    if (!isNew) return undefined
    if (noDevice !== undefined) return unexpected(noDevice)
    const { allocatable, ...node } = this.#deps.admission()
    const facts = { ...node, room: { allocatable, others: this.#othersThan(record) }, neighbours: this.#neighbours(record).map((n) => n.pod) }
    const why = reject(pod, facts)
    return why?.lacks && isCritical(pod) ? this.#makeRoom(record, pod, why.lacks.map((s) => ({ resource: s.resource, amount: s.requested - (s.capacity - s.used) }))) : why
  }

  /** Nothing of it was made yet, by this process or one before. */
  #isNew(record: PodRecord): boolean {
    const { containers, sandboxes } = this.#deps.cache.pod(record.ref.uid)
    return containers.length === 0 && sandboxes.length === 0 && (record.pod?.status?.phase ?? 'Pending') === 'Pending'
  }

  /** Upstream blocks every other admission meanwhile; here this pod waits. */
  #makeRoom(record: PodRecord, pod: StoredPod, missing: readonly Missing[]): Rejection | undefined {
    const recordOf = new Map(this.#neighbours(record).map((n) => [n.pod, n.record]))
    const answer = whoYields(pod, missing, [...recordOf.keys()])
    if ('lacking' in answer) return unexpected(cannotMakeRoom(answer.lacking))
    const yielding = answer.pods.map((p) => recordOf.get(p)!)
    // One that was waiting itself has nothing to end but what it was waiting for.
    const others = yielding.flatMap((r) => [r.ref.uid, ...this.#waiting.get(r.ref.uid)?.others ?? []])
    this.#waiting.set(record.ref.uid, { others, until: this.#deps.host.clock.monotonic() + patience(others.flatMap((uid) => this.#records.get(uid)?.pod ?? [])) })
    for (const other of yielding) {
      this.#waiting.delete(other.ref.uid)
      other.failed = preempted
      this.#deps.preempted(missing[0]?.resource ?? '')
      this.#deps.event(other, 'Warning', preempted.reason, preempted.message)
      this.#wake(other.ref.uid)
    }
    return undefined
  }

  /** The other pods that have a claim on this node, with what they were granted. */
  #neighbours(record: PodRecord): readonly { readonly record: PodRecord; readonly pod: StoredPod }[] {
    return [...this.#records.values()].flatMap((other) => {
      // What an earlier agent had taken counts, though this one has not come to it yet.
      const isTaken = other.admitted || !this.#isNew(other)
      return other === record || !other.pod || !other.desired || !isTaken || other.failed || isOver(other) ? [] : [{ record: other, pod: allocatedPod(other.pod, other.allocation) }]
    })
  }

  #othersThan(record: PodRecord): Room['others'] {
    let [cpuMilli, memoryBytes] = [0, 0]
    for (const { pod } of this.#neighbours(record)) {
      const amounts = podAmounts(pod)
      cpuMilli += amounts.cpuRequest ?? 0
      memoryBytes += amounts.memoryRequest ?? 0
    }
    return { cpuMilli, memoryBytes }
  }
}
