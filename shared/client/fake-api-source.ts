/**
 * An API server in memory, for tests of controllers: revisions, compare-and-swap, watches, finalizers and graceful deletion behave as the real
 * one's; and it misbehaves on request: it forgets events, ends watches, compacts history, invents conflicts, and fails before or after a write.
 * No validation, defaulting or admission. Selectors know `=`, `!=` and `,` only; strategic merge patches are applied as merge patches.
 */
import { apiVersionOf, type KubeList, type KubeObject, type ResourceRef, type Stored } from '../api/object.ts'
import { alreadyExists, badRequest, conflict, expired, forbidden, notFound, StatusError } from '../base/errors.ts'
import type { Clock } from '../base/host.ts'
import type { ApiClient, DeleteOptions, ListOptions, ObjectKey, PatchType, WatchEvent, WatchOptions } from './api-client.ts'
import { applyFakePatch, matchesFake } from './fake-api-values.ts'

export type FakeVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'post'
export interface FakeRequest { readonly verb: FakeVerb; readonly ref: ResourceRef; readonly namespace: string | undefined; readonly name: string | undefined; readonly subresource: string | undefined; readonly body: unknown }
/** Called before and after each request is applied; what it throws is the answer (after: the write has happened all the same, as when a connection is lost). */
export type FakeHook = (request: FakeRequest, phase: 'before' | 'after') => void | Promise<void>

// The fake works on JSON of any shape; this is its decoder boundary.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any
interface Logged { revision: number; resource: string; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored<KubeObject>; forgotten: boolean }

export interface FakeApiSource {
  /** A client of its own, with its own hooks: a crash of one does not touch the others. */
  client(hook?: FakeHook): ApiClient
  readonly revision: number
  /** All requests applied, oldest first. */
  readonly requests: readonly FakeRequest[]
  /** Events of this resource from now on never reach a watch, until called with `false`; a relist shows the truth. */
  forgetEvents(ref: ResourceRef, forget?: boolean): void
  /** Watches from before now end with Expired. */
  compact(): void
  /** All watches end, as when a server restarts. */
  breakWatches(): void
  /** The next `count` updates of the resource are refused as conflicts. */
  injectConflicts(ref: ResourceRef, count: number): void
  /** Removes without finalizers or grace, as a node reports a pod gone. */
  remove(ref: ResourceRef, key: ObjectKey): void
  /** Changes an object in place, as another client would; no compare-and-swap. */
  edit<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, change: (object: T) => void): Stored<T>
  all<T extends KubeObject>(ref: ResourceRef<T>, namespace?: string): Stored<T>[]
}

const path = (key: ObjectKey): string => `${key.namespace ?? ''}/${key.name}`
const resourceOf = (ref: ResourceRef): string => (ref.group ? `${ref.resource}.${ref.group}` : ref.resource)
const clone = <T>(value: T): T => structuredClone(value)
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

