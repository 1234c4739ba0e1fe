/** What a Job's status may say and how it may change (`ValidateJobStatusUpdate`, with the options of the Job's registry). Pure. */
import type { Job, JobStatus } from '../../../shared/api/batch-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { FieldError } from './definition.ts'
import { duplicate, immutableMessage, invalidValue, invalidWhole, required } from './findings.ts'
import { countIndexes, firstCommonIndex } from './job-indexes.ts'
import { isIndexed } from './job-spec.ts'
import { nonNegativeFields } from './workload.ts'

export const jobHas = (status: JobStatus | undefined, type: string): boolean => (status?.conditions ?? []).some((c) => c.type === type && c.status === 'True')
const finished = (status: JobStatus): boolean => jobHas(status, 'Complete') || jobHas(status, 'Failed')
const conditions = 'status.conditions'

/** A rule is judged where what it is about changed: objects of before stay writable. */
type Changes = (...what: (keyof JobStatus | 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet' | 'finished')[]) => boolean

function changesBetween(next: JobStatus, old: JobStatus): Changes {
  return (...what) => what.some((w) => {
    if (w === 'finished') return finished(next) !== finished(old)
    if (w === 'Complete' || w === 'Failed' || w === 'FailureTarget' || w === 'SuccessCriteriaMet') return jobHas(next, w) !== jobHas(old, w)
    return !equalJson(next[w], old[w])
  })
}

function validateUncounted(status: JobStatus): FieldError[] {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap((list) => (status.uncountedTerminatedPods?.[list] ?? []).flatMap((uid, i) => {
    const at = `status.uncountedTerminatedPods.${list}[${i}]`
    if (uid === '') return [invalidValue(at, uid, 'must not be empty')]
    if (seen.has(uid)) return [duplicate(at, uid)]
    seen.add(uid)
    return []
  }))
}

function validateTimes(status: JobStatus, old: JobStatus, changed: Changes, suspended: boolean): FieldError[] {
  const { startTime, completionTime } = status
  const complete = jobHas(status, 'Complete')
  const found: FieldError[] = []
  if (changed('Complete', 'completionTime')) {
    if (completionTime && !complete) found.push(invalidValue('status.completionTime', completionTime, 'cannot set completionTime when there is no Complete=True condition'))
    if (!completionTime && complete) found.push(required('status.completionTime', 'completionTime is required for Complete jobs'))
  }
  if (changed('startTime', 'completionTime') && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)) {
    found.push(invalidValue('status.completionTime', completionTime, 'must be equal to or after `startTime`'))
  }
  if (changed('finished', 'startTime') && !startTime && finished(status)) found.push(required('status.startTime', 'startTime is required for finished job'))
  if (completionTime && old.completionTime && completionTime !== old.completionTime) found.push(invalidValue('status.completionTime', completionTime, immutableMessage))
  if (old.startTime && startTime !== old.startTime && !suspended) found.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'))
  return found
}

function validateConditions(job: Job, status: JobStatus, old: JobStatus, changed: Changes): FieldError[] {
  const [complete, failed, failing, succeeding] = (['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'] as const).map((c) => jobHas(status, c))
  const found: FieldError[] = []
  const refuse = (when: boolean | undefined, detail: string): void => { if (when) found.push(invalidWhole(conditions, detail)) }
  refuse(changed('Complete', 'Failed') && complete && failed, 'cannot set Complete=True and Failed=true conditions')
  refuse(changed('Complete', 'FailureTarget') && complete && failing, 'cannot set Complete=True and FailureTarget=true conditions')
  refuse(changed('Failed', 'FailureTarget') && failed && !failing, 'cannot set Failed=True condition without the FailureTarget=true condition')
  refuse(changed('Complete', 'SuccessCriteriaMet') && complete && !succeeding, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition')
  refuse(succeeding && failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions')
  refuse(succeeding && failing, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  refuse(job.spec?.successPolicy !== undefined && !succeeding && complete, 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True')
  for (const type of ['Failed', 'Complete', 'FailureTarget']) refuse(jobHas(old, type) && !jobHas(status, type), `cannot disable the terminal ${type}=True condition`)
  refuse(jobHas(old, 'SuccessCriteriaMet') && !succeeding, 'cannot disable the SuccessCriteriaMet=True condition')
  refuse(jobHas(old, 'Complete') && !jobHas(old, 'SuccessCriteriaMet') && succeeding, 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions')
  return found
}

function validateIndexes(job: Job, status: JobStatus, changed: Changes): FieldError[] {
  const { completedIndexes = '', failedIndexes } = status
  const { completions, backoffLimitPerIndex } = job.spec ?? {}
  const found: FieldError[] = []
  const check = (text: string, name: string): void => {
    const counted = completions === undefined ? 0 : countIndexes(text, completions)
    if (typeof counted === 'string') found.push(invalidValue(`status.${name}`, text, `error parsing ${name}: ${counted}`))
  }
  if (changed('completedIndexes')) check(completedIndexes, 'completedIndexes')
  if (changed('failedIndexes') && backoffLimitPerIndex !== undefined && failedIndexes !== undefined) check(failedIndexes, 'failedIndexes')
  if (changed('completedIndexes') && completedIndexes !== '' && !isIndexed(job.spec)) {
    found.push(invalidValue('status.completedIndexes', completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'))
  }
  if (changed('failedIndexes') && backoffLimitPerIndex === undefined && failedIndexes !== undefined) {
    found.push(invalidValue('status.failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'))
  }
  if (changed('failedIndexes', 'completedIndexes') && completions !== undefined && failedIndexes !== undefined) {
    const both = firstCommonIndex(completedIndexes, failedIndexes, completions)
    if (both !== undefined) found.push(invalidValue('status.failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${both}`))
  }
  return found
}

function validateCounts(job: Job, status: JobStatus, old: JobStatus, changed: Changes): FieldError[] {
  const found: FieldError[] = []
  const ended = finished(status)
  const { active = 0, terminating = 0, ready, uncountedTerminatedPods: uncounted } = status
  if (changed('finished') && ended && active > 0) found.push(invalidValue('status.active', active, 'active>0 is invalid for finished job'))
  if (changed('finished', 'uncountedTerminatedPods') && ended && (uncounted?.failed?.length || uncounted?.succeeded?.length)) {
    found.push(invalidValue('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job'))
  }
  if (changed('finished', 'terminating') && ended && terminating > 0) found.push(invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job'))
  if (changed('ready') && ready !== undefined && ready > active) found.push(invalidValue('status.ready', ready, 'cannot set more ready pods than active'))
  if ((status.failed ?? 0) < (old.failed ?? 0)) found.push(invalidValue('status.failed', status.failed ?? 0, 'cannot decrease the failed counter'))
  // An elastic Indexed Job may be scaled down, and then counts less.
  const elastic = isIndexed(job.spec) && job.spec?.completions === job.spec?.parallelism
  if (!elastic && (status.succeeded ?? 0) < (old.succeeded ?? 0)) found.push(invalidValue('status.succeeded', status.succeeded ?? 0, 'cannot decrease the succeeded counter'))
  return found
}

export function validateJobStatusUpdate(job: Job, oldJob: Job): FieldError[] {
  const [status, old] = [job.status ?? {}, oldJob.status ?? {}]
  const changed = changesBetween(status, old)
  return [
    ...nonNegativeFields(status, ['active', 'succeeded', 'failed', 'ready', 'terminating']), ...validateUncounted(status), ...validateConditions(job, status, old, changed),
    ...validateTimes(status, old, changed, job.spec?.suspend === true), ...validateCounts(job, status, old, changed), ...validateIndexes(job, status, changed),
  ]
}
