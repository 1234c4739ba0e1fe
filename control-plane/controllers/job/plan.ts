/**
 * What a job does next (upstream `pkg/controller/job`): which ended pods it counts, which pods it creates or deletes, and whether it is over.
 *
 * An ended pod is counted once: its uid goes into `status.uncountedTerminatedPods` before its finalizer goes, and out of it, into the
 * counts, after. A crash between any two steps leaves a state from which the next run goes on.
 */
import type { Job, JobCondition, JobStatus } from '../../../shared/api/batch-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished, isPodReady } from '../../../shared/api/pod-phase.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'
import { judgeFailure } from './failure-policy.ts'
import { formatIndexes, indexOf, parseIndexes } from './indexes.ts'

type StoredPod = Stored<Pod>
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
/** At most this many pods are created or deleted in one go (upstream `MaxPodCreateDeletePerSync`). */
const maxPerSync = 500
const firstBackoff = 10_000
const maxBackoff = 600_000

export interface JobInput {
  readonly job: Stored<Job>
  /** All pods of the job, ended and ending ones too. */
  readonly pods: readonly StoredPod[]
  readonly now: number
  /** False while creations and deletions of before are not seen yet: then nothing is created or deleted. */
  readonly caughtUp: boolean
  /** Uids whose finalizer was taken off though the copy still shows it: they are counted already. */
  readonly released: ReadonlySet<string>
}

export interface NewJobPod { readonly index?: number; readonly failures?: number }

export interface JobPlan {
  /** The status with newly ended pods noted, to be written first where it differs. */
  readonly noted: JobStatus
  /** Pods whose finalizer goes once they are noted. */
  readonly release: readonly StoredPod[]
  /** The status once they are released: the noted ones are counted. `finished` only when nothing is left to be noted. */
  readonly counted: JobStatus
  readonly create: readonly NewJobPod[]
  readonly remove: readonly StoredPod[]
  readonly events: readonly { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }[]
  /** Look again in so many milliseconds. */
  readonly after?: number
}

export const conditionOf = (status: JobStatus | undefined, type: string): JobCondition | undefined => status?.conditions?.find((c) => c.type === type && c.status === 'True')
export const isFinished = (job: Job): boolean => Boolean(conditionOf(job.status, 'Complete') ?? conditionOf(job.status, 'Failed'))

export const tracked = (pod: Pod): boolean => pod.metadata?.finalizers?.includes(trackingFinalizer) ?? false
const onlyFailed = ({ spec }: Job): boolean => spec?.podReplacementPolicy === 'Failed'
/** A pod that is going counts as failed at once, unless the job replaces only what has failed. */
const hasFailed = (job: Job, pod: StoredPod): boolean => pod.status?.phase === 'Failed' || (!onlyFailed(job) && Boolean(pod.metadata.deletionTimestamp) && pod.status?.phase !== 'Succeeded')

interface Tally {
  readonly succeeded: number
  readonly failed: number
  readonly newSucceeded: readonly StoredPod[]
  readonly newFailed: readonly StoredPod[]
  readonly completedIndexes: Set<number>
  readonly failedIndexes: Set<number>
  readonly failJob: string | undefined
}

/** Counts of everything that has ended, noted or not. */
function tally({ job, pods, released }: JobInput): Tally {
  const { status = {}, spec } = job
  const noted = new Set([...(status.uncountedTerminatedPods?.succeeded ?? []), ...(status.uncountedTerminatedPods?.failed ?? [])])
  const fresh = pods.filter((p) => tracked(p) && !released.has(p.metadata.uid) && !noted.has(p.metadata.uid))
  const completions = spec?.completionMode === 'Indexed' ? spec.completions ?? 0 : 0
  const completedIndexes = new Set([...parseIndexes(status.completedIndexes)].filter((i) => i < completions))
  const failedIndexes = parseIndexes(status.failedIndexes)
  const newSucceeded = fresh.filter((p) => p.status?.phase === 'Succeeded')
  const gone = fresh.filter((p) => hasFailed(job, p))
  const judged = gone.map((pod) => ({ pod, verdict: judgeFailure(pod.status?.phase === 'Failed' ? spec?.podFailurePolicy : undefined, pod) }))
  const newFailed = judged.filter((j) => j.verdict.action !== 'Ignore').map((j) => j.pod)
  for (const pod of newSucceeded) { const i = indexOf(pod, completions); if (i !== undefined) completedIndexes.add(i) }
  if (spec?.backoffLimitPerIndex !== undefined) {
    for (const { pod, verdict } of judged) {
      const i = indexOf(pod, completions)
      if (i !== undefined && !completedIndexes.has(i) && (verdict.action === 'FailIndex' || (verdict.action === 'Count' && failuresOf(pod) >= spec.backoffLimitPerIndex))) failedIndexes.add(i)
    }
  }
  const succeeded = spec?.completionMode === 'Indexed' ? completedIndexes.size : (status.succeeded ?? 0) + (status.uncountedTerminatedPods?.succeeded?.length ?? 0) + newSucceeded.length
  const failed = (status.failed ?? 0) + (status.uncountedTerminatedPods?.failed?.length ?? 0) + newFailed.length
  const failJob = judged.map((j) => (j.verdict.action === 'FailJob' ? j.verdict.message : undefined)).find((m) => m !== undefined)
  return { succeeded, failed, newSucceeded, newFailed, completedIndexes, failedIndexes, failJob }
}

