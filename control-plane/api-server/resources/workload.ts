/** What Deployments, ReplicaSets and ReplicationControllers share: template and selector rules, columns of containers. Pure. */
import type { PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import type { LabelSelector } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { isPercent } from '../../../shared/values/names.ts'
import { formatLabelSelector, matchesLabels, selectorOf } from '../../../shared/values/selector.ts'
import { column } from './define.ts'
import type { Column, FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegative, notSupported, required } from './findings.ts'
import { validateLabelSelector } from './object-meta.ts'
import { validatePodTemplate } from './pod-spec/validate.ts'

/** `kind`: for the text about activeDeadlineSeconds. The template must carry the labels the selector asks for, and restart always. */
export function validateTemplateFor(selector: LabelSelector, template: PodTemplateSpec | undefined, kind: string, field = 'spec.template'): FieldError[] {
  if (!template) return [required(field)]
  const found: FieldError[] = []
  const labels = template.metadata?.labels ?? {}
  if (!matchesLabels(selectorOf(selector) ?? [], labels)) found.push(invalidValue(`${field}.metadata.labels`, labels, '`selector` does not match template `labels`'))
  found.push(...validatePodTemplate(template, field))
  if (template.spec?.restartPolicy && template.spec.restartPolicy !== 'Always' && ['OnFailure', 'Never'].includes(template.spec.restartPolicy)) {
    found.push(notSupported(`${field}.spec.restartPolicy`, template.spec.restartPolicy, ['Always']))
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) found.push(forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`))
  return found
}

/** `text`: what an empty selector is invalid for. */
export function validateWorkloadSelector(selector: LabelSelector | undefined, text: string): FieldError[] {
  if (!selector) return [required('spec.selector')]
  const found = validateLabelSelector(selector, 'spec.selector')
  if (!Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length) found.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${text}`))
  return found
}

const percentMessage = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"

/** A count that is not negative, or a percentage. */
export function validateIntOrPercent(value: number | string, field: string): FieldError[] {
  if (typeof value === 'string') return isPercent(value) ? [] : [invalidValue(field, value, percentMessage)]
  return value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : []
}
export const isZero = (value: number | string | undefined): boolean => value === undefined || value === 0 || (typeof value === 'string' && Number.parseInt(value, 10) === 0)
export const isOver100Percent = (value: number | string | undefined): boolean => typeof value === 'string' && isPercent(value) && Number.parseInt(value, 10) > 100

type WithTemplate = KubeObject & { spec?: { template?: PodTemplateSpec } }

export const containersColumn: Column<WithTemplate> = column('Containers', (o) => (o.spec?.template?.spec?.containers ?? []).map((c) => c.name).join(','), { wide: true, description: 'Names of each container in the template.' })
export const imagesColumn: Column<WithTemplate> = column('Images', (o) => (o.spec?.template?.spec?.containers ?? []).map((c) => c.image ?? '').join(','), { wide: true, description: 'Images referenced by each container in the template.' })
export const selectorColumn: Column<KubeObject & { spec?: { selector?: LabelSelector } }> = column('Selector', (o) => formatLabelSelector(o.spec?.selector), { wide: true, description: 'Label selector for pods.' })

export const scaleOfReplicas = { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' } as const

/** Fields of a status that count something. */
export const nonNegativeFields = <T extends object>(status: T | undefined, fields: readonly (keyof T & string)[]): FieldError[] =>
  fields.flatMap((f) => nonNegative(`status.${f}`, status?.[f] as number | undefined))

/** A counter that only grows: where it was set, it stays set. */
export const notDecremented = (field: string, value: number | undefined, old: number | undefined): FieldError[] =>
  (old !== undefined && (value === undefined || value < old) ? [invalidValue(field, value ?? 0, 'cannot be decremented')] : [])

/** Counts of a status that may not exceed another of its counts. */
export const notOver = <T extends object>(status: T | undefined, fields: readonly (keyof T & string)[], limit: keyof T & string): FieldError[] =>
  fields.flatMap((f) => {
    const value = Number(status?.[f] ?? 0)
    return value > Number(status?.[limit] ?? 0) ? [invalidValue(`status.${f}`, value, `cannot be greater than status.${limit}`)] : []
  })
