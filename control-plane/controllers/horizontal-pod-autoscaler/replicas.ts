/**
 * How many replicas readings ask for: upstream's `podautoscaler/replica_calculator.go` and `metrics/utilization.go` (v1.33). Pure. Amounts are
 * thousandths of the resource's unit, as upstream's `MilliValue`.
 */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodReady, podCondition } from '../../../shared/api/pod-phase.ts'
import { parseQuantity, quantityMilli } from '../../../shared/values/quantity.ts'
import { fromTimestamp } from '../../../shared/values/timestamp.ts'

/** `at` and `window`: wall clock and length of the reading, milliseconds. */
export interface PodMetric { readonly value: number; readonly at: number; readonly window: number }
export type PodMetrics = ReadonlyMap<string, PodMetric>

/** Pods the scale's selector matches, and how many replicas there are to be now. */
export interface Fleet { readonly pods: readonly Stored<Pod>[]; readonly current: number; readonly now: number }

/** `raw`: what is used, per pod or in all as the metric has it; `percent`: of what was requested. */
export interface Proposed { readonly replicas: number; readonly raw: number; readonly percent?: number }
export type Proposal = Proposed | { readonly failure: string }

/** `--horizontal-pod-autoscaler-tolerance`. */
const tolerance = 0.1
/** `--horizontal-pod-autoscaler-cpu-initialization-period`: what a pod uses while it starts is not what it will use. */
const cpuInitialization = 300_000
/** `--horizontal-pod-autoscaler-initial-readiness-delay`. */
const initialReadiness = 30_000

const noPods = { failure: 'no pods returned by selector while calculating replica count' } as const
const noMetrics = { failure: 'did not receive metrics for targeted pods (pods might be unready)' } as const

interface Groups { readonly ready: number; readonly unready: ReadonlySet<string>; readonly missing: ReadonlySet<string>; readonly ignored: ReadonlySet<string> }

/** Whether a reading of cpu says nothing yet. */
function isStarting(pod: Stored<Pod>, metric: PodMetric, now: number): boolean {
  const ready = podCondition(pod, 'Ready')
  const started = fromTimestamp(pod.status?.startTime)
  if (!ready || Number.isNaN(started)) return true
  const since = fromTimestamp(ready.lastTransitionTime)
  // The reading must begin after the pod became ready.
  if (started + cpuInitialization > now) return ready.status === 'False' || metric.at < since + metric.window
  // Never ready since it began.
  return ready.status === 'False' && started + initialReadiness > since
}

export function groupPods({ pods, now }: Fleet, metrics: PodMetrics, resource: string): Groups {
  const [unready, missing, ignored] = [new Set<string>(), new Set<string>(), new Set<string>()]
  let ready = 0
  for (const pod of pods) {
    const { name } = pod.metadata
    const metric = metrics.get(name)
    if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Failed') ignored.add(name)
    else if (pod.status?.phase === 'Pending') unready.add(name)
    else if (!metric) missing.add(name)
    else if (resource === 'cpu' && isStarting(pod, metric, now)) unready.add(name)
    else ready++
  }
  return { ready, unready, missing, ignored }
}

/** What each pod asked for; the first container that asked for nothing spoils it. */
function requestsOf(pods: readonly Stored<Pod>[], resource: string, container: string): ReadonlyMap<string, number> | { failure: string } {
  const out = new Map<string, number>()
  for (const pod of pods) {
    let sum = 0
    const sidecars = pod.spec?.initContainers?.filter((c) => c.restartPolicy === 'Always') ?? []
    for (const c of [...pod.spec?.containers ?? [], ...sidecars]) {
      if (container && c.name !== container) continue
      const request = c.resources?.requests?.[resource]
      if (request === undefined) return { failure: `missing request for ${resource} in container ${c.name} of Pod ${pod.metadata.name}` }
      sum += quantityMilli(parseQuantity(request))
    }
    out.set(pod.metadata.name, sum)
  }
  return out
}

interface Ratio { readonly ratio: number; readonly raw: number; readonly percent?: number }

function shareOf(metrics: ReadonlyMap<string, number>, requests: ReadonlyMap<string, number>, target: number): Ratio | { failure: string } {
  let [used, requested, count] = [0, 0, 0]
  for (const [name, value] of metrics) {
    const request = requests.get(name)
    if (request === undefined) continue
    used += value
    requested += request
    count++
  }
  if (requested === 0) return { failure: 'no metrics returned matched known pods' }
  const percent = Math.trunc((used * 100) / requested)
  return { ratio: percent / target, percent, raw: Math.trunc(used / count) }
}

