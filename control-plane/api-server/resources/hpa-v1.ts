/** autoscaling/v1 autoscalers: stored as v2, what v1 has no field for in annotations (`pkg/apis/autoscaling/v1/conversion.go`). Pure. */
import type { HorizontalPodAutoscaler as V1 } from '../../../shared/api/autoscaling-v1.ts'
import type { HorizontalPodAutoscaler as V2, HorizontalPodAutoscalerSpec, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../../shared/api/autoscaling-v2.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { isRecord } from '../../../shared/values/json-value.ts'
import { define } from './define.ts'
import type { Column } from './definition.ts'
import { autoscalerColumns, horizontalPodAutoscalers } from './horizontal-pod-autoscalers.ts'

const annotation = (name: string): string => `autoscaling.alpha.kubernetes.io/${name}`
const [metricsKey, behaviorKey, currentKey, conditionsKey] = [annotation('metrics'), annotation('behavior'), annotation('current-metrics'), annotation('conditions')]

type Flat = Record<string, unknown>
const flat = (entries: Flat): Flat => Object.fromEntries(Object.entries(entries).filter(([, v]) => v !== undefined))

/** A metric as v1's annotations write it: targets and selectors beside the name. */
function metricToV1(m: MetricSpec): Flat {
  const share = (t: MetricTarget | undefined): Flat => ({ targetAverageUtilization: t?.averageUtilization, targetAverageValue: t?.averageValue })
  return flat({
    type: m.type,
    object: m.object && flat({ target: m.object.describedObject, metricName: m.object.metric?.name, targetValue: m.object.target?.value ?? '0', selector: m.object.metric?.selector, averageValue: m.object.target?.averageValue }),
    pods: m.pods && flat({ metricName: m.pods.metric?.name, targetAverageValue: m.pods.target?.averageValue ?? '0', selector: m.pods.metric?.selector }),
    resource: m.resource && flat({ name: m.resource.name, ...share(m.resource.target) }),
    containerResource: m.containerResource && flat({ name: m.containerResource.name, ...share(m.containerResource.target), container: m.containerResource.container }),
    external: m.external && flat({ metricName: m.external.metric?.name, metricSelector: m.external.metric?.selector, targetValue: m.external.target?.value, targetAverageValue: m.external.target?.averageValue }),
  })
}

const metric = (source: Flat, selector: string): Flat => flat({ name: source.metricName, selector: source[selector] })

function metricFromV1(m: Flat): Flat {
  const share = (s: Flat): Flat => flat({ type: s.targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization', averageUtilization: s.targetAverageUtilization, averageValue: s.targetAverageValue })
  const [object, pods, resource, container, external] = ['object', 'pods', 'resource', 'containerResource', 'external'].map((k) => (isRecord(m[k]) ? m[k] : undefined))
  return flat({
    type: m.type,
    object: object && {
      describedObject: object.target, metric: metric(object, 'selector'),
      target: object.averageValue === undefined ? { type: 'Value', value: object.targetValue } : { type: 'AverageValue', averageValue: object.averageValue },
    },
    pods: pods && { metric: metric(pods, 'selector'), target: { type: 'AverageValue', averageValue: pods.targetAverageValue } },
    resource: resource && { name: resource.name, target: share(resource) },
    containerResource: container && { name: container.name, target: share(container), container: container.container },
    external: external && {
      metric: metric(external, 'metricSelector'),
      target: external.targetValue === undefined ? { type: 'AverageValue', averageValue: external.targetAverageValue } : flat({ type: 'Value', value: external.targetValue, averageValue: external.targetAverageValue }),
    },
  })
}

function currentToV1(m: MetricStatus): Flat {
  const share = (c: MetricValueStatus | undefined): Flat => ({ currentAverageUtilization: c?.averageUtilization, currentAverageValue: c?.averageValue ?? '0' })
  return flat({
    type: m.type,
    object: m.object && flat({ target: m.object.describedObject, metricName: m.object.metric?.name, currentValue: m.object.current?.value ?? '0', selector: m.object.metric?.selector, averageValue: m.object.current?.averageValue }),
    pods: m.pods && flat({ metricName: m.pods.metric?.name, currentAverageValue: m.pods.current?.averageValue ?? '0', selector: m.pods.metric?.selector }),
    resource: m.resource && flat({ name: m.resource.name, ...share(m.resource.current) }),
    containerResource: m.containerResource && flat({ name: m.containerResource.name, ...share(m.containerResource.current), container: m.containerResource.container }),
    external: m.external && flat({ metricName: m.external.metric?.name, metricSelector: m.external.metric?.selector, currentValue: m.external.current?.value ?? '0', currentAverageValue: m.external.current?.averageValue }),
  })
}

function currentFromV1(m: Flat): Flat {
  const share = (s: Flat): Flat => flat({ averageUtilization: s.currentAverageUtilization, averageValue: s.currentAverageValue })
  const [object, pods, resource, container, external] = ['object', 'pods', 'resource', 'containerResource', 'external'].map((k) => (isRecord(m[k]) ? m[k] : undefined))
  return flat({
    type: m.type,
    object: object && { describedObject: object.target, metric: metric(object, 'selector'), current: flat({ value: object.currentValue, averageValue: object.averageValue }) },
    pods: pods && { metric: metric(pods, 'selector'), current: { averageValue: pods.currentAverageValue } },
    resource: resource && { name: resource.name, current: share(resource) },
    containerResource: container && { name: container.name, current: share(container), container: container.container },
    external: external && { metric: metric(external, 'metricSelector'), current: flat({ value: external.currentValue, averageValue: external.currentAverageValue }) },
  })
}

/** An annotation somebody wrote by hand may hold anything: what is no JSON counts as absent, as upstream's conversion fails only on its own. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
const records = (value: unknown): Flat[] => (Array.isArray(value) ? value.filter(isRecord) : [])

const isCpu = (m: MetricSpec): boolean => m.type === 'Resource' && m.resource?.name === 'cpu' && m.resource.target?.averageUtilization !== undefined
const isCpuNow = (m: MetricStatus): boolean => m.type === 'Resource' && m.resource?.name === 'cpu' && m.resource.current?.averageUtilization !== undefined

export function autoscalerToV1(object: KubeObject): V1 {
  const { metadata, spec, status } = object as V2
  const others = (spec?.metrics ?? []).filter((m) => !isCpu(m))
  const current = (status?.currentMetrics ?? []).filter((m) => !isCpuNow(m))
  const notes: Record<string, string> = { ...metadata?.annotations }
  if (others.length) notes[metricsKey] = JSON.stringify(others.map(metricToV1))
  if (spec?.behavior) notes[behaviorKey] = JSON.stringify(flat({ ScaleUp: upper(spec.behavior.scaleUp), ScaleDown: upper(spec.behavior.scaleDown) }))
  if (current.length) notes[currentKey] = JSON.stringify(current.map(currentToV1))
  if (status?.conditions?.length) notes[conditionsKey] = JSON.stringify(status.conditions)
  const target = spec?.metrics?.find(isCpu)?.resource?.target.averageUtilization
  const now = status?.currentMetrics?.find(isCpuNow)?.resource?.current.averageUtilization
  const { currentMetrics: _metrics, conditions: _conditions, ...counts } = status ?? { desiredReplicas: 0 }
  return {
    kind: 'HorizontalPodAutoscaler', apiVersion: 'autoscaling/v1', metadata: { ...metadata, ...(Object.keys(notes).length ? { annotations: notes } : {}) },
    spec: { ...bareSpec(spec), ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) } as NonNullable<V1['spec']>,
    status: { ...counts, currentReplicas: counts.currentReplicas ?? 0, ...(now === undefined ? {} : { currentCPUUtilizationPercentage: now }) } as NonNullable<V1['status']>,
  }
}

/** Upstream writes its internal type there, whose names begin with capitals; both are read. */
const upper = (rules: object | undefined): Flat | undefined => rules && Object.fromEntries(Object.entries(rules).map(([k, v]) => [`${k[0]?.toUpperCase() ?? ''}${k.slice(1)}`, Array.isArray(v) ? v.map((p: object) => upper(p)) : (v as unknown)]))
const lower = (value: unknown): unknown =>
  (Array.isArray(value) ? value.map(lower) : isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null).map(([k, v]) => [`${k[0]?.toLowerCase() ?? ''}${k.slice(1)}`, lower(v)])) : value)

function bareSpec(spec: HorizontalPodAutoscalerSpec | undefined): Flat {
  const { metrics: _metrics, behavior: _behavior, ...rest } = spec ?? ({} as HorizontalPodAutoscalerSpec)
  return { ...rest }
}

export function autoscalerFromV1(object: KubeObject): V2 {
  const { metadata, spec, status } = object as V1
  const { [metricsKey]: metrics, [behaviorKey]: behavior, [currentKey]: current, [conditionsKey]: conditions, ...notes } = metadata?.annotations ?? {}
  const { targetCPUUtilizationPercentage: target, ...rest } = spec ?? ({} as NonNullable<V1['spec']>)
  const { currentCPUUtilizationPercentage: now, ...counts } = status ?? ({} as NonNullable<V1['status']>)
  const all = records(parsed(metrics)).map(metricFromV1)
  if (target !== undefined) all.push({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } })
  const measured = records(parsed(current)).map(currentFromV1)
  if (now !== undefined) measured.push({ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: now } } })
  const wanted = lower(parsed(behavior))
  const met = records(parsed(conditions))
  const { annotations: _annotations, ...meta } = metadata ?? {}
  return {
    metadata: { ...meta, ...(Object.keys(notes).length ? { annotations: notes } : {}) },
    spec: { ...rest, ...(all.length ? { metrics: all } : {}), ...(isRecord(wanted) ? { behavior: wanted } : {}) } as unknown as HorizontalPodAutoscalerSpec,
    ...(status ? { status: { ...counts, ...(measured.length ? { currentMetrics: measured } : {}), ...(met.length ? { conditions: met } : {}) } as unknown as NonNullable<V2['status']> } : {}),
  }
}

const columns: readonly Column<V1>[] = autoscalerColumns.map((c) => ({ ...c, value: (object, context) => c.value(autoscalerFromV1(object), context) }))

export const horizontalPodAutoscalersV1 = define<V1>({
  group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', namespaced: true, schema: 'autoscaling-v1.HorizontalPodAutoscaler',
  shortNames: ['hpa'], categories: ['all'], subresources: { status: true }, columns,
  storage: { definition: horizontalPodAutoscalers, toStorage: autoscalerFromV1, fromStorage: autoscalerToV1 },
  strategy: { default: (h) => { if (h.spec) h.spec.minReplicas ??= 1 } },
})
