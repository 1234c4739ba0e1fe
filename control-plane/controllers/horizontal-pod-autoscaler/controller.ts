/**
 * Looks at each HorizontalPodAutoscaler every 15 seconds, as upstream does, and gives its target the size its metrics ask for. Without one there is no timer and
 * nobody is asked; with one the nodes of its pods are.
 */
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus } from '../../../shared/api/autoscaling-v2.ts'
import type { Scale } from '../../../shared/api/autoscaling-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { matchesLabels, parseSelector, SelectorError, type Selector } from '../../../shared/values/selector.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { createMetricReader, type MetricsApi } from './metric-reader.ts'
import { ambiguousSelector, concluded, groundOf, invalidSelector, planLook, selectorRequired, unreadable, type Look, type Outcome, type ScaleFacts, type SelectorTrouble, type Told } from './plan.ts'
import { changed, type History } from './rules.ts'

export interface AutoscalerConfig {
  /** Every served resource: where targets are found by kind. */
  resources(): readonly ResourceRef[]
  readonly metrics: MetricsApi
}

type Autoscaler = Stored<HorizontalPodAutoscaler>
/** `--horizontal-pod-autoscaler-sync-period`. */
export const lookEvery = 15_000

interface Memory { history: History; /** Of the target, as last seen: who else's pods would be ours. */ selector: Selector | undefined }

export function createHorizontalPodAutoscalerController(deps: ControllerDeps, config: AutoscalerConfig): Controller {
  const { client, recorder, host: { clock, log } } = deps
  const autoscalers = deps.informers.for(refs.HorizontalPodAutoscaler)
  const pods = deps.informers.for(refs.Pod)
  const readMetric = createMetricReader({ api: config.metrics, resources: () => config.resources() })
  const memories = new Map<string, Memory>()

  const tell = (hpa: Autoscaler, events: readonly Told[]): void => { for (const e of events) recorder.event(refs.HorizontalPodAutoscaler, hpa, e.type, e.reason, e.message) }
  const write = async (hpa: Autoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> => {
    if (!equalJson(status, hpa.status)) await client.update(refs.HorizontalPodAutoscaler, { ...hpa, status }, { subresource: 'status' })
  }

  /** The served resource of the target's kind, in the version it names where that is served. Throws in upstream's words. */
  const targetOf = ({ spec, metadata }: Autoscaler): { ref: ResourceRef; key: { namespace: string | undefined; name: string } } => {
    const { apiVersion = '', kind = '', name = '' } = spec?.scaleTargetRef ?? {}
    const slash = apiVersion.indexOf('/')
    const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
    const served = config.resources().filter((r) => r.kind === kind && r.group === group)
    const ref = served.find((r) => r.version === version) ?? served[0]
    if (!ref) throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
    return { ref, key: { namespace: metadata.namespace, name } }
  }

  const memoryOf = (key: string): Memory => {
    let memory = memories.get(key)
    if (!memory) memories.set(key, (memory = { history: { recommendations: [], ups: [], downs: [] }, selector: undefined }))
    return memory
  }

  /** The pods of the target; or why its selector will not do. */
  const fleetOf = (hpa: Autoscaler, selector: string, memory: Memory): { trouble: SelectorTrouble } | { matching: ReturnType<typeof pods.list> } => {
    if (selector === '') return { trouble: selectorRequired }
    try {
      memory.selector = parseSelector(selector)
    } catch (e) {
      if (e instanceof SelectorError) return { trouble: invalidSelector(e.message) }
      throw e
    }
    const own = memory.selector
    const matching = pods.list(hpa.metadata.namespace).filter((p) => matchesLabels(own, p.metadata.labels))
    const acting = [...memories].filter(([key, m]) => splitKey(key).namespace === hpa.metadata.namespace && m.selector && matching.some((p) => matchesLabels(m.selector ?? [], p.metadata.labels))).map(([key]) => key).sort()
    return acting.length > 1 ? { trouble: ambiguousSelector(selector, acting) } : { matching }
  }

  const measure = async (hpa: Autoscaler, scale: ScaleFacts, memory: Memory): Promise<Look['measured']> => {
    if (groundOf(hpa, scale) !== 'metrics') return undefined
    const fleet = fleetOf(hpa, scale.selector, memory)
    if ('trouble' in fleet) return fleet
    const namespace = hpa.metadata.namespace ?? ''
    const readings = await Promise.all((hpa.spec?.metrics ?? []).map((spec) => readMetric(spec, { namespace, selector: scale.selector })))
    return { readings, scene: { fleet: { pods: fleet.matching, current: scale.specReplicas, now: clock.now() }, statusReplicas: scale.statusReplicas, namespace } }
  }

  const look = async (key: string, hpa: Autoscaler): Promise<void> => {
    let found: { target: ReturnType<typeof targetOf>; scale: Stored<Scale> }
    try {
      const target = targetOf(hpa)
      found = { target, scale: await client.get(target.ref as ResourceRef<Scale & KubeObject>, target.key, { subresource: 'scale' }) }
    } catch (e) {
      const said = unreadable(hpa, messageOf(e), clock.now())
      tell(hpa, [said.event])
      return write(hpa, said.status)
    }
    const { target, scale: stored } = found
    const scale: ScaleFacts = { specReplicas: stored.spec?.replicas ?? 0, statusReplicas: stored.status?.replicas ?? 0, selector: stored.status?.selector ?? '' }
    const memory = memoryOf(key)
    const now = clock.now()
    const input: Look = { hpa, scale, now, history: memory.history, measured: await measure(hpa, scale, memory) }
    const plan = planLook(input)
    memory.history = plan.history
    tell(hpa, plan.events)
    let outcome: Outcome
    if (plan.rescale) {
      try {
        await client.update(target.ref as ResourceRef<Scale & KubeObject>, { ...stored, spec: { ...stored.spec, replicas: plan.rescale.replicas } }, { subresource: 'scale' })
        outcome = {}
        memory.history = changed(plan.history, { from: scale.specReplicas, to: plan.rescale.replicas, at: now }, hpa.spec?.behavior)
        log.info('a target has another size', { autoscaler: key, from: scale.specReplicas, to: plan.rescale.replicas, reason: plan.rescale.reason })
      } catch (e) {
        outcome = { failed: messageOf(e) }
      }
    }
    const end = concluded(input, plan, outcome)
    tell(hpa, end.events)
    await write(hpa, end.status)
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const hpa = autoscalers.get(namespace, name)
    if (!hpa) { memories.delete(key); return }
    await look(key, hpa)
    return { after: lookEvery }
  }

  return createController({
    name: 'horizontalpodautoscaler', deps, workers: 5, reads: [refs.HorizontalPodAutoscaler, refs.Pod], reconcile,
    watch(queue) {
      // Every look is a sync period after the last; what happens in between changes nothing about that.
      const wait = (hpa: Autoscaler): void => { queue.addAfter(keyOf(hpa), lookEvery) }
      return [autoscalers.on({ add: wait, update: wait, delete: (hpa) => { queue.add(keyOf(hpa)) } })]
    },
  })
}
