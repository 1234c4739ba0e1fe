/** What a controller is given and what it gives: the same shape for all of them. */
import type { Pod } from '../../shared/api/core-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../shared/api/object.ts'
import type { Host } from '../../shared/base/host.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import type { EventRecorder } from '../../shared/reconcile/event-recorder.ts'
import type { Informer } from '../../shared/reconcile/informer.ts'
import type { SharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { createWorkQueue, type HandlerResult, type WorkQueue } from '../../shared/reconcile/work-queue.ts'

export interface ControllerDeps {
  readonly client: ApiClient
  readonly informers: SharedInformers
  readonly host: Host
  readonly recorder: EventRecorder
}

export interface Controller {
  readonly name: string
  /** Reconciles until `signal` aborts. Starts once the informers it reads are synced. May be run again afterwards. */
  run(signal: AbortSignal): Promise<void>
  /** Stops listening to the informers. */
  close(): void
}

export const keyOf = (object: KubeObject): string => (object.metadata?.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata?.name ?? '')

/** `namespace/name` or `name`. */
export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { namespace: undefined, name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The owner that controls the object. */
export const controllerOf = (object: KubeObject) => object.metadata?.ownerReferences?.find((o) => o.controller)

/** Index name and function: objects by the uid of their controller; those without one under `orphan:<namespace>`. */
export const controllerIndex = 'controller'
export const byController = (object: Stored<KubeObject>): readonly string[] => [controllerOf(object)?.uid ?? `orphan:${object.metadata.namespace ?? ''}`]

/** Index `node`: pods by the node they are bound to. */
export const podNode = (pod: Stored<Pod>): readonly string[] => (pod.spec?.nodeName ? [pod.spec.nodeName] : [])

export interface ControllerOptions {
  readonly name: string
  readonly deps: ControllerDeps
  readonly workers: number
  /** Informers to wait for. */
  readonly reads: readonly ResourceRef[]
  /** Registers handlers that add keys; all disposed on close. */
  watch(queue: WorkQueue): readonly Disposable[]
  reconcile(key: string, signal: AbortSignal): Promise<HandlerResult>
  /** The queue, where reconcile itself adds keys. */
  readonly queue?: WorkQueue
}

export const queueFor = (name: string, deps: ControllerDeps): WorkQueue => createWorkQueue({ name, clock: deps.host.clock, log: deps.host.log.child(name), metrics: deps.host.metrics })

/** Ties informers, queue and reconcile together. Handlers are registered at once, so nothing that happens before `run` is missed. */
export function createController(options: ControllerOptions): Controller {
  const { name, deps, workers, reads } = options
  const queue = options.queue ?? queueFor(name, deps)
  const waiting = reads.map((ref) => deps.informers.for(ref) as Informer<KubeObject>)
  const registered = options.watch(queue)
  return {
    name,
    async run(signal) {
      const aborted = new Promise<void>((resolve) => { if (signal.aborted) resolve(); else signal.addEventListener('abort', () => { resolve() }, { once: true }) })
      await Promise.race([Promise.all(waiting.map((i) => i.synced)), aborted])
      if (!signal.aborted) await queue.run(workers, options.reconcile, signal)
    },
    close() { for (const r of registered) r[Symbol.dispose]() },
  }
}
