import { beforeEach, describe, expect, it } from 'vitest'
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from '../../../shared/api/autoscaling-v2.ts'
import { refs } from '../../../shared/api/refs.ts'
import { createWorld, node, type ControlPlane, type World } from '../harness.ts'

const namespace = 'default'
const cpu = (averageUtilization: number): NonNullable<HorizontalPodAutoscalerSpec['metrics']>[number] => ({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } })
const autoscaler = (spec: Partial<HorizontalPodAutoscalerSpec> = {}, name = 'web'): HorizontalPodAutoscaler & { metadata: { name: string; namespace: string } } =>
  ({ metadata: { name, namespace }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, minReplicas: 1, maxReplicas: 5, metrics: [cpu(50)], ...spec } })

let world: World
let plane: ControlPlane | undefined
/** Millicores of each pod. */
let load: (pod: string) => number
let asked: string[]

beforeEach(async () => {
  world = createWorld()
  load = () => 100
  asked = []
  const client = world.source.client()
  await client.create(refs.Namespace, { metadata: { name: namespace } })
  await client.create(refs.Node, node('a'))
  await client.create(refs.Deployment, {
    metadata: { name: 'web', namespace },
    spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }] } } },
  })
  world.metrics = {
    versions: () => [],
    async get(path) {
      asked.push(path)
      const timestamp = new Date(world.clock.now()).toISOString()
      const items = world.source.all(refs.Pod).filter((p) => p.status?.phase === 'Running')
        .map((p) => ({ metadata: { name: p.metadata.name, namespace }, timestamp, window: '10s', containers: [{ name: 'c', usage: { cpu: `${load(p.metadata.name)}m`, memory: '1Mi' } }] }))
      return { items }
    },
  }
  world.kubelet = (source) => {
    for (const pod of source.all(refs.Pod)) {
      const key = { namespace, name: pod.metadata.name }
      if (pod.metadata.deletionTimestamp) source.remove(refs.Pod, key)
      else if (pod.spec?.nodeName && pod.status?.phase === 'Pending') source.edit(refs.Pod, key, (p) => { p.status = { ...p.status, phase: 'Running', startTime: '2026-01-01T00:00:00Z', conditions: [...p.status?.conditions ?? [], { type: 'Ready', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }] } })
    }
  }
})

const stored = (name = 'web') => world.source.all(refs.HorizontalPodAutoscaler).find((h) => h.metadata.name === name)
const condition = (type: string, name = 'web') => stored(name)?.status?.conditions?.find((c) => c.type === type)
const replicas = (): number | undefined => world.source.all(refs.Deployment)[0]?.spec?.replicas
const events = (): string[] => world.source.all(refs.Event).filter((e) => e.involvedObject.kind === 'HorizontalPodAutoscaler').map((e) => `${e.type} ${e.reason} ${e.message}`)
async function run(...autoscalers: Parameters<ReturnType<World['source']['client']>['create']>[1][]): Promise<void> {
  for (const a of autoscalers) await world.source.client().create(refs.HorizontalPodAutoscaler, a as HorizontalPodAutoscaler & { metadata: { name: string } })
  plane = world.start()
}
const end = async (): Promise<void> => { await plane?.stop() }