const failuresOf = (pod: Pod): number => Number(pod.metadata?.annotations?.[failureCountAnnotation] ?? 0) || 0

interface Verdict { readonly type: 'FailureTarget' | 'SuccessCriteriaMet'; readonly reason: string; readonly message: string }

function untilDeadline({ spec, status }: Job, now: number): number | undefined {
  if (spec?.activeDeadlineSeconds === undefined || !status?.startTime || spec.suspend) return undefined
  return Math.max(0, fromTimestamp(status.startTime) + spec.activeDeadlineSeconds * 1000 - now)
}

/** Restarts of pods that restart by themselves count, too. */
function restartsOver({ spec }: Job, active: readonly StoredPod[]): boolean {
  if (spec?.template.spec?.restartPolicy !== 'OnFailure' || spec.backoffLimit === undefined) return false
  const restarts = active.flatMap((p) => [...(p.status?.initContainerStatuses ?? []), ...(p.status?.containerStatuses ?? [])]).reduce((n, s) => n + s.restartCount, 0)
  return spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit
}

/** Whether and how the job ends. What was decided before stands. */
function verdictOf({ job, now }: JobInput, t: Tally, active: readonly StoredPod[]): Verdict | undefined {
  const { spec, status } = job
  for (const type of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const before = conditionOf(status, type)
    if (before) return { type, reason: before.reason ?? '', message: before.message ?? '' }
  }
  const fail = (reason: string, message: string): Verdict => ({ type: 'FailureTarget', reason, message })
  if (t.failJob !== undefined) return fail('PodFailurePolicy', t.failJob)
  if (spec?.completionMode === 'Indexed' && spec.successPolicy) {
    const at = spec.successPolicy.rules.findIndex((rule) => {
      const wanted = rule.succeededIndexes === undefined ? t.completedIndexes : new Set([...parseIndexes(rule.succeededIndexes)].filter((i) => t.completedIndexes.has(i)))
      return rule.succeededCount === undefined ? rule.succeededIndexes !== undefined && wanted.size === parseIndexes(rule.succeededIndexes).size : wanted.size >= rule.succeededCount
    })
    if (at >= 0) return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${at}` }
  }
  if (t.failed > (spec?.backoffLimit ?? 6) || restartsOver(job, active)) return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  if (untilDeadline(job, now) === 0) return fail('DeadlineExceeded', 'Job was active longer than specified deadline')
  if (spec?.maxFailedIndexes !== undefined && t.failedIndexes.size > spec.maxFailedIndexes) return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
  if (t.failedIndexes.size > 0 && t.failedIndexes.size + t.completedIndexes.size >= (spec?.completions ?? 0)) return fail('FailedIndexes', 'Job has failed indexes')
  const complete = spec?.completions === undefined ? t.succeeded > 0 && active.length === 0 : t.succeeded >= spec.completions
  return complete && !spec?.suspend ? { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' } : undefined
}

/** When the last pod failed and how many since the last success: each failure doubles the wait for the next pod. */
function untilNextPod({ pods, now }: JobInput): number {
  const endOf = (pod: StoredPod): number => {
    const ends = [...(pod.status?.containerStatuses ?? [])].map((s) => fromTimestamp(s.state?.terminated?.finishedAt)).filter((at) => !Number.isNaN(at))
    if (ends.length) return Math.max(...ends)
    const at = fromTimestamp(pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp)
    return Number.isNaN(at) ? now : at
  }
  const lastSuccess = Math.max(0, ...pods.filter((p) => p.status?.phase === 'Succeeded').map(endOf))
  const failures = pods.filter((p) => p.status?.phase === 'Failed').map(endOf).filter((at) => at > lastSuccess)
  if (!failures.length) return 0
  return Math.max(0, Math.max(...failures) + Math.min(maxBackoff, firstBackoff * 2 ** (failures.length - 1)) - now)
}

interface Scale { readonly create: readonly NewJobPod[]; readonly remove: readonly StoredPod[]; readonly after?: number }

/** Those to delete first: not yet running, then the youngest. */
const byWorth = (a: StoredPod, b: StoredPod): number =>
  Number(a.status?.phase === 'Running') - Number(b.status?.phase === 'Running') || Number(isPodReady(a)) - Number(isPodReady(b)) || b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp)

function scale(input: JobInput, t: Tally, active: readonly StoredPod[], terminating: number): Scale {
  const { spec } = input.job
  const parallelism = spec?.parallelism ?? 1
  const held = onlyFailed(input.job) ? terminating : 0
  if (spec?.completionMode === 'Indexed') return scaleIndexed(input, t, active, parallelism - held)
  const wanted = spec?.completions === undefined ? (t.succeeded > 0 ? Math.min(active.length, parallelism) : parallelism) : Math.max(0, Math.min(spec.completions - t.succeeded, parallelism))
  if (active.length > wanted) return { create: [], remove: active.toSorted(byWorth).slice(0, active.length - wanted) }
  const missing = Math.max(0, Math.min(wanted - active.length - held, maxPerSync))
  return delayed(input, Array.from({ length: missing }, () => ({})))
}

function scaleIndexed(input: JobInput, t: Tally, active: readonly StoredPod[], room: number): Scale {
  const { job, pods } = input
  const completions = job.spec?.completions ?? 0
  const taken = new Set<number>()
  const extra: StoredPod[] = []
  for (const pod of active.toSorted(byWorth).toReversed()) {
    const i = indexOf(pod, completions)
    if (i === undefined || taken.has(i) || t.completedIndexes.has(i) || t.failedIndexes.has(i)) extra.push(pod)
    else taken.add(i)
  }
  const kept = active.length - extra.length
  if (extra.length || kept > room) return { create: [], remove: [...extra, ...active.filter((p) => !extra.includes(p)).toSorted((a, b) => (indexOf(b, completions) ?? 0) - (indexOf(a, completions) ?? 0)).slice(0, Math.max(0, kept - room))] }
  const replacedLater = new Set(onlyFailed(job) ? pods.filter((p) => p.metadata.deletionTimestamp && !isPodFinished(p)).map((p) => indexOf(p, completions)) : [])
  const create: NewJobPod[] = []
  for (let i = 0; i < completions && create.length < Math.min(room - kept, maxPerSync); i++) {
    if (taken.has(i) || t.completedIndexes.has(i) || t.failedIndexes.has(i) || replacedLater.has(i)) continue
    create.push(job.spec?.backoffLimitPerIndex === undefined ? { index: i } : { index: i, failures: nextFailureCount(pods, i, completions) })
  }
  return delayed(input, create)
}

/** A replacement counts the failures of the pod before it. */
function nextFailureCount(pods: readonly StoredPod[], index: number, completions: number): number {
  const before = pods.filter((p) => indexOf(p, completions) === index && (p.status?.phase === 'Failed' || p.metadata.deletionTimestamp))
  return before.length ? Math.max(...before.map(failuresOf)) + 1 : 0
}

function delayed(input: JobInput, create: readonly NewJobPod[]): Scale {
  const wait = create.length ? untilNextPod(input) : 0
  return wait > 0 ? { create: [], remove: [], after: wait } : { create, remove: [] }
}

function withCondition(status: JobStatus, type: string, value: 'True' | 'False', about: { reason: string; message: string }, now: number): JobStatus {
  const had = status.conditions?.find((c) => c.type === type)
  if (had?.status === value) return status
  const condition: JobCondition = { type, status: value, lastProbeTime: timestamp(now), lastTransitionTime: timestamp(now), reason: about.reason, message: about.message }
  return { ...status, conditions: had ? (status.conditions ?? []).map((c) => (c === had ? condition : c)) : [...(status.conditions ?? []), condition] }
}

/** Start time and the condition Suspended, as the spec has it. */
function startOrSuspend(job: Job, status: JobStatus, now: number): JobStatus {
  if (job.spec?.suspend) {
    const { startTime: _ended, ...rest } = status
    return withCondition(rest, 'Suspended', 'True', { reason: 'JobSuspended', message: 'Job suspended' }, now)
  }
  const resumed = status.conditions?.some((c) => c.type === 'Suspended' && c.status === 'True')
  const next = resumed ? withCondition(status, 'Suspended', 'False', { reason: 'JobResumed', message: 'Job resumed' }, now) : status
  return next.startTime && !resumed ? next : { ...next, startTime: timestamp(now) }
}

function optional(status: JobStatus): JobStatus {
  const out = { ...status }
  for (const key of ['active', 'succeeded', 'failed'] as const) if (!out[key]) delete out[key]
  if (!out.completedIndexes) delete out.completedIndexes
  return out
}

/** Decides for an unfinished job. */
export function planJob(input: JobInput): JobPlan {
  const { job, pods, now } = input
  const t = tally(input)
  const active = pods.filter((p) => !isPodFinished(p) && !p.metadata.deletionTimestamp)
  const terminating = pods.filter((p) => !isPodFinished(p) && p.metadata.deletionTimestamp).length
  const verdict = verdictOf(input, t, active)
  const base = verdict ? job.status ?? {} : startOrSuspend(job, job.status ?? {}, now)
  const began = base.startTime ? base : { ...base, ...(verdict ? { startTime: timestamp(now) } : {}) }
  const { create, remove, after } = !input.caughtUp || job.metadata.deletionTimestamp ? { create: [], remove: [], after: undefined }
    : verdict || job.spec?.suspend ? { create: [], remove: active.slice(0, maxPerSync), after: undefined } : scale(input, t, active, terminating)
  const remaining = active.length - remove.length + create.length
  const indexed = job.spec?.completionMode === 'Indexed'
  const status = optional({
    ...(verdict ? withCondition(began, verdict.type, 'True', verdict, now) : began),
    active: remaining, ready: Math.min(remaining, active.filter((p) => isPodReady(p) && !remove.includes(p)).length), terminating: terminating + remove.length,
    ...(indexed ? { completedIndexes: formatIndexes(t.completedIndexes) } : {}),
    ...(job.spec?.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(t.failedIndexes) }),
  })
  const before = job.status?.uncountedTerminatedPods ?? {}
  const union = (had: readonly string[] | undefined, more: readonly StoredPod[]): string[] => [...new Set([...(had ?? []), ...more.map((p) => p.metadata.uid)])]
  const uncounted = { succeeded: union(before.succeeded, t.newSucceeded), failed: union(before.failed, t.newFailed) }
  const fresh = uncounted.succeeded.length + uncounted.failed.length > 0
  const noted: JobStatus = { ...status, ...(fresh ? { uncountedTerminatedPods: withoutEmpty(uncounted) } : { uncountedTerminatedPods: {} }), ...countsOf(job.status, indexed ? t.completedIndexes.size : undefined) }
  const counted = optional({ ...status, uncountedTerminatedPods: {}, succeeded: t.succeeded, failed: t.failed })
  const ended = verdict && !remaining && !terminating && !remove.length ? finish(counted, verdict, now) : counted
  const release = pods.filter((p) => tracked(p) && !input.released.has(p.metadata.uid) && (p.status?.phase === 'Succeeded' || hasFailed(job, p) || verdict !== undefined && isPodFinished(p)))
  const deadline = untilDeadline({ ...job, status: began }, now)
  const waits = [after, verdict ? undefined : deadline].filter((w) => w !== undefined)
  return { noted, release, counted: ended, create, remove, events: eventsOf(job, ended, verdict), ...(waits.length ? { after: Math.min(...waits) } : {}) }
}

const withoutEmpty = ({ succeeded, failed }: { succeeded: string[]; failed: string[] }) => ({ ...(succeeded.length ? { succeeded } : {}), ...(failed.length ? { failed } : {}) })

/** While pods are only noted the counts stay; those of an Indexed job are the number of its indexes. */
function countsOf(status: JobStatus | undefined, indexes: number | undefined): Pick<JobStatus, 'succeeded' | 'failed'> {
  const succeeded = indexes ?? status?.succeeded
  return { ...(succeeded ? { succeeded } : {}), ...(status?.failed ? { failed: status.failed } : {}) }
}

function finish(status: JobStatus, verdict: Verdict, now: number): JobStatus {
  if (verdict.type === 'FailureTarget') return withCondition(status, 'Failed', 'True', verdict, now)
  return { ...withCondition(status, 'Complete', 'True', verdict, now), completionTime: timestamp(now) }
}

function eventsOf(job: Job, next: JobStatus, verdict: Verdict | undefined): JobPlan['events'] {
  const events: { type: 'Normal' | 'Warning'; reason: string; message: string }[] = []
  const is = (status: JobStatus | undefined, type: string, value: string): boolean => Boolean(status?.conditions?.some((c) => c.type === type && c.status === value))
  if (is(next, 'Suspended', 'True') && !is(job.status, 'Suspended', 'True')) events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' })
  if (is(next, 'Suspended', 'False') && is(job.status, 'Suspended', 'True')) events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' })
  if (is(next, 'Complete', 'True')) events.push({ type: 'Normal', reason: 'Completed', message: 'Job completed' })
  if (is(next, 'Failed', 'True')) events.push({ type: 'Warning', reason: verdict?.reason ?? '', message: verdict?.message ?? '' })
  return events
}

/** Milliseconds until a finished job is deleted; undefined where it stays. */
export function untilExpiry({ spec, status }: Job, now: number): number | undefined {
  const end = conditionOf(status, 'Complete') ?? conditionOf(status, 'Failed')
  const at = fromTimestamp(end?.lastTransitionTime)
  return spec?.ttlSecondsAfterFinished === undefined || Number.isNaN(at) ? undefined : Math.max(0, at + spec.ttlSecondsAfterFinished * 1000 - now)
}