function averageOf(metrics: ReadonlyMap<string, number>, target: number): Ratio {
  const raw = Math.trunc([...metrics.values()].reduce((a, b) => a + b, 0) / metrics.size)
  return { ratio: raw / target, raw }
}

interface Question {
  readonly fleet: Fleet
  readonly metrics: PodMetrics
  readonly resource: string
  ratioOf(values: ReadonlyMap<string, number>): Ratio | { failure: string }
  /** What a pod without a reading is taken to use, knowing what the others do; undefined: it does not count. */
  missingUses(pod: string, ratio: number): number | undefined
}

/** The rule that all metrics of pods share: pods of which nothing is known count so that they dampen the change, and never turn it round. */
function replicasFor({ fleet, metrics, resource, ratioOf, missingUses }: Question): Proposal {
  const { current } = fleet
  const groups = groupPods(fleet, metrics, resource)
  const values = new Map([...metrics].filter(([name]) => !groups.ignored.has(name) && !groups.unready.has(name)).map(([name, m]) => [name, m.value]))
  if (values.size === 0) return noMetrics
  const first = ratioOf(values)
  if ('failure' in first) return first
  const { ratio, raw } = first
  const said = { raw, ...(first.percent === undefined ? {} : { percent: first.percent }) }
  const withUnready = groups.unready.size > 0 && ratio > 1
  if (!withUnready && groups.missing.size === 0) return { replicas: Math.abs(1 - ratio) <= tolerance ? current : Math.ceil(ratio * groups.ready), ...said }
  for (const name of groups.missing) {
    const uses = missingUses(name, ratio)
    if (uses !== undefined) values.set(name, uses)
  }
  if (withUnready) for (const name of groups.unready) values.set(name, 0)
  const again = ratioOf(values)
  if ('failure' in again) return again
  if (Math.abs(1 - again.ratio) <= tolerance || (ratio < 1 && again.ratio > 1) || (ratio > 1 && again.ratio < 1)) return { replicas: current, ...said }
  const replicas = Math.ceil(again.ratio * values.size)
  const turned = (again.ratio < 1 && replicas > current) || (again.ratio > 1 && replicas < current)
  return { replicas: turned ? current : replicas, ...said }
}

/** `target`: percent of what was requested. */
export function replicasForShare(fleet: Fleet, metrics: PodMetrics, options: { readonly resource: string; readonly container: string; readonly target: number }): Proposal {
  const { resource, container, target } = options
  if (fleet.pods.length === 0) return noPods
  const requests = requestsOf(fleet.pods, resource, container)
  if ('failure' in requests) return requests
  return replicasFor({
    fleet, metrics, resource, ratioOf: (values) => shareOf(values, requests, target),
    // All it asked for, or more where more than that is aimed at, before there are fewer; nothing before there are more.
    missingUses: (pod, ratio) => (ratio < 1 ? Math.trunc(((requests.get(pod) ?? 0) * Math.max(100, target)) / 100) : ratio > 1 ? 0 : undefined),
  })
}

/** `target`: an amount per pod. `resource` is `''` for metrics of pods that are no resource. */
export function replicasForAverage(fleet: Fleet, metrics: PodMetrics, { resource, target }: { readonly resource: string; readonly target: number }): Proposal {
  if (fleet.pods.length === 0) return noPods
  return replicasFor({ fleet, metrics, resource, ratioOf: (values) => averageOf(values, target), missingUses: (_pod, ratio) => (ratio < 1 ? target : 0) })
}

/** One value for all pods together, wanted to be `target`. */
export function replicasForValue({ pods, current }: Fleet, value: number, target: number): Proposal {
  const ratio = value / target
  if (current === 0) return { replicas: Math.ceil(ratio), raw: value }
  if (Math.abs(1 - ratio) <= tolerance) return { replicas: current, raw: value }
  if (pods.length === 0) return { failure: `unable to calculate ready pods: ${noPods.failure}` }
  return { replicas: Math.ceil(ratio * pods.filter((p) => p.status?.phase === 'Running' && isPodReady(p)).length), raw: value }
}

/** One value for all pods together, of which each is to have `target`. `there`: replicas there are. */
export function replicasForValuePerPod(there: number, value: number, target: number): Proposal {
  const ratio = value / (target * there)
  return { replicas: Math.abs(1 - ratio) > tolerance ? Math.ceil(value / target) : there, raw: there === 0 ? 0 : Math.ceil(value / there) }
}
