/** The API client without socket and encoding: the same authorization, admission, strategies and store as a request over HTTPS. Objects are shared and frozen. */
import type { KubeList, KubeObject, ResourceRef, Stored } from '../../shared/api/object.ts'
import { apiVersionOf } from '../../shared/api/object.ts'
import type { Scale } from '../../shared/api/autoscaling-v1.ts'
import { internal, StatusError } from '../../shared/base/errors.ts'
import type { ApiClient, DeleteOptions, ListOptions, ObjectKey, PatchType, WatchEvent, WatchOptions, WriteOptions } from '../../shared/client/api-client.ts'
import { freezeJson } from '../../shared/values/json-value.ts'
import { StoreFailedError } from '../store/store.ts'
import type { User } from './authn/user.ts'
import type { Authorizer } from './authz/authorizer.ts'
import { authorize } from './authz/authorizer.ts'
import type { ResourceDeps } from './resource-requests.ts'
import { noSuchResource } from './resource-requests.ts'
import { decodeObject } from './schema/decode.ts'
import { postSubresources, postTo } from './subresources/post.ts'
import { patchScale, readScale, scaleKind, updateScale } from './subresources/scale.ts'
import { isView, updateView } from './subresources/views.ts'
import type { Target } from './verbs/context.ts'
import { create } from './verbs/create.ts'
import { remove } from './verbs/delete.ts'
import { list } from './verbs/list.ts'
import { patchType } from './verbs/patch-document.ts'
import type { PatchRequest } from './verbs/patch.ts'
import { patch } from './verbs/patch.ts'
import { readObject } from './verbs/read.ts'
import { update } from './verbs/update.ts'
import { allInVersion, askedOf, endOf, inVersion, toStored, versionsOf } from './verbs/versions.ts'
import { openWatch } from './watch/source.ts'
import { inVersionAsked } from './watch/versioned-source.ts'

export interface InProcessDeps extends ResourceDeps { readonly authorizer: Authorizer; readonly stopping: AbortSignal }

interface Where { namespace?: string | undefined; name?: string; subresource?: string; dryRun?: boolean | undefined; fieldManager?: string | undefined }

/** `kube-scheduler` of `system:kube-scheduler`: components are known by their names where they write. */
const componentName = ({ name }: User): string => name.slice(name.lastIndexOf(':') + 1)

/**
 * Without `managedFields`, which controllers do not read and an informer would hold for every object: often a third of it. An update without
 * them leaves them as they are.
 */
function lean(object: KubeObject): KubeObject {
  if (!object.metadata?.managedFields) return object
  const { managedFields: _owners, ...metadata } = object.metadata
  return Object.freeze({ ...object, metadata: Object.freeze(metadata) })
}

/** What a request over HTTPS would be answered. */
function translated(e: unknown): unknown {
  if (e instanceof StatusError || (e as Error).name === 'AbortError') return e
  return e instanceof StoreFailedError ? new StatusError('ServiceUnavailable', `the store failed: ${e.message}`) : internal((e as Error).message, e)
}

export class InProcessClient implements ApiClient {
  readonly #deps: InProcessDeps
  readonly #user: User

  constructor(deps: InProcessDeps, user: User) {
    this.#deps = deps
    this.#user = user
  }

  async #do<R>(act: () => R | Promise<R>): Promise<R> {
    if (this.#deps.stopping.aborted) throw new StatusError('ServiceUnavailable', 'the API server is stopped')
    try {
      return await act()
    } catch (e) {
      throw translated(e)
    }
  }

  #target(verb: string, ref: ResourceRef, where: Where): Target {
    const { registry, authorizer } = this.#deps
    const definition = registry.find(ref.group, ref.version, ref.resource)
    if (!definition) throw noSuchResource()
    const target: Target = {
      ...versionsOf(definition), namespace: definition.namespaced ? where.namespace ?? '' : '', name: where.name ?? '', subresource: where.subresource ?? '', user: this.#user, dryRun: where.dryRun ?? false,
      manager: where.fieldManager ?? componentName(this.#user),
    }
    const asked = { ...target, user: this.#user, verb, isResourceRequest: true, group: ref.group, resource: ref.resource, path: '' }
    authorize(authorizer, asked)
    return target
  }

  get<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, { subresource = '' }: { readonly subresource?: 'scale' | '' } = {}): Promise<Stored<T>> {
    return this.#do(async () => {
      const target = this.#target('get', ref, { ...key, subresource })
      if (subresource) {
        const mapping = askedOf(target).subresources.scale
        if (!mapping) throw noSuchResource()
        return freezeJson(await readScale(this.#deps.ctx, target, mapping)) as unknown as Stored<T>
      }
      return inVersion(askedOf(target), readObject(this.#deps.ctx, target)) as Stored<T> | Promise<Stored<T>>
    })
  }

  list<T extends KubeObject>(ref: ResourceRef<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    return this.#do(async () => {
      const { ctx } = this.#deps
      const target = this.#target('list', ref, options)
      const { entries, meta } = list(ctx, target, options)
      const items = await allInVersion(askedOf(target), entries.map((entry) => ctx.objects.object(entry)))
      return { kind: target.definition.listKind, apiVersion: apiVersionOf(ref), metadata: meta, items: items.map(lean) as Stored<T>[] }
    })
  }

