/** The scheduler: pods without a node in, bindings out. Woken by pods and nodes, never by a clock except for back-off. */
import type { Node, Pod } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import { nextTurn } from '../../shared/host/turn.ts'
import type { Millis } from '../../shared/base/brands.ts'
import { isConflict, isNotFound, messageOf } from '../../shared/base/errors.ts'
import type { Host } from '../../shared/base/host.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import { createEventRecorder } from '../../shared/reconcile/event-recorder.ts'
import type { SharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { createSupervisor, type LoopHealth } from '../../shared/reconcile/supervisor.ts'
import { equalJson } from '../../shared/values/json-value.ts'
import { bind, explain } from './bind.ts'
import { decide } from './cycle/plan.ts'
import { createSchedulerMetrics } from './metrics.ts'
import { podView, type PodView } from './pod-view.ts'
import { createSchedulingQueue } from './queue/machine.ts'
import { createSnapshot } from './snapshot.ts'
import { createVolumeBinder, type PodVolumes } from './volumes/binder.ts'
import type { Binding } from './volumes/plan.ts'

export interface SchedulerOptions {
  readonly client: ApiClient
  readonly informers: SharedInformers
  readonly host: Host
  /** Pods that name another scheduler are left alone. Default `default-scheduler`. */
  readonly name?: string
}

export interface Scheduler {
  health(): readonly LoopHealth[]
  readonly queue: { readonly active: number; readonly backoff: number; readonly unschedulable: number }
  /** Resolves when the cycle and bindings under way have ended. */
  close(): Promise<void>
}

/** Decisions in one go before other work of the process gets its turn: at about 0.1 ms each this holds the event loop for 2 ms. */
const batch = 20

function bindingOn(volumes: PodVolumes | undefined, node: Node | undefined): Binding | undefined {
  const answer = volumes?.ok && node ? volumes.on(node) : undefined
  return answer?.ok ? answer.binding : undefined
}

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { client, informers, host, name = 'default-scheduler' } = options
  const { clock, random } = host
  const log = host.log.child('scheduler')
  const recorder = createEventRecorder({ client, host, component: name })
  const queue = createSchedulingQueue()
  const snapshot = createSnapshot()
  const measured = createSchedulerMetrics({ metrics: host.metrics, clock, queue, profile: name })
  const pods = informers.for(refs.Pod)
  const nodes = informers.for(refs.Node)
  const underWay = new Set<Promise<void>>()
  const views = new Map<string, PodView>()
  let ring = Promise.withResolvers<void>()

  const keyOf = (pod: Stored<Pod>): string => `${pod.metadata.namespace}/${pod.metadata.name}`
  const wake = (): void => { ring.resolve() }
  const waits = (pod: Stored<Pod>): boolean => !pod.spec?.nodeName && !pod.metadata.deletionTimestamp && (pod.spec?.schedulerName ?? 'default-scheduler') === name && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded'
  const forgetView = (pod: Stored<Pod>): void => { views.delete(pod.metadata.uid) }

  const seen = (pod: Stored<Pod>, old?: Stored<Pod>): void => {
    if (waits(pod)) {
      // A change of status alone (our own condition) gives no new chance.
      if (old && waits(old) && equalJson(old.spec, pod.spec) && equalJson(old.metadata.labels, pod.metadata.labels)) return
      forgetView(pod)
      if (!snapshot.isAssumed(pod.metadata.uid)) { queue.add(keyOf(pod), pod.spec?.priority ?? 0, clock.monotonic()); wake() }
      return
    }
    queue.remove(keyOf(pod))
    forgetView(pod)
    const freed = old?.spec?.nodeName && ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '') && old.status?.phase !== pod.status?.phase
    snapshot.setPod(pod)
    if (freed) { queue.wake(clock.monotonic()); wake() }
  }
  const gone = (pod: Stored<Pod>): void => {
    queue.remove(keyOf(pod))
    forgetView(pod)
    snapshot.removePod(pod.metadata.uid)
    if (pod.spec?.nodeName) { queue.wake(clock.monotonic()); wake() }
  }
  const binder = createVolumeBinder({ client, informers, clock, changed: () => { if (queue.size.unschedulable > 0) { queue.wake(clock.monotonic()); wake() } } })
  const registered = [
    nodes.on({
      add: (n) => { snapshot.setNode(n); queue.wake(clock.monotonic()); wake() },
      update: (n, old) => {
        snapshot.setNode(n)
        if (equalJson(n.spec, old.spec) && equalJson(n.metadata.labels, old.metadata.labels) && equalJson(n.status?.allocatable, old.status?.allocatable)) return
        queue.wake(clock.monotonic())
        wake()
      },
      delete: (n) => { snapshot.removeNode(n.metadata.name) },
    }),
    pods.on({ add: (p) => { seen(p) }, update: seen, delete: gone }),
  ]

  const background = (work: Promise<void>): void => {
    const tracked = work.finally(() => { underWay.delete(tracked) })
    underWay.add(tracked)
  }
  const place = async (view: PodView, node: string, since: Millis, binding: Binding | undefined): Promise<void> => {
    const { pod } = view
    const key = keyOf(pod)
    const reserved = binding && binder.reserve(binding, node)
    try {
      if (binding) await binder.bind(binding, node)
      await bind(client, pod, node)
      measured.attempt('scheduled', since)
      recorder.event(refs.Pod, pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`)
    } catch (e) {
      snapshot.forget(pod.metadata.uid)
      // Gone, or bound by another: the informer says which.
      if (isNotFound(e) && !binding) return
      measured.attempt('error', since)
      if (!isConflict(e)) log.warn('binding failed, will retry', { pod: key, node, error: messageOf(e) })
      const now = pods.get(pod.metadata.namespace, pod.metadata.name)
      if (now?.metadata.uid === pod.metadata.uid && waits(now)) queue.retry(key, view.priority, clock.monotonic())
      wake()
    } finally {
      reserved?.[Symbol.dispose]()
    }
  }
  const tell = async (pod: Stored<Pod>, reason: string, message: string, event: boolean): Promise<void> => {
    if (event) recorder.event(refs.Pod, pod, 'Warning', 'FailedScheduling', message)
    try { await explain(client, pod, reason, message, clock.now()) } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) log.warn('condition not written', { pod: keyOf(pod), error: messageOf(e) })
    }
  }

  const cycle = (key: string): void => {
    const slash = key.indexOf('/')
    const pod = pods.get(key.slice(0, slash), key.slice(slash + 1))
    if (!pod || !waits(pod) || snapshot.isAssumed(pod.metadata.uid)) { queue.done(key); return }
    if (pod.spec?.schedulingGates?.length) {
      queue.failed(key, pod.spec.priority ?? 0, queue.cycle, clock.monotonic())
      background(tell(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates', false))
      return
    }
    const view = views.get(pod.metadata.uid) ?? podView(pod)
    const at = queue.cycle
    const since = clock.monotonic()
    const volumes = binder.of(pod)
    const decision = decide({ pod: view, nodes: snapshot.nodes(), volumes, seed: random.float() })
    measured.decided(since)
    switch (decision.kind) {
      case 'bind':
        queue.done(key)
        views.delete(pod.metadata.uid)
        snapshot.assume(view, decision.node)
        background(place(view, decision.node, since, bindingOn(volumes, nodes.get(undefined, decision.node))))
        break
      case 'rejected': case 'refused':
        views.set(pod.metadata.uid, view)
        queue.failed(key, view.priority, at, clock.monotonic())
        measured.attempt(decision.kind === 'rejected' ? 'unschedulable' : 'error', since)
        background(tell(pod, decision.kind === 'rejected' ? 'Unschedulable' : 'SchedulerError', decision.message, true))
        break
    }
  }

  const loop = async (signal: AbortSignal): Promise<void> => {
    signal.addEventListener('abort', wake, { once: true })
    await Promise.race([Promise.all([pods.synced, nodes.synced, binder.synced]), new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve() }, { once: true }) })])
    while (!signal.aborted) {
      ring = Promise.withResolvers<void>()
      let n = 0
      for (let key = queue.pop(clock.monotonic()); key !== undefined; key = n < batch ? queue.pop(clock.monotonic()) : undefined) { cycle(key); n++ }
      if (n >= batch) { await nextTurn(); continue }
      const next = queue.nextWake()
      const timer = next === undefined ? undefined : clock.after(Math.max(1, next - clock.monotonic()), wake)
      await ring.promise
      timer?.[Symbol.dispose]()
    }
  }

  const supervisor = createSupervisor(host)
  supervisor.run(name, loop)
  return {
    health: () => supervisor.health(),
    get queue() { return queue.size },
    async close() {
      await supervisor.close()
      for (const r of registered) r[Symbol.dispose]()
      binder.close()
      await Promise.all(underWay)
      await recorder.flush()
    },
  }
}
