/** What is said of a pod, and when: its status where it differs from what was said last, and the events of containers that wait. */
import type { PodCondition, PodStatus } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { StatusSink } from '../../link/link.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Devices } from '../devices/devices.ts'
import { conditionEvent, conditionType, devicesCondition } from '../devices/health/plan.ts'
import { newestSandbox, type Plan, type PlanInput } from '../pod/plan.ts'
import { allContainers, containerNamed, fieldPathOf, formatPod, type StoredPod } from '../pod/pod-facts.ts'
import type { PodRecord } from '../pod/record.ts'
import { resizeConditions, resizeOf } from '../resources/resize.ts'
import { podStatus } from './pod-status.ts'
import { deepEqual } from './same-status.ts'

export interface TellerDeps {
  readonly host: Host
  readonly runtime: Pick<Runtime, 'name'>
  readonly sink: Pick<StatusSink, 'podStatus'>
  readonly devices: Pick<Devices, 'of'>
  /** The runtime can make what is mounted below a read-only mount read-only. */
  readonly recursiveReadOnly: boolean
  hostIPs(): readonly string[]
  event(record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
}

/** How long the first status of an adopted pod waits for its probes, beside the time that they may take. */
const adoptionGrace = 2000

/** As upstream tells controllers that count failures (KEP-3329). */
function disruption({ failed, lastStatus }: PodRecord, now: number): PodCondition | undefined {
  if (failed?.disrupted === undefined) return undefined
  const before = lastStatus?.conditions?.find((c) => c.type === 'DisruptionTarget')
  return before ?? { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: failed.disrupted, lastTransitionTime: `${new Date(now).toISOString().slice(0, 19)}Z` }
}

/** Why containers wait: what was said of them last, and what the plan says now. */
const waitingOf = (record: PodRecord, plan: Pick<Plan, 'waiting'>): Record<string, { reason: string; message: string }> => ({ ...Object.fromEntries(record.trouble), ...plan.waiting })

export class StatusTeller {
  readonly #deps: TellerDeps
  /** Pods whose containers were running before this process did, and have not been described by it yet. */
  readonly #strangers = new Set<string>()
  #met = 0
  constructor(deps: TellerDeps) { this.#deps = deps }

  /** A pod that an earlier process started. To be called before the first {@link tell}. */
  ranBefore(uid: string): void { this.#strangers.add(uid) }

  /** Says a pod's status where it has changed, and the events of containers that wait. Nothing is said of a pod that is no longer wanted. */
  tell(record: PodRecord, pod: StoredPod, input: PlanInput, plan: Plan): void {
    this.#backOffEvents(record, pod, plan)
    for (const [name, why] of Object.entries(plan.waiting)) record.trouble.set(name, why)
    if (!record.pod || !record.desired || record.released === 'all') return
    // Of a pod that ended in an earlier life, the API server knows more than what is left here.
    if (input.containers.length === 0 && !record.lastStatus && (input.intent === 'end' || (input.failed && !record.failed))) return
    const { clock } = this.#deps.host
    const running = input.containers.filter((c) => c.state === 'running')
    // An adopted pod is described once its network and probes are known again, so that nobody sees it unready for a moment.
    if (!record.lastStatus && input.intent === 'run' && running.length > 0 && clock.monotonic() < this.describedBy(record)) {
      const unknown = running.some((c) => {
        const [def, said] = [containerNamed(pod, c.name), record.probes.get(c.id)]
        return (def?.startupProbe && (said?.startup ?? 'unknown') === 'unknown') || (def?.readinessProbe && (said?.readiness ?? 'unknown') === 'unknown')
      })
      if (record.setup.at !== 'done' || unknown) return
    }
    const status: PodStatus = podStatus({
      pod, recursiveReadOnly: this.#deps.recursiveReadOnly, sandboxes: input.sandboxes, containers: input.containers, probes: input.probes, postStart: input.postStart, applied: input.applied, waiting: waitingOf(record, plan), messages: Object.fromEntries(record.messages), images: record.resolved,
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
    this.met(record.ref.uid)
    this.#deps.sink.podStatus(record.ref, status)
  }

  /** When an adopted pod is described at the latest, whatever its probes have said. */
  describedBy(record: PodRecord): Millis {
    record.firstSeenAt ??= this.#deps.host.clock.monotonic()
    const timeouts = record.pod ? allContainers(record.pod).map((d) => (d.startupProbe?.timeoutSeconds ?? 0) + (d.readinessProbe?.timeoutSeconds ?? 0)) : []
    return record.firstSeenAt + adoptionGrace + 1000 * Math.max(0, ...timeouts)
  }

  /** One that ran before this process is described, or gone. Says when all are: what an operator waits for after an update. */
  met(uid: string): void {
    if (!this.#strangers.delete(uid)) return
    this.#met++
    if (this.#strangers.size === 0) this.#deps.host.log.info('pods taken over', { pods: this.#met })
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
}
