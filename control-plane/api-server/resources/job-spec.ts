/** Validation of a Job's spec, alone or in a CronJob's template (`validateJobSpec` of `pkg/apis/batch/validation`). Pure. */
import type { JobSpec, JobTemplateSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule } from '../../../shared/api/batch-v1.ts'
import { validateQualifiedName } from '../../../shared/values/names.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidFor, invalidValue, invalidWhole, nonNegative, notSupported, notSupportedInOrder, quotedList, required, tooLong, tooMany } from './findings.ts'
import { countIndexes } from './job-indexes.ts'
import { validateDomainPrefixedPath } from './domain-path.ts'
import { validatePodTemplate } from './pod-spec/validate.ts'

/** Beyond so many completions an Indexed Job with a limit per index must bound its parallelism and its failures. */
const manyCompletions = 100_000
const maxIndexed = 100_000
const maxForMany = 10_000
const maxRules = 20
const maxExitCodes = 255
const maxConditions = 20
const maxManagedBy = 63
const maxIndexesText = 64 * 1024

export const isIndexed = (spec: JobSpec | undefined): boolean => spec?.completionMode === 'Indexed'

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const operators = ['In', 'NotIn']
const statuses = ['False', 'True', 'Unknown']

function oneOfQuoted(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (!value) return [required(field, `valid values: ${quotedList(supported)}`)]
  return supported.includes(value) ? [] : [notSupported(field, value, supported)]
}

function validateExitCodes(codes: PodFailurePolicyOnExitCodesRequirement, containers: ReadonlySet<string>, field: string): FieldError[] {
  const found = oneOfQuoted(`${field}.operator`, codes.operator, operators)
  if (codes.containerName !== undefined && !containers.has(codes.containerName)) {
    found.push(invalidValue(`${field}.containerName`, codes.containerName, 'must be one of the container or initContainer names in the pod template'))
  }
  const values = codes.values ?? []
  const at = `${field}.values`
  if (values.length === 0) found.push(invalidValue(at, values, 'at least one value is required'))
  else if (values.length > maxExitCodes) found.push(tooMany(at, values.length, maxExitCodes))
  const seen = new Set<number>()
  values.forEach((v, i) => {
    if (codes.operator === 'In' && v === 0) found.push(invalidValue(`${at}[${i}]`, v, 'must not be 0 for the In operator'))
    if (seen.has(v)) found.push(duplicate(`${at}[${i}]`, v))
    seen.add(v)
  })
  if (values.some((v, i) => i > 0 && (values[i - 1] as number) > v)) found.push(invalidValue(at, values, 'must be ordered'))
  return found
}

function validateFailureRule(rule: PodFailurePolicyRule, spec: JobSpec, containers: ReadonlySet<string>, field: string): FieldError[] {
  const found: FieldError[] = []
  if (rule.action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) found.push(invalidValue(`${field}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'))
  } else found.push(...oneOfQuoted(`${field}.action`, rule.action, actions))
  if (rule.onExitCodes) found.push(...validateExitCodes(rule.onExitCodes, containers, `${field}.onExitCodes`))
  const conditions = rule.onPodConditions ?? []
  if (conditions.length > maxConditions) found.push(tooMany(`${field}.onPodConditions`, conditions.length, maxConditions))
  conditions.forEach((c, i) => {
    const at = `${field}.onPodConditions[${i}]`
    found.push(...invalidFor(`${at}.type`, c.type ?? '', validateQualifiedName(c.type ?? '')), ...oneOfQuoted(`${at}.status`, c.status, statuses))
  })
  if (rule.onExitCodes && conditions.length) found.push(invalidWhole(field, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  if (!rule.onExitCodes && !conditions.length) found.push(invalidWhole(field, 'specifying one of OnExitCodes and OnPodConditions is required'))
  return found
}

function validateFailurePolicy(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? []
  const pod = spec.template?.spec
  const containers = new Set([...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map((c) => c.name))
  return [
    ...(rules.length > maxRules ? [tooMany(`${field}.rules`, rules.length, maxRules)] : []),
    ...rules.flatMap((rule, i) => validateFailureRule(rule, spec, containers, `${field}.rules[${i}]`)),
  ]
}

function validateSuccessRule({ succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule, completions: number, field: string): FieldError[] {
  const found: FieldError[] = []
  if (count === undefined && indexes === undefined) found.push(required(field, 'at least one of succeededCount or succeededIndexes must be specified'))
  let total = 0
  if (indexes !== undefined) {
    if (indexes.length > maxIndexesText) found.push(tooLong(`${field}.succeededIndexes`, maxIndexesText))
    const counted = countIndexes(indexes, completions)
    if (typeof counted === 'string') found.push(invalidValue(`${field}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${counted}`))
    else total = counted
  }
  if (count === undefined) return found
  const at = `${field}.succeededCount`
  found.push(...nonNegative(at, count))
  if (count > completions) found.push(invalidValue(at, count, `must be less than or equal to ${completions} (the number of specified completions)`))
  if (indexes !== undefined && count > total) found.push(invalidValue(at, count, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`))
  return found
}

