/** Defaults and validation of autoscalers (`pkg/apis/autoscaling`). Pure. */
import type {
  CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, HPAScalingRules, MetricIdentifier, MetricSpec, MetricTarget,
} from '../../../shared/api/autoscaling-v2.ts'
import { validatePathSegment } from '../../../shared/values/names.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, nonNegative, notSupported, positiveMessage, required } from './findings.ts'
import { validateLabelSelector } from './object-meta.ts'

const maxWindow = 3600
const maxPeriod = 1800
const defaultUtilization = 80

function defaultRules(given: HPAScalingRules | undefined, base: HPAScalingRules): HPAScalingRules {
  const rules = { ...base, ...given }
  return given?.policies ? rules : { ...rules, ...(base.policies ? { policies: base.policies.map((p) => ({ ...p })) } : {}) }
}

export function defaultAutoscaler(hpa: HorizontalPodAutoscaler): void {
  const spec = (hpa.spec ??= {} as HorizontalPodAutoscalerSpec)
  spec.minReplicas ??= 1
  if (!spec.metrics?.length) spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultUtilization } } }]
  if (spec.behavior) {
    spec.behavior.scaleUp = defaultRules(spec.behavior.scaleUp, {
      stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }],
    })
    spec.behavior.scaleDown = defaultRules(spec.behavior.scaleDown, { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] })
  }
  hpa.status ??= { currentReplicas: 0, desiredReplicas: 0 } as NonNullable<HorizontalPodAutoscaler['status']>
  hpa.status.desiredReplicas ??= 0
}