  async *watch<T extends KubeObject>(ref: ResourceRef<T>, options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    const { ctx, stopping } = this.#deps
    let served: readonly AbortSignal[] = []
    const source = await this.#do(() => {
      const target = this.#target('watch', ref, options)
      served = endOf(askedOf(target))
      return inVersionAsked(askedOf(target), ctx.objects, openWatch(ctx, target, options))
    })
    const ended = AbortSignal.any([signal, stopping, ...served])
    try {
      for (const { type, entry } of source.initial) yield { type, object: lean(ctx.objects.object(entry)) as Stored<T> }
      for (;;) {
        for (const { type, entry, at } of await source.next(ended)) {
          yield { type, object: lean(at === undefined ? ctx.objects.object(entry) : ctx.objects.objectAt(entry, at)) as Stored<T> }
        }
      }
    } catch (e) {
      // Aborted by the caller, or the store closed: either way the watch is over.
      if (!ended.aborted && (e as Error).name !== 'AbortError') throw translated(e)
    } finally {
      source.close()
    }
  }

  create<T extends KubeObject>(ref: ResourceRef<T>, object: T & { metadata: { namespace?: string } }, options: WriteOptions = {}): Promise<Stored<T>> {
    return this.#do(async () => {
      const target = this.#target('create', ref, { namespace: object.metadata.namespace, dryRun: options.dryRun, fieldManager: options.fieldManager })
      const written = await create(this.#deps.ctx, target, await toStored(target, decodeObject(askedOf(target), object, 'json', 'Strict').object))
      return freezeJson(await inVersion(askedOf(target), written.object)) as Stored<T>
    })
  }

  update<T extends KubeObject>(ref: ResourceRef<T>, object: T, options: WriteOptions & { subresource?: string } = {}): Promise<Stored<T>> {
    return this.#do(async () => {
      const { ctx } = this.#deps
      const { subresource = '' } = options
      const target = this.#target('update', ref, { namespace: object.metadata?.namespace, name: object.metadata?.name ?? '', subresource, dryRun: options.dryRun, fieldManager: options.fieldManager })
      const mapping = askedOf(target).subresources.scale
      if (subresource === 'scale' && mapping) {
        const scale = decodeObject<Scale>(scaleKind, object, 'json', 'Strict').object
        return freezeJson(await updateScale(ctx, target, mapping, () => scale)) as unknown as Stored<T>
      }
      const decoded = await toStored(target, decodeObject(askedOf(target), object, 'json', 'Strict').object)
      if (subresource && !isView(askedOf(target), subresource)) throw noSuchResource()
      const written = await (subresource ? updateView : update)(ctx, target, decoded)
      return freezeJson(await inVersion(askedOf(target), written.object)) as Stored<T>
    })
  }

  patch<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, type: PatchType, body: unknown, options: WriteOptions & { subresource?: string } = {}): Promise<Stored<T>> {
    return this.#do(async () => {
      const { ctx } = this.#deps
      const { subresource = '' } = options
      const target = this.#target('patch', ref, { ...key, subresource, dryRun: options.dryRun, fieldManager: options.fieldManager })
      const mapping = askedOf(target).subresources.scale
      const mayCreate = (): void => { this.#target('create', ref, { ...key, subresource }) }
      const request: PatchRequest = { type: patchType(type, askedOf(target)), patch: { value: body, complaints: [] }, fieldValidation: 'Strict', force: options.force ?? false, warn: () => undefined, mayCreate }
      if (subresource === 'scale' && mapping) return freezeJson(await patchScale(ctx, target, mapping, request)) as unknown as Stored<T>
      if (subresource && (!isView(askedOf(target), subresource) || subresource === 'finalize')) throw noSuchResource()
      const written = await patch(ctx, target, request)
      return freezeJson(await inVersion(askedOf(target), written.object)) as Stored<T>
    })
  }

  delete<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    return this.#do(async () => { await remove(this.#deps.ctx, this.#target('delete', ref, key), options) })
  }

  post<T extends KubeObject, R = KubeObject>(ref: ResourceRef<T>, key: ObjectKey, subresource: string, body: unknown): Promise<R> {
    return this.#do(() => {
      const target = this.#target('create', ref, { ...key, subresource })
      const handler = postSubresources[`${ref.group}/${ref.resource}/${subresource}`]
      if (!handler) throw noSuchResource()
      return postTo(this.#deps.ctx, target, handler, body, 'Strict') as Promise<R>
    })
  }
}
