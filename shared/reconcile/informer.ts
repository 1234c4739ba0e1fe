/**
 * A local, always-current-enough copy of one resource: list once, then watch.
 *
 * What a caller may rely on:
 * - The copy is never ahead of the server and follows it with the delay of the watch. It may lag: decide from it, write with
 *   compare-and-swap, and let a conflict bring you back.
 * - `synced` resolves when the first list is in; before that `get` and `list` see an incomplete world. It rejects only if closed before.
 * - Handlers run synchronously after the copy has changed, in the order of the server's revisions per object. A missed history (410, long
 *   disconnection) shows as one update from the last state seen to the newest, and as a delete with the last state seen where the object is
 *   gone; an object deleted and made again under its name shows as delete, then add (the uid differs). States in between may be missed: level, not edge.
 * - A handler that throws is logged and does not disturb the others nor the informer.
 * - Objects are frozen in depth: copy before changing. They are the same objects for all readers.
 * - The loop does not end before `close`: errors are logged, and retried with back-off (200 ms to 30 s, jittered).
 */
import type { Millis } from '../base/brands.ts'
import { isExpired, messageOf } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { KubeObject, ResourceRef, Stored } from '../api/object.ts'
import type { ApiClient } from '../client/api-client.ts'
import { backoffDelay } from './work-queue.ts'
import { createObjectIndex, type Indexer } from './object-index.ts'

export interface InformerHandlers<T extends KubeObject> {
  add?(object: Stored<T>): void
  update?(object: Stored<T>, old: Stored<T>): void
  delete?(object: Stored<T>): void
}

export type InformerState = 'listing' | 'watching' | 'waiting' | 'closed'

export interface Informer<T extends KubeObject> {
  readonly ref: ResourceRef<T>
  readonly synced: Promise<void>
  readonly hasSynced: boolean
  readonly state: InformerState
  /** `namespace` is undefined for cluster-scoped resources. */
  get(namespace: string | undefined, name: string): Stored<T> | undefined
  /** All objects, or those of one namespace; in no promised order. A fresh array each time. */
  list(namespace?: string): Stored<T>[]
  /** Objects for which indexer `name` gave `value`. Throws where there is no such indexer. */
  byIndex(name: string, value: string): Stored<T>[]
  /** Adds an index over present and future objects. The same name again is refused unless it is the same function. */
  addIndexer(name: string, indexer: Indexer<T>): void
  /** Registers handlers; objects already known are handed to `add` at once, synchronously. Dispose to stop. */
  on(handlers: InformerHandlers<T>): Disposable
  /** Ends the watch. Resolves when the loop has ended. Idempotent. */
  close(): Promise<void>
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>
  readonly ref: ResourceRef<T>
  readonly host: Host
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /** Objects per page of the list. Default 500. */
  readonly pageSize?: number
}

const firstDelay: Millis = 200
const maxDelay: Millis = 30_000

/** Starts an informer. It runs until closed. */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const { client, ref, host } = options
  const log = host.log.child('informer', { resource: ref.resource })
  const objects = createObjectIndex<T>(options.indexers)
  const handlers = new Set<InformerHandlers<T>>()
  const stop = new AbortController()
  const synced = Promise.withResolvers<void>()
  // Nobody may be waiting; whoever waits on `synced` itself sees the rejection.
  void Promise.allSettled([synced.promise])
  let hasSynced = false
  let state: InformerState = 'listing'
  let failures = 0
  const scope = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
  }

  const tell = (call: (h: InformerHandlers<T>) => void): void => {
    for (const h of handlers) {
      try { call(h) } catch (e) { log.error('handler threw', { error: e instanceof Error ? e : messageOf(e) }) }
    }
  }
  const put = (object: Stored<T>): void => {
    const old = objects.put(object)
    if (!old) tell((h) => h.add?.(object))
    else if (old.metadata.uid !== object.metadata.uid) { tell((h) => h.delete?.(old)); tell((h) => h.add?.(object)) }
    else if (old.metadata.resourceVersion !== object.metadata.resourceVersion) tell((h) => h.update?.(object, old))
  }
  const remove = (object: Stored<T>): void => {
    if (objects.remove(object)) tell((h) => h.delete?.(object))
  }

  const listAll = async (): Promise<{ items: Stored<T>[]; revision: string }> => {
    const items: Stored<T>[] = []
    for (let more: string | undefined; ;) {
      const page = await client.list(ref, { ...scope, limit: options.pageSize ?? 500, ...(more ? { continue: more } : {}) })
      stop.signal.throwIfAborted()
      items.push(...page.items)
      more = page.metadata.continue
      if (!more) return { items, revision: page.metadata.resourceVersion ?? '0' }
    }
  }
  const relist = async (): Promise<string> => {
    state = 'listing'
    const { items, revision } = await listAll()
    const gone = objects.replaceAll(items)
    for (const object of gone) remove(object)
    for (const object of items) put(object)
    if (!hasSynced) { hasSynced = true; synced.resolve() }
    return revision
  }
  /** Follows the watch until it ends; returns the last revision seen. */
  const follow = async (from: string, seen: (revision: string) => void): Promise<void> => {
    state = 'watching'
    for await (const event of client.watch(ref, { ...scope, resourceVersion: from, allowWatchBookmarks: true }, stop.signal)) {
      failures = 0
      switch (event.type) {
        case 'ADDED': case 'MODIFIED': put(event.object); break
        case 'DELETED': remove(event.object); break
        case 'BOOKMARK': break
      }
      seen(event.object.metadata.resourceVersion)
    }
  }
  const pause = async (): Promise<void> => {
    state = 'waiting'
    const delay = backoffDelay(failures++, firstDelay, maxDelay)
    await host.clock.sleep(delay * (0.5 + host.random.float() / 2), stop.signal)
  }
  const loop = async (): Promise<void> => {
    let revision: string | undefined
    while (!stop.signal.aborted) {
      try {
        if (revision === undefined) revision = await relist()
        const started = host.clock.monotonic()
        await follow(revision, (r) => { revision = r })
        // A server that ends watches at once must not be asked in a tight loop.
        if (!stop.signal.aborted && host.clock.monotonic() - started < 1000) await pause()
      } catch (e) {
        if (stop.signal.aborted) break
        if (isExpired(e)) { log.info('history was compacted, listing again'); revision = undefined } else log.warn('list or watch failed, will retry', { error: messageOf(e), failures })
        await pause().catch((reason: unknown) => { if (!stop.signal.aborted) throw reason })
      }
    }
  }
  const done = loop().finally(() => {
    state = 'closed'
    if (!hasSynced) synced.reject(new Error(`informer of ${ref.resource} was closed before its first list`))
  })
  done.catch((e: unknown) => { if (!stop.signal.aborted) log.error('informer loop ended', { error: messageOf(e) }) })

  return {
    ref,
    synced: synced.promise,
    get hasSynced() { return hasSynced },
    get state() { return state },
    get: (namespace, name) => objects.get(namespace, name),
    list: (namespace) => objects.list(namespace),
    byIndex: (name, value) => objects.byIndex(name, value),
    addIndexer: (name, indexer) => objects.addIndexer(name, indexer),
    on(h) {
      handlers.add(h)
      for (const object of objects.list()) h.add?.(object)
      return { [Symbol.dispose]: () => { handlers.delete(h) } }
    },
    async close() {
      stop.abort()
      // Its failure is logged where it happened.
      await Promise.allSettled([done])
    },
  }
}
