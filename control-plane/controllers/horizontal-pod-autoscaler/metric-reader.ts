/** Reads what an autoscaler's metrics are about from the metrics APIs (upstream `podautoscaler/metrics/client.go`), whose failures are readings too. */
import type { CrossVersionObjectReference, MetricSpec } from '../../../shared/api/autoscaling-v2.ts'
import type { LabelSelector } from '../../../shared/api/meta-v1.ts'
import type { ResourceRef } from '../../../shared/api/object.ts'
import { isStatus, messageOf } from '../../../shared/base/errors.ts'
import { parseDuration } from '../../../shared/values/duration.ts'
import { parseQuantity, quantityMilli } from '../../../shared/values/quantity.ts'
import { formatLabelSelector } from '../../../shared/values/selector.ts'
import type { Reading } from './proposals.ts'
import type { PodMetric } from './replicas.ts'

/** The metrics APIs of this cluster, ours or of a server that is aggregated. */
export interface MetricsApi {
  /** Versions of the group that somebody answers for; none where nobody does. */
  versions(group: string): readonly string[]
  /** The body of a GET of that path, with its query. Rejects with a `StatusError`. */
  get(path: string): Promise<unknown>
}

interface PodMetricsItem { readonly metadata: { readonly name: string; readonly namespace?: string }; readonly timestamp?: string; readonly window?: string; readonly containers?: readonly { readonly name: string; readonly usage: Readonly<Record<string, string>> }[] }
interface CustomValue { readonly describedObject?: { readonly name?: string }; readonly timestamp?: string; readonly windowSeconds?: number; readonly window?: number; readonly value: string }
interface ExternalValue { readonly value: string }

/** What a reading spans where its source does not say. */
const defaultWindow = 60_000
const custom = 'custom.metrics.k8s.io'
const external = 'external.metrics.k8s.io'

const milli = (quantity: string): number => quantityMilli(parseQuantity(quantity))
const itemsOf = <T>(list: unknown): readonly T[] => (list as { items?: readonly T[] | null }).items ?? []
const query = (values: Readonly<Record<string, string>>): string => {
  const text = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== '')).toString()
  return text && `?${text}`
}

/** How client-go words it where the group is not served, or its server does not answer; otherwise what the server said. */
function refusal(e: unknown, resource: string): string {
  if (isStatus(e) && e.code === 404) return `the server could not find the requested resource (get ${resource})`
  return isStatus(e) && e.code === 503 ? `the server is currently unable to handle the request (get ${resource})` : messageOf(e)
}

function podReading(items: readonly PodMetricsItem[], resource: string, container: string | undefined): Reading {
  const pods = new Map<string, PodMetric>()
  for (const { metadata, timestamp, window, containers = [] } of items) {
    const measured = container === undefined ? containers : containers.filter((c) => c.name === container)
    if (container !== undefined && measured.length === 0) return { failure: `failed to get container metrics: container ${container} not present in metrics for pod ${metadata.namespace}/${metadata.name}` }
    const values = measured.map((c) => c.usage[resource])
    if (values.length === 0 || values.includes(undefined)) continue
    pods.set(metadata.name, { value: values.reduce((sum, v) => sum + milli(v ?? '0'), 0), at: Date.parse(timestamp ?? ''), window: parseDuration(window ?? '') ?? defaultWindow })
  }
  return { pods }
}

export interface MetricReaderDeps { readonly api: MetricsApi; resources(): readonly ResourceRef[] }

/** `selector` selects the target's pods, `namespace` is the autoscaler's. Each call asks anew. */
export type ReadMetric = (spec: MetricSpec, where: { readonly namespace: string; readonly selector: string }) => Promise<Reading>

