/** A small world for controller tests: the fake API, a clock that only moves when told, nodes that run what is bound to them, and processes that can be killed. */
import type { Node, Pod } from '../../shared/api/core-v1.ts'
import type { ResourceRef } from '../../shared/api/object.ts'
import { StatusError } from '../../shared/base/errors.ts'
import { refs } from '../../shared/api/refs.ts'
import { createFakeApiSource, type FakeApiSource, type FakeHook } from '../../shared/client/fake-api-source.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { createSharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { startScheduler } from '../scheduler/loop.ts'
import { startControllers } from './host.ts'
import type { MetricsApi } from './horizontal-pod-autoscaler/metric-reader.ts'

export const allRefs: readonly ResourceRef[] = Object.values(refs)

/** A seeded generator (mulberry32): a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface ControlPlane { stop(): Promise<void>; readonly crashed: boolean }

export interface World {
  readonly clock: FakeClock
  readonly source: FakeApiSource
  /** Starts scheduler and controllers; after `crashAfter` writes nothing they send has effect any more, and they are to be stopped. */
  start(options?: { crashAfter?: number; loseAnswer?: boolean }): ControlPlane
  /** Lets time pass until the predicate holds; throws after `limit` virtual milliseconds. The nodes act meanwhile. */
  until(what: string, predicate: () => boolean, limit?: number): Promise<void>
  pass(ms: number): Promise<void>
  /** Called after each step of time. */
  onStep: (() => void) | undefined
  /** What a node does for a bound pod; replace it to make pods fail. */
  kubelet: (source: FakeApiSource) => void
  /** What the metrics APIs answer; nothing is served unless replaced. */
  metrics: MetricsApi
  /** Nodes answer when asked to remove a volume. */
  nodesOnline: boolean
  /** `node:path`. */
  readonly removedVolumes: string[]
}

export const node = (name: string): Node & { metadata: { name: string } } => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True' }] },
})

export function runPods(source: FakeApiSource, ready: (pod: Pod) => boolean = () => true): void {
  for (const pod of source.all(refs.Pod)) {
    if (!pod.spec?.nodeName) continue
    const key = { namespace: pod.metadata.namespace, name: pod.metadata.name }
    if (pod.metadata.deletionTimestamp) source.remove(refs.Pod, key)
    else if (pod.status?.phase === 'Pending' && ready(pod)) {
      const n = Number(pod.metadata.uid.replace(/\D/g, ''))
      source.edit(refs.Pod, key, (p) => {
        p.status = { ...p.status, phase: 'Running', podIP: `10.42.${n >> 8}.${n & 255}`, conditions: [...p.status?.conditions ?? [], { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] }
      })
    }
  }
}

export function createWorld(seed = 1): World {
  const clock = new FakeClock()
  const source = createFakeApiSource({ clock })
  const float = seeded(seed)
  const random = { float, bytes: (n: number) => Uint8Array.from({ length: n }, () => Math.floor(float() * 256)), uuid: () => `uuid-${Math.floor(float() * 1e9)}` }
  const host = { clock, random, log: silentLog }
  const writes = new Set(['create', 'update', 'patch', 'delete', 'post'])

  const world: World = {
    clock, source, onStep: undefined, kubelet: (s) => { runPods(s) }, nodesOnline: true, removedVolumes: [],
    metrics: { versions: () => [], get: () => Promise.reject(new StatusError('NotFound', 'the server could not find the requested resource')) },
    start(options = {}) {
      let left = options.crashAfter ?? Infinity
      const hook: FakeHook = (request, phase) => {
        if (left < 0) throw new Error('killed')
        if (request.ref.resource === 'events' || !writes.has(request.verb)) return
        if (phase === 'before' && --left < 0 && !options.loseAnswer) throw new Error('killed')
        if (phase === 'after' && left < 0) throw new Error('killed')
      }
      const client = source.client(hook)
      const informers = createSharedInformers({ client, host })
      const controllers = startControllers({
        client, host, informers,
        config: {
          clusterCidr: '10.42.0.0/16', ca: 'CA', resources: () => allRefs, sign: async () => 'CERT', mayRequest: ({ groups = [] }, right) => groups.includes(right === 'nodeclient' ? 'system:bootstrappers' : 'system:nodes'),
          metrics: { versions: (group) => world.metrics.versions(group), get: (path) => world.metrics.get(path) },
          async removeVolume(name, path) {
            if (!world.nodesOnline) throw new StatusError('ServiceUnavailable', `node ${name} is not connected`)
            world.removedVolumes.push(`${name}:${path}`)
          },
        },
      })
      const scheduler = startScheduler({ client, host, informers })
      return {
        get crashed() { return left < 0 },
        async stop() { left = -1; await Promise.all([controllers.close(), scheduler.close(), informers.close()]) },
      }
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 50) {
        await clock.advance(Math.min(50, ms - passed))
        world.kubelet(source)
        world.onStep?.()
      }
    },
    async until(what, predicate, limit = 120_000) {
      for (let passed = 0; !predicate(); passed += 50) {
        if (passed >= limit) throw new Error(`not reached within ${limit} ms: ${what}`)
        await world.pass(50)
      }
    },
  }
  return world
}