describe('a HorizontalPodAutoscaler', () => {
  it('asks for more where the load is above its target, and says so as upstream does', async () => {
    await run(autoscaler())
    await world.until('more', () => replicas() === 2)
    expect(stored()?.status).toMatchObject({ currentReplicas: 1, desiredReplicas: 2, lastScaleTime: expect.any(String), currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '100m' } } }] })
    expect(condition('AbleToScale')).toMatchObject({ status: 'True', reason: 'SucceededRescale', message: 'the HPA controller was able to update the target scale to 2' })
    expect(condition('ScalingActive')).toMatchObject({ status: 'True', reason: 'ValidMetricFound', message: 'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)' })
    await world.until('the most', () => replicas() === 5)
    await world.pass(20_000)
    expect(condition('ScalingLimited')).toMatchObject({ status: 'True', reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' })
    expect(events()).toContain('Normal SuccessfulRescale New size: 2; reason: cpu resource utilization (percentage of request) above target')
    expect(asked[0]).toBe('/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb')
    await end()
  })

  it('shrinks when five minutes have passed, or when its behavior lets it', async () => {
    load = () => 5
    world.source.edit(refs.Deployment, { namespace, name: 'web' }, (d) => { if (d.spec) d.spec.replicas = 4 })
    await run(autoscaler({ minReplicas: 2 }))
    await world.pass(60_000)
    expect([replicas(), condition('AbleToScale')?.reason]).toEqual([4, 'ScaleDownStabilized'])
    await world.until('fewer', () => replicas() === 2, 330_000)
    expect(events()).toContain('Normal SuccessfulRescale New size: 2; reason: All metrics below target')
    world.source.edit(refs.HorizontalPodAutoscaler, { namespace, name: 'web' }, (h) => { if (h.spec) Object.assign(h.spec, { minReplicas: 1, behavior: { scaleDown: { stabilizationWindowSeconds: 1, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } } }) })
    await world.until('one', () => replicas() === 1, 40_000)
    await end()
  })

  it('brings a size outside its bounds back, metrics or none', async () => {
    world.metrics = { versions: () => [], get: () => Promise.reject(new Error('away')) }
    await run(autoscaler({ minReplicas: 3 }))
    await world.until('the least', () => replicas() === 3)
    await world.until('told', () => events().length > 0)
    expect(events()[0]).toBe('Normal SuccessfulRescale New size: 3; reason: Current number of replicas below Spec.MinReplicas')
    await world.until('failing', () => condition('ScalingActive') !== undefined)
    const why = 'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: away'
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'FailedGetResourceMetric', message: `the HPA was unable to compute the replica count: ${why}` })
    await world.until('told', () => events().length > 2)
    expect(events()).toContain(`Warning FailedGetResourceMetric ${why}`)
    expect(events()).toContain(`Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`)
    await end()
  })

  it('leaves a target of none alone', async () => {
    world.source.edit(refs.Deployment, { namespace, name: 'web' }, (d) => { if (d.spec) d.spec.replicas = 0 })
    await run(autoscaler())
    await world.until('looked', () => condition('ScalingActive') !== undefined)
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'ScalingDisabled', message: 'scaling is disabled since the replica count of the target is zero' })
    expect([replicas(), asked.length]).toEqual([0, 0])
    await end()
  })

  it('says what it cannot do: a target that is not there, a kind nobody serves, metrics nobody has', async () => {
    const of = (kind: string, name: string): Partial<HorizontalPodAutoscalerSpec> => ({ scaleTargetRef: { apiVersion: 'apps/v1', kind, name } })
    const custom = autoscaler({ metrics: [
      { type: 'Pods', pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '10' } } },
      { type: 'External', external: { metric: { name: 'queue', selector: { matchLabels: { q: 'a' } } }, target: { type: 'Value', value: '10' } } },
    ] }, 'custom')
    world.metrics = { versions: () => [], get: world.metrics.get }
    const get = world.metrics.get
    world.metrics = { versions: () => [], get: (path) => (path.includes('external') ? Promise.reject(Object.assign(new Error('x'))) : get(path)) }
    await run(autoscaler(of('Deployment', 'none'), 'missing'), autoscaler(of('Widget', 'w'), 'unknown'), custom)
    await world.until('looked', () => condition('AbleToScale', 'missing') !== undefined && condition('AbleToScale', 'unknown') !== undefined && condition('ScalingActive', 'custom') !== undefined)
    expect(condition('AbleToScale', 'missing')).toMatchObject({ status: 'False', reason: 'FailedGetScale', message: 'the HPA controller was unable to get the target\'s current scale: deployments.apps "none" not found' })
    expect(condition('AbleToScale', 'unknown')?.message).toBe('the HPA controller was unable to get the target\'s current scale: no matches for kind "Widget" in group "apps"')
    expect(condition('ScalingActive', 'custom')).toMatchObject({ reason: 'FailedGetPodsMetric', message: 'the HPA was unable to compute the replica count: unable to get metric hits: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered' })
    await world.until('told', () => events().some((e) => e.includes('FailedGetExternalMetric')))
    expect(events()).toContain('Warning FailedGetExternalMetric unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{q: a,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: x')
    await end()
  })

  it('that shares its pods with another acts on neither\'s behalf', async () => {
    await run(autoscaler(), autoscaler({}, 'other'))
    await world.until('both looked', () => condition('ScalingActive')?.reason === 'AmbiguousSelector' && condition('ScalingActive', 'other')?.reason === 'AmbiguousSelector', 60_000)
    expect(condition('ScalingActive')?.message).toBe('pods by selector app=web are controlled by multiple HPAs: [default/other default/web]')
    await world.source.client().delete(refs.HorizontalPodAutoscaler, { namespace, name: 'other' })
    await world.until('more', () => replicas() === 5)
    await end()
  })

  it('reads metrics of pods, objects and the outside from whoever serves them', async () => {
    const answers: Record<string, unknown> = {
      '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/hits?labelSelector=app%3Dweb': { items: [{ describedObject: { name: 'unknown' }, timestamp: '2026-01-01T00:00:00Z', value: '30' }] },
      '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/front/hits': { items: [{ describedObject: { name: 'front' }, value: '1' }] },
      '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue': { items: [{ value: '10' }, { value: '20' }] },
    }
    world.metrics = { versions: () => ['v1beta2', 'v1beta1'], get: async (path) => { asked.push(path); return answers[path] ?? { items: [] } } }
    await run(autoscaler({ maxReplicas: 20, metrics: [
      { type: 'Object', object: { describedObject: { apiVersion: 'v1', kind: 'Service', name: 'front' }, metric: { name: 'hits' }, target: { type: 'Value', value: '1' } } },
      { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } },
    ] }))
    await world.until('more', () => replicas() === 3)
    expect(stored()?.status?.currentMetrics).toEqual([
      { type: 'Object', object: { describedObject: { apiVersion: 'v1', kind: 'Service', name: 'front' }, metric: { name: 'hits' }, current: { value: '1' } } },
      { type: 'External', external: { metric: { name: 'queue' }, current: { averageValue: '30' } } },
    ])
    expect(asked.slice(0, 2).sort()).toEqual(Object.keys(answers).slice(1).sort())
    await end()
  })
})

it('without an autoscaler nobody is asked and nothing is written', async () => {
  plane = world.start()
  await world.until('settled', () => world.source.all(refs.Pod).some((p) => p.status?.phase === 'Running'))
  await world.pass(5000)
  const before = world.source.revision
  await world.pass(60_000)
  expect([asked.length, world.source.revision - before]).toEqual([0, 0])
  await end()
})