export function createFakeApiSource(options: { clock: Pick<Clock, 'now'> }): FakeApiSource {
  const stored = new Map<string, Map<string, Stored<KubeObject>>>()
  let log: Logged[] = []
  const requests: FakeRequest[] = []
  const forgotten = new Set<string>()
  const conflicts = new Map<string, number>()
  let revision = 1
  let compacted = 0
  let uids = 0
  let generation = 0
  let changed = Promise.withResolvers<void>()

  const wake = (): void => { const c = changed; changed = Promise.withResolvers<void>(); c.resolve() }
  const table = (ref: ResourceRef): Map<string, Stored<KubeObject>> => {
    const name = resourceOf(ref)
    let t = stored.get(name)
    if (!t) stored.set(name, t = new Map())
    return t
  }
  const named = (ref: ResourceRef, name: string) => ({ group: ref.group, resource: ref.resource, name })
  const now = (): string => new Date(options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
  const record = (ref: ResourceRef, type: Logged['type'], object: Stored<KubeObject>): Stored<KubeObject> => {
    object.metadata.resourceVersion = String(++revision)
    const resource = resourceOf(ref)
    log.push({ revision, resource, type, object: clone(object), forgotten: forgotten.has(resource) })
    wake()
    return object
  }
  const current = (ref: ResourceRef, key: ObjectKey): Stored<KubeObject> => {
    const found = table(ref).get(path(key))
    if (!found) throw notFound(named(ref, key.name))
    return found
  }
  const store = (ref: ResourceRef, object: Stored<KubeObject>): Stored<KubeObject> => {
    const key = path(object.metadata)
    const before = table(ref).get(key)
    if (before && same({ ...object, metadata: { ...object.metadata, resourceVersion: '' } }, { ...before, metadata: { ...before.metadata, resourceVersion: '' } })) return clone(before)
    const finished = object.metadata.deletionTimestamp && !object.metadata.finalizers?.length && (object.metadata.deletionGracePeriodSeconds ?? 0) === 0
      && !(object as Json).spec?.finalizers?.length
    if (finished) { table(ref).delete(key); return clone(record(ref, 'DELETED', object)) }
    record(ref, before ? 'MODIFIED' : 'ADDED', object)
    table(ref).set(key, object)
    return clone(object)
  }

  const create = (ref: ResourceRef, given: KubeObject): Stored<KubeObject> => {
    const object = clone(given) as Stored<KubeObject>
    object.apiVersion = apiVersionOf(ref)
    object.kind = ref.kind
    const meta = object.metadata ??= {} as Stored<KubeObject>['metadata']
    if (!meta.name && meta.generateName) meta.name = `${meta.generateName}${(++generation).toString(36).padStart(5, '0')}`
    if (!meta.name) throw badRequest('name or generateName is required')
    if (ref.namespaced && !meta.namespace) throw badRequest('namespace is required')
    const ns = stored.get('namespaces')?.get(path({ name: meta.namespace ?? '' }))
    if (ns?.metadata.deletionTimestamp) {
      const why = `unable to create new content in namespace ${meta.namespace} because it is being terminated`
      throw new StatusError('Forbidden', forbidden(named(ref, meta.name), why).message, { details: { causes: [{ reason: 'NamespaceTerminating', message: why }] } })
    }
    if (table(ref).has(path(meta))) throw alreadyExists(named(ref, meta.name))
    meta.uid = `uid-${++uids}`
    meta.creationTimestamp = now()
    meta.generation = 1
    if (ref.resource === 'namespaces') Object.assign(object, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })
    if (ref.resource === 'pods') (object as Json).status ??= { phase: 'Pending' }
    return store(ref, object)
  }

  const scaleOf = ({ metadata, spec, status }: Json): Json => ({
    apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: clone(metadata), spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: Object.entries(spec?.selector?.matchLabels ?? {}).map(([k, v]) => `${k}=${v}`).join(',') },
  })

  const update = (ref: ResourceRef, given: KubeObject, subresource: string | undefined): Stored<KubeObject> => {
    const object = clone(given) as Json
    const before = current(ref, object.metadata) as Json
    const left = conflicts.get(resourceOf(ref)) ?? 0
    if (left > 0) {
      conflicts.set(resourceOf(ref), left - 1)
      throw conflict(named(ref, before.metadata.name), 'injected')
    }
    if (object.metadata.resourceVersion && object.metadata.resourceVersion !== before.metadata.resourceVersion)
      throw conflict(named(ref, before.metadata.name), 'the object has been modified; please apply your changes to the latest version and try again')
    if (object.metadata.uid && object.metadata.uid !== before.metadata.uid) throw conflict(named(ref, before.metadata.name), 'uid differs')
    const next = clone(before)
    const systemMeta = { uid: before.metadata.uid, creationTimestamp: before.metadata.creationTimestamp, generation: before.metadata.generation, deletionTimestamp: before.metadata.deletionTimestamp, deletionGracePeriodSeconds: before.metadata.deletionGracePeriodSeconds }
    if (subresource === 'status') { next.status = object.status } else if (subresource === 'scale') { next.spec = { ...next.spec, replicas: object.spec.replicas } } else if (subresource === 'finalize') { next.spec = object.spec } else if (subresource === 'approval') { next.status = { ...next.status, conditions: object.status?.conditions } } else if (subresource === undefined) {
      for (const k of Object.keys(next)) if (k !== 'status') delete next[k]
      Object.assign(next, { ...object, ...(before.status === undefined ? {} : { status: before.status }), apiVersion: before.apiVersion, kind: before.kind })
      next.metadata = { ...object.metadata, ...JSON.parse(JSON.stringify(systemMeta)) }
      if (ref.resource === 'namespaces') next.spec = before.spec
      if (!same(next.spec, before.spec)) next.metadata.generation = (before.metadata.generation ?? 1) + 1
    } else throw badRequest(`the fake has no subresource ${subresource}`)
    return store(ref, next)
  }

  const remove = (ref: ResourceRef, key: ObjectKey, o: DeleteOptions = {}): void => {
    const object = clone(current(ref, key)) as Json
    const p = o.preconditions
    if ((p?.uid && p.uid !== object.metadata.uid) || (p?.resourceVersion && p.resourceVersion !== object.metadata.resourceVersion)) throw conflict(named(ref, key.name), 'the precondition does not hold')
    const finalizers = new Set<string>(object.metadata.finalizers ?? [])
    if (o.propagationPolicy) { finalizers.delete('orphan'); finalizers.delete('foregroundDeletion') }
    if (o.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion')
    if (o.propagationPolicy === 'Orphan') finalizers.add('orphan')
    if (finalizers.size > 0) object.metadata.finalizers = [...finalizers]
    else delete object.metadata.finalizers
    const graceful = ref.resource === 'pods' && object.spec?.nodeName && !['Succeeded', 'Failed'].includes(object.status?.phase)
    const grace = graceful ? o.gracePeriodSeconds ?? object.spec.terminationGracePeriodSeconds ?? 30 : 0
    object.metadata.deletionTimestamp ??= now()
    object.metadata.deletionGracePeriodSeconds = Math.min(grace, object.metadata.deletionGracePeriodSeconds ?? grace)
    if (ref.resource === 'namespaces') object.status = { ...object.status, phase: 'Terminating' }
    store(ref, object)
  }

  const post = (ref: ResourceRef, key: ObjectKey, subresource: string, body: Json): unknown => {
    if (ref.resource !== 'pods' || subresource !== 'binding') throw badRequest(`the fake has no ${ref.resource}/${subresource}`)
    const pod = clone(current(ref, key)) as Json
    if (pod.spec.nodeName) throw conflict(named(ref, key.name), `pod ${key.name} is already assigned to node "${pod.spec.nodeName}"`)
    pod.spec.nodeName = body.target.name
    pod.status = { ...pod.status, conditions: [...(pod.status?.conditions ?? []).filter((c: Json) => c.type !== 'PodScheduled'), { type: 'PodScheduled', status: 'True', lastTransitionTime: now() }] }
    store(ref, pod)
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  }

  const list = (ref: ResourceRef, o: ListOptions): KubeList<KubeObject> => ({
    metadata: { resourceVersion: String(revision) },
    items: [...table(ref).values()].filter((x) => (!o.namespace || x.metadata.namespace === o.namespace) && matchesFake(x, o)).map(clone),
  })

  async function* watch(ref: ResourceRef, o: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
    let from = Number(o.resourceVersion)
    const aborted = new Promise<void>((resolve) => { if (signal.aborted) resolve(); else signal.addEventListener('abort', () => { resolve() }, { once: true }) })
    const epoch = broken
    for (;;) {
      const wait = changed.promise
      if (signal.aborted || epoch !== broken) return
      if (from < compacted) throw expired('The resourceVersion for the provided watch is too old.')
      for (const e of log) {
        if (e.revision <= from) continue
        from = e.revision
        if (e.resource !== resourceOf(ref) || e.forgotten || (o.namespace && e.object.metadata.namespace !== o.namespace) || !matchesFake(e.object, o)) continue
        yield { type: e.type, object: clone(e.object) }
        if (signal.aborted) return
      }
      await Promise.race([wait, aborted])
    }
  }
  let broken = 0

  const request = async <R>(hook: FakeHook | undefined, r: FakeRequest, apply: () => R): Promise<R> => {
    await hook?.(r, 'before')
    const result = apply()
    if (r.verb !== 'get' && r.verb !== 'list') requests.push(r)
    await hook?.(r, 'after')
    return result
  }
  const describe = (verb: FakeVerb, ref: ResourceRef, key: Partial<ObjectKey> = {}, body?: unknown, subresource?: string): FakeRequest => ({ verb, ref, namespace: key.namespace, name: key.name, subresource, body: clone(body) })

  return {
    client: (hook) => ({
      get: (ref, key, o) => request(hook, describe('get', ref, key, undefined, o?.subresource), () => (o?.subresource ? scaleOf(current(ref, key)) : clone(current(ref, key))) as never),
      list: (ref, o = {}) => request(hook, describe('list', ref), () => list(ref, o) as never),
      watch: (ref, o, signal) => watch(ref, o, signal) as never,
      create: (ref, object) => request(hook, describe('create', ref, object.metadata, object), () => create(ref, object) as never),
      update: (ref, object, o) => request(hook, describe('update', ref, object.metadata as ObjectKey, object, o?.subresource), () => update(ref, object, o?.subresource) as never),
      patch: (ref, key, type: PatchType, body, o) => request(hook, describe('patch', ref, key, body, o?.subresource), () => update(ref, applyFakePatch(clone(current(ref, key)), type, body), o?.subresource) as never),
      delete: (ref, key, o) => request(hook, describe('delete', ref, key, o), () => { remove(ref, key, o) }),
      post: (ref, key, subresource, body) => request(hook, describe('post', ref, key, body, subresource), () => post(ref, key, subresource, body) as never),
    }),
    get revision() { return revision },
    requests,
    forgetEvents: (ref, forget = true) => { if (forget) forgotten.add(resourceOf(ref)); else forgotten.delete(resourceOf(ref)) },
    compact() { compacted = revision; log = []; broken++; wake() },
    breakWatches() { broken++; wake() },
    injectConflicts: (ref, count) => { conflicts.set(resourceOf(ref), count) },
    remove(ref, key) {
      const object = clone(current(ref, key))
      table(ref).delete(path(key))
      record(ref, 'DELETED', object)
    },
    edit(ref, key, change) {
      const object = clone(current(ref, key)) as Json
      const spec = clone(object.spec)
      change(object)
      if (!same(spec, object.spec)) object.metadata.generation = (object.metadata.generation ?? 1) + 1
      return store(ref, object) as never
    },
    all: (ref, namespace) => [...table(ref).values()].filter((x) => namespace === undefined || x.metadata.namespace === namespace).map(clone) as never,
  }
}