function validateSuccessPolicy(spec: JobSpec, field: string): FieldError[] {
  if (!isIndexed(spec)) return [invalidValue(field, spec.successPolicy, 'requires indexed completion mode')]
  const rules = spec.successPolicy?.rules ?? []
  const found: FieldError[] = []
  if (rules.length === 0) found.push(required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'))
  if (rules.length > maxRules) found.push(tooMany(`${field}.rules`, rules.length, maxRules))
  return [...found, ...rules.flatMap((rule, i) => validateSuccessRule(rule, spec.completions ?? 0, `${field}.rules[${i}]`))]
}

function validateMany(spec: JobSpec, field: string): FieldError[] {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec
  if (completions === undefined || completions <= manyCompletions || backoffLimitPerIndex === undefined) return []
  const text = `must be less than or equal to ${maxForMany} when completions are above ${manyCompletions} and used with backoff limit per index`
  const found: FieldError[] = []
  if (maxFailedIndexes === undefined) found.push(required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`))
  if (parallelism !== undefined && parallelism > maxForMany) found.push(invalidValue(`${field}.parallelism`, parallelism, text))
  if (maxFailedIndexes !== undefined && maxFailedIndexes > maxForMany) found.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, text))
  return found
}

function validateMode(spec: JobSpec, field: string): FieldError[] {
  const { completionMode: mode, completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec
  if (mode === undefined || mode === 'NonIndexed') {
    return (['backoffLimitPerIndex', 'maxFailedIndexes'] as const).flatMap((f) => (spec[f] === undefined ? [] : [invalidValue(`${field}.${f}`, spec[f], 'requires indexed completion mode')]))
  }
  if (mode !== 'Indexed') return [notSupportedInOrder(`${field}.completionMode`, mode, ['NonIndexed', 'Indexed'])]
  const found: FieldError[] = []
  if (completions === undefined) found.push(required(`${field}.completions`, 'when completion mode is Indexed'))
  if (parallelism !== undefined && parallelism > maxIndexed) found.push(invalidValue(`${field}.parallelism`, parallelism, `must be less than or equal to ${maxIndexed} when completion mode is Indexed`))
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) found.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'))
  if (maxFailedIndexes !== undefined && maxFailedIndexes > maxIndexed) found.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, `must be less than or equal to ${maxIndexed}`))
  return backoffLimitPerIndex === undefined ? found : [...found, ...validateMany(spec, field)]
}

function validateReplacement(spec: JobSpec, field: string): FieldError[] {
  const policy = spec.podReplacementPolicy
  if (policy === undefined) return []
  const supported = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']
  return supported.includes(policy) ? [] : [notSupported(field, policy, supported)]
}

function validateRestart(spec: JobSpec, field: string): FieldError[] {
  const policy = spec.template?.spec?.restartPolicy
  if (!policy || policy === 'Always') return [required(field, 'valid values: "OnFailure", "Never"')]
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupportedInOrder(field, policy, ['OnFailure', 'Never'])]
  return spec.podFailurePolicy && policy !== 'Never' ? [invalidValue(field, policy, 'only "Never" is supported when podFailurePolicy is specified')] : []
}

/** What a Job's spec and the spec in a CronJob's template share. */
export function validateJobSpecCommon(spec: JobSpec, field: string): FieldError[] {
  const found = (['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes'] as const)
    .flatMap((f) => nonNegative(`${field}.${f}`, spec[f]))
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) found.push(required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  if (spec.managedBy !== undefined) {
    found.push(...validateDomainPrefixedPath(spec.managedBy, `${field}.managedBy`))
    if (spec.managedBy.length > maxManagedBy) found.push(tooLong(`${field}.managedBy`, maxManagedBy))
  }
  found.push(...validateMode(spec, field))
  if (spec.podFailurePolicy) found.push(...validateFailurePolicy(spec, `${field}.podFailurePolicy`))
  if (spec.successPolicy) found.push(...validateSuccessPolicy(spec, `${field}.successPolicy`))
  found.push(...validateReplacement(spec, `${field}.podReplacementPolicy`), ...validatePodTemplate(spec.template, `${field}.template`))
  return [...found, ...validateRestart(spec, `${field}.template.spec.restartPolicy`)]
}

/** A CronJob's jobs get their selectors when they are made. */
export function validateJobTemplate(template: JobTemplateSpec | undefined, field: string): FieldError[] {
  const spec = template?.spec ?? ({} as JobSpec)
  const found = validateJobSpecCommon(spec, `${field}.spec`)
  if (spec.selector) found.push(invalidValue(`${field}.spec.selector`, spec.selector, '`selector` will be auto-generated'))
  if (spec.manualSelector) found.push(notSupportedInOrder(`${field}.spec.manualSelector`, true, ['nil', 'false']))
  return found
}