function validateReference(ref: CrossVersionObjectReference | undefined, at: string): FieldError[] {
  const segment = (f: 'kind' | 'name'): FieldError[] => (ref?.[f] ? invalidFor(`${at}.${f}`, ref[f], validatePathSegment(ref[f], false)) : [required(`${at}.${f}`)])
  const version = ref?.apiVersion ?? ''
  return [...segment('kind'), ...segment('name'), ...((version.match(/\//g)?.length ?? 0) > 1 ? [invalidValue(`${at}.apiVersion`, version, `unexpected GroupVersion string: ${version}`)] : [])]
}

const isPositive = (amount: string): boolean => parseQuantity(amount).nano > 0n

function validateTarget(target: MetricTarget | undefined, at: string): FieldError[] {
  const { type, value, averageValue, averageUtilization } = target ?? ({} as MetricTarget)
  const found: FieldError[] = []
  if (!type) found.push(required(`${at}.type`, 'must specify a metric target type'))
  else if (!['Utilization', 'Value', 'AverageValue'].includes(type)) found.push(invalidValue(`${at}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  if (value !== undefined && !isPositive(value)) found.push(invalidValue(`${at}.value`, value, 'must be positive'))
  if (averageValue !== undefined && !isPositive(averageValue)) found.push(invalidValue(`${at}.averageValue`, averageValue, 'must be positive'))
  if (averageUtilization !== undefined && averageUtilization < 1) found.push(invalidValue(`${at}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  return found
}

function validateIdentifier(metric: MetricIdentifier | undefined, at: string): FieldError[] {
  if (!metric?.name) return [required(`${at}.name`, 'must specify a metric name')]
  return [...invalidFor(`${at}.name`, metric.name, validatePathSegment(metric.name, false)), ...validateLabelSelector(metric.selector, `${at}.selector`)]
}

/** A resource is measured raw or as a share of what was requested, not both. */
function validateShare(target: MetricTarget | undefined, at: string): FieldError[] {
  const found = validateTarget(target, `${at}.target`)
  const { averageUtilization, averageValue } = target ?? {}
  if (averageUtilization === undefined && averageValue === undefined) found.push(required(`${at}.target.averageUtilization`, 'must set either a target raw value or a target utilization'))
  if (averageUtilization !== undefined && averageValue !== undefined) found.push(forbidden(`${at}.target.averageValue`, 'may not set both a target raw value and a target utilization'))
  return found
}

const eitherText = 'must set either a target value for metric or a per-pod target'
const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const
type Source = (typeof sources)[number]

const judges: { readonly [K in Source]: (source: NonNullable<MetricSpec[K]>, at: string) => FieldError[] } = {
  object: (s, at) => [
    ...validateReference(s.describedObject, `${at}.describedObject`), ...validateIdentifier(s.metric, `${at}.metric`), ...validateTarget(s.target, `${at}.target`),
    ...(s.target?.value === undefined && s.target?.averageValue === undefined ? [required(`${at}.target.averageValue`, eitherText)] : []),
  ],
  external: (s, at) => [
    ...validateIdentifier(s.metric, `${at}.metric`), ...validateTarget(s.target, `${at}.target`),
    ...(s.target?.value === undefined && s.target?.averageValue === undefined ? [required(`${at}.target.averageValue`, eitherText)] : []),
    ...(s.target?.value !== undefined && s.target.averageValue !== undefined ? [forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target')] : []),
  ],
  pods: (s, at) => [
    ...validateIdentifier(s.metric, `${at}.metric`), ...validateTarget(s.target, `${at}.target`),
    ...(s.target?.averageValue === undefined || !isPositive(s.target.averageValue) ? [required(`${at}.target.averageValue`, 'must specify a positive target averageValue')] : []),
  ],
  resource: (s, at) => [...(s.name ? [] : [required(`${at}.name`, 'must specify a resource name')]), ...validateShare(s.target, at)],
  containerResource: (s, at) => [
    ...(s.name ? [] : [required(`${at}.name`, 'must specify a resource name')]), ...(s.container ? [] : [required(`${at}.container`, 'must specify a container')]), ...validateShare(s.target, at),
  ],
}

function validateMetric(spec: MetricSpec, at: string): FieldError[] {
  const found: FieldError[] = []
  const wanted = sources.find((s) => s.toLowerCase() === (spec.type ?? '').toLowerCase() && spec.type?.[0] === spec.type?.[0]?.toUpperCase())
  if (!spec.type) found.push(required(`${at}.type`, 'must specify a metric source type'))
  else if (!wanted) found.push(notSupported(`${at}.type`, spec.type, ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']))
  const present = sources.filter((s) => spec[s])
  const [first] = present
  if (first) found.push(...(judges[first] as (source: unknown, at: string) => FieldError[])(spec[first], `${at}.${first}`))
  if (wanted && !spec[wanted]) found.push(required(`${at}.${wanted}`, 'must populate information for the given metric source'))
  if (present.length !== 1) for (const other of present) if (other !== wanted) found.push(forbidden(`${at}.${other}`, 'must populate the given metric source only'))
  return found
}

function validateRules(rules: HPAScalingRules | undefined, at: string): FieldError[] {
  if (!rules) return []
  const { stabilizationWindowSeconds: window, selectPolicy, policies } = rules
  const found = nonNegative(`${at}.stabilizationWindowSeconds`, window)
  if (window !== undefined && window > maxWindow) found.push(invalidValue(`${at}.stabilizationWindowSeconds`, window, `must be less than or equal to ${maxWindow}`))
  if (selectPolicy !== undefined && !['Disabled', 'Max', 'Min'].includes(selectPolicy)) found.push(notSupported(`${at}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']))
  if (!policies?.length) found.push(required(`${at}.policies`, 'must specify at least one Policy'))
  policies?.forEach((p, i) => {
    const here = `${at}.policies[${i}]`
    if (p.type !== 'Percent' && p.type !== 'Pods') found.push(notSupported(`${here}.type`, p.type ?? '', ['Percent', 'Pods']))
    if (!(p.value > 0)) found.push(invalidValue(`${here}.value`, p.value ?? 0, positiveMessage))
    if (!(p.periodSeconds > 0)) found.push(invalidValue(`${here}.periodSeconds`, p.periodSeconds ?? 0, positiveMessage))
    else if (p.periodSeconds > maxPeriod) found.push(invalidValue(`${here}.periodSeconds`, p.periodSeconds, `must be less than or equal to ${maxPeriod}`))
  })
  return found
}

export function validateAutoscaler(hpa: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics, behavior } = hpa.spec ?? ({} as HorizontalPodAutoscalerSpec)
  const found: FieldError[] = []
  if (minReplicas !== undefined && minReplicas < 1) found.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'))
  if (maxReplicas < 1) found.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) found.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  found.push(...validateReference(scaleTargetRef, 'spec.scaleTargetRef'), ...(metrics ?? []).flatMap((m, i) => validateMetric(m, `spec.metrics[${i}]`)))
  return [...found, ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'), ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown')]
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): FieldError[] {
  return (['currentReplicas', 'desiredReplicas'] as const).flatMap((f) => nonNegative(`status.${f}`, status?.[f]))
}