export function createMetricReader({ api, resources }: MetricReaderDeps): ReadMetric {
  const resource = async (name: string, container: string | undefined, { namespace, selector }: { namespace: string; selector: string }): Promise<Reading> => {
    let items: readonly PodMetricsItem[]
    try {
      items = itemsOf(await api.get(`/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods${query({ labelSelector: selector })}`))
    } catch (e) {
      return { failure: `unable to fetch metrics from resource metrics API: ${refusal(e, 'pods.metrics.k8s.io')}` }
    }
    return items.length ? podReading(items, name, container) : { failure: 'no metrics returned from resource metrics API' }
  }

  /** The values at a path below the namespace, or why there are none. */
  const values = async (path: string, what: string): Promise<readonly CustomValue[] | { failure: string }> => {
    const served = api.versions(custom)
    const version = ['v1beta2', 'v1beta1'].find((v) => served.includes(v))
    if (version === undefined) return { failure: `unable to fetch metrics from custom metrics API: no custom metrics API (${custom}) registered` }
    try {
      return itemsOf<CustomValue>(await api.get(`/apis/${custom}/${version}/${path}`))
    } catch (e) {
      return { failure: `unable to fetch metrics from custom metrics API: ${refusal(e, `${what}.${custom}`)}` }
    }
  }
  const isFailure = (found: readonly CustomValue[] | { failure: string }): found is { failure: string } => 'failure' in found

  const ofPods = async (metric: { name: string; selector?: LabelSelector }, { namespace, selector }: { namespace: string; selector: string }): Promise<Reading> => {
    const found = await values(`namespaces/${namespace}/pods/*/${metric.name}${query({ labelSelector: selector, metricLabelSelector: formatted(metric.selector) })}`, 'pods')
    if (isFailure(found)) return found
    if (!found.length) return { failure: 'no metrics returned from custom metrics API' }
    return { pods: new Map(found.map((v) => [v.describedObject?.name ?? '', { value: milli(v.value), at: Date.parse(v.timestamp ?? ''), window: (v.windowSeconds ?? v.window ?? defaultWindow / 1000) * 1000 }])) }
  }

  const ofObject = async (metric: { name: string; selector?: LabelSelector }, object: CrossVersionObjectReference, namespace: string): Promise<Reading> => {
    const group = object.apiVersion?.includes('/') ? object.apiVersion.split('/')[0] ?? '' : ''
    const ref = resources().find((r) => r.kind === object.kind && r.group === group)
    if (!ref) return { failure: `unable to fetch metrics from custom metrics API: no matches for kind ${JSON.stringify(object.kind)} in group ${JSON.stringify(group)}` }
    // A namespace's metrics stand beside those of what is in it.
    const path = object.kind === 'Namespace' && group === '' ? `namespaces/${namespace}/metrics` : `namespaces/${namespace}/${ref.resource}${group && `.${group}`}/${object.name}`
    const found = await values(`${path}/${metric.name}${query({ metricLabelSelector: formatted(metric.selector) })}`, ref.resource)
    if (isFailure(found)) return found
    const [only] = found
    if (!only || found.length > 1) return { failure: `unable to fetch metrics from custom metrics API: the custom metrics API server returned ${found.length} results when we asked for exactly one` }
    return { value: milli(only.value) }
  }

  const ofOutside = async (metric: { name: string; selector?: LabelSelector }, namespace: string): Promise<Reading> => {
    try {
      const found = itemsOf<ExternalValue>(await api.get(`/apis/${external}/v1beta1/namespaces/${namespace}/${metric.name}${query({ labelSelector: formatted(metric.selector) })}`))
      return found.length ? { value: found.reduce((sum, v) => sum + milli(v.value), 0) } : { failure: 'no metrics returned from external metrics API' }
    } catch (e) {
      return { failure: `unable to fetch metrics from external metrics API: ${refusal(e, `${metric.name}.${external}`)}` }
    }
  }
  const formatted = (selector: LabelSelector | undefined): string => (selector ? formatLabelSelector(selector) : '')

  return async (spec, where) => {
    if (spec.resource) return resource(spec.resource.name, undefined, where)
    if (spec.containerResource) return resource(spec.containerResource.name, spec.containerResource.container, where)
    if (spec.pods) return ofPods(spec.pods.metric, where)
    if (spec.object) return ofObject(spec.object.metric, spec.object.describedObject, where.namespace)
    return spec.external ? ofOutside(spec.external.metric, where.namespace) : { failure: 'the metric has no source' }
  }
}
