/** Which pods the node has taken and what it has granted them: its room is shared out here. A critical pod that finds none has others end, and waits for that. */
import type { Devices } from '../devices/devices.ts'
import { isSpared } from '../eviction/plan.ts'
import { cannotMakeRoom, preempted, whoYields, type Missing } from '../eviction/preemption.ts'
import type { RuntimeCache } from '../observe/cache.ts'
import { podAmounts } from '../resources/qos.ts'
import { allocatedPod, firstAllocation, judgeResize, type Room } from '../resources/resize.ts'
import { reject, shortages, type AdmissionFacts, type Rejection } from './admission.ts'
import type { StoredPod } from './pod-facts.ts'
import type { PodRecord } from './record.ts'

export interface AdmissionDeps {
  readonly cache: RuntimeCache
  readonly devices: Pick<Devices, 'admit'>
  /** What admission asks of the node, beside what its pods have. */
  admission(): Omit<AdmissionFacts, 'room' | 'neighbours'> & { readonly allocatable: Room['allocatable'] }
  event(record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
}

const unexpected = (message: string): Rejection => ({ reason: 'UnexpectedAdmissionError', message })

export class Admissions {
  readonly #deps: AdmissionDeps
  readonly #records: ReadonlyMap<string, PodRecord>
  readonly #wake: (uid: string) => void
  /** Critical pods, and who makes room for each. Their own room is theirs already: nobody else gets it. */
  readonly #waiting = new Map<string, readonly string[]>()

  /** `wake` has a pod looked at again. */
  constructor(deps: AdmissionDeps, records: ReadonlyMap<string, PodRecord>, wake: (uid: string) => void) {
    this.#deps = deps
    this.#records = records
    this.#wake = wake
  }

  /** Decides once about a pod; one that is refused has failed (`record.failed`). False: it waits for others to end, and will be woken. */
  async admit(record: PodRecord, pod: StoredPod): Promise<boolean> {
    const { uid } = record.ref
    const yielding = this.#waiting.get(uid)
    if (yielding?.some((other) => this.#deps.cache.pod(other).containers.some((c) => c.state === 'running'))) return false
    this.#waiting.delete(uid)
    if (record.admitted && !yielding) return true
    // Counted from now on among those that take room.
    record.admitted = true
    let why: Rejection | undefined
    try { why = yielding ? await this.#withoutDevices(pod) : await this.#refusal(record, pod) } catch (e) { record.admitted = false; throw e }
    if (why) {
      record.failed = { reason: why.reason, message: `Pod was rejected: ${why.message}`, rejected: true }
      this.#deps.event(record, 'Warning', why.reason, why.message)
    }
    return !this.#waiting.has(uid)
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
    const { containers, sandboxes } = this.#deps.cache.pod(record.ref.uid)
    const phase = pod.status?.phase ?? 'Pending'
    if (phase === 'Succeeded' || phase === 'Failed') return undefined
    const isNew = containers.length === 0 && sandboxes.length === 0 && phase === 'Pending'
    if (isNew) {
      const { allocatable, ...node } = this.#deps.admission()
      const facts = { ...node, room: { allocatable, others: this.#othersThan(record) }, neighbours: this.#neighbours(record).map(({ pod: p }) => p) }
      const why = reject(pod, facts)
      const lacks = why ? shortages(pod, facts) : []
      if (why && !(isSpared(pod) && lacks.some((s) => why.reason === `OutOf${s.resource}`))) return why
      if (why) return this.#makeRoom(record, pod, lacks.map((s) => ({ resource: s.resource, amount: s.requested - (s.capacity - s.used) })))
    }
    const refused = await this.#withoutDevices(pod)
    // One that was taken before is not sent away: without its device its container waits.
    return isNew ? refused : undefined
  }

  async #withoutDevices(pod: StoredPod): Promise<Rejection | undefined> {
    const message = await this.#deps.devices.admit(pod)
    return message === undefined ? undefined : unexpected(message)
  }

  /** Upstream blocks every other admission meanwhile; here this pod waits. */
  #makeRoom(record: PodRecord, pod: StoredPod, missing: readonly Missing[]): Rejection | undefined {
    const recordOf = new Map(this.#neighbours(record).map((n) => [n.pod, n.record]))
    const answer = whoYields(pod, missing, [...recordOf.keys()])
    if ('lacking' in answer) return unexpected(cannotMakeRoom(answer.lacking))
    const yielding = answer.pods.map((p) => recordOf.get(p)!)
    this.#waiting.set(record.ref.uid, yielding.map((r) => r.ref.uid))
    for (const other of yielding) {
      other.failed = { ...preempted, disrupted: true }
      this.#deps.event(other, 'Warning', preempted.reason, preempted.message)
      this.#wake(other.ref.uid)
    }
    // Those that run nothing yet have nothing to end.
    this.#wake(record.ref.uid)
    return undefined
  }

  /** The other pods that have a claim on this node, with what they were granted. */
  #neighbours(record: PodRecord): readonly { readonly record: PodRecord; readonly pod: StoredPod }[] {
    return [...this.#records.values()].flatMap((other) => {
      const isOver = ['Succeeded', 'Failed'].includes(other.lastStatus?.phase ?? other.pod?.status?.phase ?? '')
      return other === record || !other.pod || !other.desired || !other.admitted || other.failed || isOver ? [] : [{ record: other, pod: allocatedPod(other.pod, other.allocation) }]
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
