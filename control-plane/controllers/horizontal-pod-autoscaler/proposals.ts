/** What one metric of an autoscaler asks for, or why it cannot be said, in upstream's words (`computeReplicasForMetric`, v1.33). Pure. */
import type { LabelSelector } from '../../../shared/api/meta-v1.ts'
import type { MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../../shared/api/autoscaling-v2.ts'
import { formatQuantity, parseQuantity, quantityMilli } from '../../../shared/values/quantity.ts'
import { replicasForAverage, replicasForShare, replicasForValue, replicasForValuePerPod, type Fleet, type PodMetrics, type Proposal, type Proposed } from './replicas.ts'

/** What was read for a metric: of each pod, or one value (thousandths) for all. */
export type Reading = { readonly pods: PodMetrics } | { readonly value: number } | { readonly failure: string }

/** `message` is for the event and the condition, `error` is how the whole look fails by it. */
export interface Failure { readonly reason: string; readonly message: string; readonly error: string }
export type MetricProposal = { readonly replicas: number; readonly name: string; readonly status: MetricStatus } | { readonly failure: Failure }

/** `%+v` of Go's `*metav1.LabelSelector`, which upstream's messages hold. */
export function printedSelector(selector: LabelSelector | undefined): string {
  if (!selector) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}: ${v},`).join('')
  const expressions = (selector.matchExpressions ?? []).map((e) => `LabelSelectorRequirement{Key:${e.key},Operator:${e.operator},Values:[${(e.values ?? []).join(' ')}],},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`
}

const amount = (milli: number): string => formatQuantity({ nano: BigInt(Math.round(milli)) * 1_000_000n, format: 'DecimalSI' })
const milliOf = (quantity: string): number => quantityMilli(parseQuantity(quantity))
const identity = ({ name, selector }: MetricIdentifier): MetricIdentifier => ({ name, ...(selector ? { selector } : {}) })

export interface Scene { readonly fleet: Fleet; readonly statusReplicas: number; readonly namespace: string }
interface Judged { readonly proposed: Proposed; readonly name: string; readonly current: MetricValueStatus }
/** Why it failed: `message` as it is told, `error` where the failed look says more. */
type Verdict = Judged | { readonly message: string; readonly error?: string }

function podsOf(reading: Reading): PodMetrics | undefined { return 'pods' in reading ? reading.pods : undefined }

function judgeResource(source: { readonly name: string; readonly target: MetricTarget; readonly container?: string }, reading: Reading, { fleet }: Scene): Verdict {
  const { name, target: { averageValue, averageUtilization }, container } = source
  const kind = averageValue === undefined ? 'utilization' : 'usage'
  if (averageValue === undefined && averageUtilization === undefined) return { message: 'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set' }
  const metrics = podsOf(reading)
  if (!metrics) return { message: `failed to get ${name} ${kind}: unable to get metrics for resource ${name}: ${'failure' in reading ? reading.failure : ''}` }
  const proposed: Proposal = averageValue === undefined
    ? replicasForShare(fleet, metrics, { resource: name, container: container ?? '', target: averageUtilization ?? 0 })
    : replicasForAverage(fleet, metrics, { resource: name, target: milliOf(averageValue) })
  if ('failure' in proposed) return { message: `failed to get ${name} ${kind}: ${proposed.failure}` }
  const called = averageValue === undefined ? `${name} ${container === undefined ? '' : 'container '}resource utilization (percentage of request)` : `${name} resource`
  return { proposed, name: called, current: { ...(proposed.percent === undefined ? {} : { averageUtilization: proposed.percent }), averageValue: amount(proposed.raw) } }
}

function judgePods(source: NonNullable<MetricSpec['pods']>, reading: Reading, { fleet }: Scene): Verdict {
  const { metric, target } = source
  const metrics = podsOf(reading)
  if (!metrics) return { message: `unable to get metric ${metric.name}: ${'failure' in reading ? reading.failure : ''}` }
  const proposed = replicasForAverage(fleet, metrics, { resource: '', target: milliOf(target.averageValue ?? '0') })
  if ('failure' in proposed) return { message: proposed.failure }
  return { proposed, name: `pods metric ${metric.name}`, current: { averageValue: amount(proposed.raw) } }
}

function judgeObject(source: NonNullable<MetricSpec['object']>, reading: Reading, { fleet, statusReplicas, namespace }: Scene): Verdict {
  const { metric, target, describedObject: { kind, name } } = source
  const total = target.type === 'Value' ? target.value : undefined
  const each = target.type === 'AverageValue' ? target.averageValue : undefined
  const wrapped = (message: string): Verdict => (total === undefined ? { message, error: `failed to get ${metric.name} object metric: ${message}` } : { message })
  if (total === undefined && each === undefined) return { message: 'invalid object metric source: neither a value target nor an average value target was set' }
  if (!('value' in reading)) return wrapped(`unable to get metric ${metric.name}: ${kind} on ${namespace} ${name}/${'failure' in reading ? reading.failure : ''}`)
  const proposed = total === undefined ? replicasForValuePerPod(statusReplicas, reading.value, milliOf(each ?? '0')) : replicasForValue(fleet, reading.value, milliOf(total))
  if ('failure' in proposed) return wrapped(proposed.failure)
  return total === undefined
    ? { proposed, name: `external metric ${metric.name}(${printedSelector(metric.selector)})`, current: { averageValue: amount(proposed.raw) } }
    : { proposed, name: `${kind} metric ${metric.name}`, current: { value: amount(proposed.raw) } }
}

function judgeExternal(source: NonNullable<MetricSpec['external']>, reading: Reading, { fleet, statusReplicas, namespace }: Scene): Verdict {
  const { metric, target } = source
  const each = target.averageValue
  const wrapped = (message: string): Verdict => ({ message, error: each === undefined ? `failed to get external metric ${metric.name}: ${message}` : `failed to get ${metric.name} external metric: ${message}` })
  if (each === undefined && target.value === undefined) return { message: 'invalid external metric source: neither a value target nor an average value target was set' }
  if (!('value' in reading)) return wrapped(`unable to get external metric ${namespace}/${metric.name}/${printedSelector(metric.selector)}: ${'failure' in reading ? reading.failure : ''}`)
  const proposed = each === undefined ? replicasForValue(fleet, reading.value, milliOf(target.value ?? '0')) : replicasForValuePerPod(statusReplicas, reading.value, milliOf(each))
  if ('failure' in proposed) return wrapped(proposed.failure)
  return { proposed, name: `external metric ${metric.name}(${printedSelector(metric.selector)})`, current: each === undefined ? { value: amount(proposed.raw) } : { averageValue: amount(proposed.raw) } }
}

function told(verdict: Verdict, reason: string, prefix: string, status: (current: MetricValueStatus) => MetricStatus): MetricProposal {
  if ('message' in verdict) return { failure: { reason, message: verdict.message, error: `${prefix}: ${verdict.error ?? verdict.message}` } }
  return { replicas: verdict.proposed.replicas, name: verdict.name, status: status(verdict.current) }
}

export function propose(spec: MetricSpec, reading: Reading, scene: Scene): MetricProposal {
  const { type, resource, containerResource, pods, object, external } = spec
  if (type === 'Resource' && resource) {
    return told(judgeResource(resource, reading, scene), 'FailedGetResourceMetric', `failed to get ${resource.name} resource metric value`, (current) => ({ type, resource: { name: resource.name, current } }))
  }
  if (type === 'ContainerResource' && containerResource) {
    const { name, container } = containerResource
    return told(judgeResource(containerResource, reading, scene), 'FailedGetContainerResourceMetric', `failed to get ${container} container metric value`, (current) => ({ type, containerResource: { name, container, current } }))
  }
  if (type === 'Pods' && pods) return told(judgePods(pods, reading, scene), 'FailedGetPodsMetric', 'failed to get pods metric value', (current) => ({ type, pods: { metric: identity(pods.metric), current } }))
  if (type === 'Object' && object) {
    return told(judgeObject(object, reading, scene), 'FailedGetObjectMetric', 'failed to get object metric value', (current) => ({ type, object: { metric: identity(object.metric), describedObject: object.describedObject, current } }))
  }
  if (type === 'External' && external) {
    return told(judgeExternal(external, reading, scene), 'FailedGetExternalMetric', `failed to get ${external.metric.name} external metric value`, (current) => ({ type, external: { metric: identity(external.metric), current } }))
  }
  const message = `unknown metric source type ${JSON.stringify(type)}`
  return { failure: { reason: 'InvalidMetricSourceType', message, error: message } }
}
