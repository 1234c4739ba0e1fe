import type { Job, JobSpec } from '../../../shared/api/batch-v1.ts'
import { humanDuration } from '../../../shared/values/duration.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Label } from '../../../shared/values/names.ts'
import { matchesLabels, selectorOf } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, required } from './findings.ts'
import { isIndexed, validateJobSpecCommon } from './job-spec.ts'
import { jobHas, validateJobStatusUpdate } from './job-status.ts'
import { unchanged, validateLabelSelector } from './object-meta.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, selectorColumn } from './workload.ts'

const uidLabel = 'batch.kubernetes.io/controller-uid'
const nameLabel = 'batch.kubernetes.io/job-name'
const [legacyUidLabel, legacyNameLabel] = ['controller-uid', 'job-name']
const maxInt32 = 2 ** 31 - 1

/** The pods of a condition are matched when it is true, unless said otherwise. Shared with a CronJob's template. */
export function defaultFailurePolicy(spec: JobSpec | undefined): void {
  for (const rule of spec?.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
}

function setDefaults(job: Job): void {
  const spec = (job.spec ??= {} as JobSpec)
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'
  spec.manualSelector ??= false
  defaultFailurePolicy(spec)
  defaultPodTemplate(spec.template)
  // One and the same map, so that the labels the server adds to the template are the job's as well.
  const labels = spec.template?.metadata?.labels
  if (labels && job.metadata && !Object.keys(job.metadata.labels ?? {}).length) job.metadata.labels = labels
  job.status ??= {}
}

/** The labels by which the job knows its pods, unless the user chose the selector. Labels the user set stay, and are judged later. */
function generateSelector(job: Job): void {
  const { spec, metadata } = job
  if (!spec?.template || !metadata || spec.manualSelector) return
  const template = (spec.template.metadata ??= {})
  const shared = template.labels !== undefined && template.labels === metadata.labels
  const labels = (template.labels = { ...template.labels })
  if (!(legacyNameLabel in labels)) labels[legacyNameLabel] = labels[nameLabel] = metadata.name ?? ''
  if (!(legacyUidLabel in labels)) labels[legacyUidLabel] = labels[uidLabel] = metadata.uid ?? ''
  const matchLabels = ((spec.selector ??= {}).matchLabels ??= {})
  matchLabels[uidLabel] ??= metadata.uid ?? ''
  if (shared || !Object.keys(metadata.labels ?? {}).length) metadata.labels = { ...labels }
}

function hasLabel(labels: Readonly<Record<string, string>>, key: string, expected: string): FieldError[] {
  const field = 'spec.template.metadata.labels'
  if (!(key in labels)) return [required(`${field}[${key}]`, `must be '${expected}'`)]
  return labels[key] === expected ? [] : [invalidValue(`${field}[${key}]`, labels, `must be '${expected}'`)]
}

function validateGeneratedSelector(job: Job): FieldError[] {
  const spec = job.spec as JobSpec
  if (spec.manualSelector || !spec.selector) return []
  const { uid = '', name = '' } = job.metadata ?? {}
  const labels = spec.template?.metadata?.labels ?? {}
  const found = uid ? [] : [required('metadata.uid')]
  // Jobs of versions before 1.27 have only the labels without a prefix.
  const prefixed = uidLabel in (spec.selector.matchLabels ?? {}) || !(legacyUidLabel in (spec.selector.matchLabels ?? {}))
  const expected = { [legacyUidLabel]: uid, [legacyNameLabel]: name, ...(prefixed ? { [uidLabel]: uid, [nameLabel]: name } : {}) }
  for (const [key, value] of Object.entries(expected)) found.push(...hasLabel(labels, key, value))
  if (!validateLabelSelector(spec.selector, '').length && !matchesLabels(selectorOf(spec.selector) ?? [], expected)) found.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'))
  return found
}

function validate(job: Job): FieldError[] {
  const spec = job.spec as JobSpec
  const found = [...validateGeneratedSelector(job), ...validateJobSpecCommon(spec, 'spec')]
  const selectorFindings = spec.selector ? validateLabelSelector(spec.selector, 'spec.selector') : [required('spec.selector')]
  found.push(...selectorFindings)
  const labels = spec.template?.metadata?.labels ?? {}
  if (!selectorFindings.length && !matchesLabels(selectorOf(spec.selector) ?? [], labels)) found.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  const { completions = 0 } = spec
  const name = job.metadata?.name ?? ''
  if (isIndexed(spec) && completions > 0 && validateDns1123Label(`${name}-${completions - 1}`).length) {
    found.push(invalidValue('metadata.name', name, `will not able to create pod with invalid DNS label: ${name}-${completions - 1}`))
  }
  return found
}

/** The template as it may be written while the job is suspended and has not started: where its pods may run is still open. */
function withOpenDirectives(old: JobSpec, next: JobSpec): unknown {
  const template = copyJson(old.template)
  const [spec, wanted] = [(template.spec ??= { containers: [] }), next.template?.spec]
  const take = (target: object, key: string, value: unknown): void => {
    if (value === undefined) delete (target as Record<string, unknown>)[key]
    else (target as Record<string, unknown>)[key] = value
  }
  const { nodeAffinity: _old, ...others } = spec.affinity ?? {}
  const nodeAffinity = wanted?.affinity?.nodeAffinity
  const affinity = { ...others, ...(nodeAffinity ? { nodeAffinity } : {}) }
  take(spec, 'affinity', wanted?.affinity || Object.keys(affinity).length ? affinity : undefined)
  for (const f of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) take(spec, f, wanted?.[f])
  const meta = (template.metadata ??= {})
  for (const f of ['annotations', 'labels'] as const) take(meta, f, next.template?.metadata?.[f])
  return template
}

function validateSpecUpdate(job: Job, old: Job): FieldError[] {
  const [next, last] = [job.spec ?? ({} as JobSpec), old.spec ?? ({} as JobSpec)]
  const found: FieldError[] = []
  if (!isIndexed(next)) found.push(...unchanged('spec.completions', next.completions, last.completions))
  else if (next.completions !== undefined && next.completions !== last.completions && next.completions !== next.parallelism) {
    found.push(invalidValue('spec.completions', next.completions, 'can only be modified in tandem with spec.parallelism'))
  }
  found.push(...unchanged('spec.selector', next.selector, last.selector))
  const open = last.suspend === true && !old.status?.startTime && last.template !== undefined && !equalJson(next.template, last.template)
  found.push(...unchanged('spec.template', next.template, open ? withOpenDirectives(last, next) : last.template))
  for (const f of ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const) found.push(...unchanged(`spec.${f}`, next[f], last[f]))
  return found
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationOf({ status }: Job, now: number): string {
  const { startTime, completionTime } = status ?? {}
  return startTime ? humanDuration((completionTime ? Date.parse(completionTime) : now) - Date.parse(startTime)) : ''
}

function statusOf({ metadata, status }: Job): string {
  if (jobHas(status, 'Complete')) return 'Complete'
  if (jobHas(status, 'Failed')) return 'Failed'
  if (metadata?.deletionTimestamp) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => jobHas(status, type)) ?? 'Running'
}

export const jobs = define<Job>({
  group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', namespaced: true, schema: 'batch-v1.Job', categories: ['all'], subresources: { status: true },
  // The counters say which pods are counted already: losing them counts pods twice.
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Status', statusOf, { description: 'Status of the job.' }), column('Completions', completionsOf, { description: 'The number of pods which reached phase Succeeded.' }),
    column('Duration', (job, { now }) => durationOf(job, now), { description: 'Time required to complete the job.' }), ageColumn, containersColumn, imagesColumn, selectorColumn,
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate(job) {
      startGeneration(job)
      generateSelector(job)
    },
    prepareForUpdate: carryOver,
    validate,
    validateUpdate: (job, old, { subresource }) => (subresource === 'status' ? validateJobStatusUpdate(job, old) : validateSpecUpdate(job, old)),
  },
  selectableFields: { 'status.successful': (job) => String(job.status?.succeeded ?? 0) },
})
