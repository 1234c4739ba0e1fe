/** Read, change, compare-and-swap: the one way an existing object is changed, used by update, patch, the subresources and graceful deletion. */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { badRequest, conflict, notFound } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { Entry, WriteResult } from '../../store/store.ts'
import type { AdmissionRequest } from '../admission/chain.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey } from '../keys.ts'
import type { FieldError } from '../resources/definition.ts'
import { admissionRequest } from './admission-request.ts'
import type { ApiContext, Target } from './context.ts'
import { named, strategyContext } from './context.ts'
import { goneWith } from './gone.ts'
import { keepTimes, own } from './ownership.ts'
import type { Written } from './stored-form.ts'
import { inStoredOrder, storedAs } from './stored-form.ts'
import { currentForm } from './versions.ts'

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

/** Unconditional writes meet at most their fellow writers; each loser has let another write through. */
const MAX_ATTEMPTS = 100

export interface Mutation {
  /**
   * Makes the wanted object from the stored one (frozen). Called again when another write came between. The result is the mutation's own.
   * A resourceVersion in it makes the write conditional.
   */
  change(old: Stored<KubeObject>): KubeObject | Promise<KubeObject>
  /** How often a lost race is tried again. */
  readonly attempts?: number
  /** The change was admitted in another form (a scale, a binding): the object is not admitted again. */
  readonly admitted?: true
  /** The change has set `managedFields` itself. */
  readonly owned?: true
}

export const durabilityOf = (target: Target) =>
  target.subresource === 'status' ? target.definition.statusDurability ?? 'lazy' : target.definition.durability

export const currentEntry = (ctx: ApiContext, target: Target): Entry | undefined => ctx.store.get(objectKey(target.definition, target.namespace, target.name))

/** Changes an existing object. NotFound, Conflict, Invalid, Forbidden as upstream. An update that changes nothing writes nothing and keeps its revision. */
export async function mutate(ctx: ApiContext, target: Target, mutation: Mutation): Promise<Written> {
  const attempts = mutation.attempts ?? MAX_ATTEMPTS
  let entry = currentEntry(ctx, target)
  for (let attempt = 1; ; attempt++) {
    if (!entry) throw notFound(named(target))
    const outcome = await attemptOnce(ctx, target, mutation, entry)
    if ('object' in outcome) return outcome
    if (attempt >= attempts) throw conflict(named(target), MODIFIED)
    entry = outcome.current
  }
}

async function attemptOnce(ctx: ApiContext, target: Target, mutation: Mutation, entry: Entry): Promise<Written | { current: Entry | undefined }> {
  const { definition } = target
  const old = definition.storage ? await currentForm(ctx, definition, entry) : ctx.objects.object(entry)
  const object = inStoredOrder(definition, await mutation.change(old))
  carryIdentity(target, object, old)
  const request = mutation.admitted ? undefined : admissionRequest(target, 'UPDATE', { object, old })
  let committed = false
  try {
    target.definition.strategy.default?.(object)
    if (!mutation.owned) await own(ctx, target, old, object)
    await judge(ctx, target, request, object, old)
    keepTimes(object, old)
    if (equalJson(object, old)) return { object: old, bytes: entry.value, created: false }
    if (target.dryRun) return { object: object as Stored<KubeObject>, created: false }
    const result = await write(ctx, target, object, entry)
    if (!result.ok) return { current: result.current }
    committed = true
    return { object: object as Stored<KubeObject>, bytes: result.entry.value, created: false }
  } finally {
    if (request?.settle.length) await ctx.admission.settle(request, committed)
  }
}

/** Name, uid and times belong to the server: they are carried over, or refused where the client insists on others. */
function carryIdentity(target: Target, object: KubeObject, old: Stored<KubeObject>): void {
  const meta = (object.metadata ??= {})
  const now = old.metadata
  if (meta.name && meta.name !== now.name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${now.name})`)
  if (target.definition.namespaced && meta.namespace && meta.namespace !== now.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (meta.uid && meta.uid !== now.uid) throw conflict(named(target), `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${now.uid}`)
  if (meta.resourceVersion && meta.resourceVersion !== '0' && meta.resourceVersion !== now.resourceVersion) throw conflict(named(target), MODIFIED)
  if (!meta.resourceVersion && target.definition.strategy.allowUnconditionalUpdate === false) {
    throw invalid(target.definition, target.name, [{ type: 'Invalid', field: 'metadata.resourceVersion', value: 0, detail: 'must be specified for an update' }])
  }
  const { deletionTimestamp, deletionGracePeriodSeconds, generation, namespace } = now
  Object.assign(meta, { name: now.name, uid: now.uid, creationTimestamp: now.creationTimestamp, resourceVersion: now.resourceVersion })
  for (const [key, value] of Object.entries({ deletionTimestamp, deletionGracePeriodSeconds, generation, namespace })) {
    if (value === undefined) delete (meta as Record<string, unknown>)[key]
    else Object.assign(meta, { [key]: value })
  }
}

function newFinalizers(object: KubeObject, old: KubeObject): FieldError[] {
  if (!old.metadata?.deletionTimestamp) return []
  const had = new Set(old.metadata.finalizers)
  const added = (object.metadata?.finalizers ?? []).filter((f) => !had.has(f))
  if (!added.length) return []
  const listed = added.map((f) => JSON.stringify(f)).join(', ')
  return [{ type: 'Forbidden', field: 'metadata.finalizers', detail: `no new finalizers can be added if the object is being deleted, found new finalizers []string{${listed}}` }]
}

async function judge(ctx: ApiContext, target: Target, request: AdmissionRequest | undefined, object: KubeObject, old: Stored<KubeObject>): Promise<void> {
  const { strategy } = target.definition
  const context = { ...strategyContext(ctx, target), updating: true } as const
  if (request) await ctx.admission.mutate(request)
  strategy.prepareForUpdate?.(object, old, context)
  const errors = [...newFinalizers(object, old), ...(strategy.validate?.(object, context) ?? []), ...(strategy.validateUpdate?.(object, old, context) ?? [])]
  if (errors.length) throw invalid(target.definition, target.name, errors)
  if (request) await ctx.admission.validate(request)
}

function write(ctx: ApiContext, target: Target, object: KubeObject, entry: Entry): Promise<WriteResult> {
  if (goneWith(object)) return ctx.store.write({ type: 'delete', key: entry.key, expect: entry.modRevision, durability: target.definition.durability })
  const { ttlSeconds } = target.definition
  return ctx.store.write({
    type: 'put', key: entry.key, expect: entry.modRevision, durability: durabilityOf(target), value: storedAs(ctx.objects, object),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  })
}
