import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import type { Reason } from '../../../shared/base/errors.ts'
import { alreadyExists, badRequest, StatusError } from '../../../shared/base/errors.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey } from '../keys.ts'
import type { FieldError } from '../resources/definition.ts'
import { admissionRequest } from './admission-request.ts'
import type { ApiContext, Target } from './context.ts'
import { named, strategyContext, timestamp } from './context.ts'
import { own } from './ownership.ts'
import { randomSuffix } from './random-suffix.ts'
import type { Written } from './stored-form.ts'
import { inStoredOrder, storedAs } from './stored-form.ts'

/** 63 less the suffix: the generated name stays a DNS label. */
const MAX_PREFIX = 58
/** `RetryGenerateName`: 27^5 suffixes, so eight tries fail for nobody but the unluckiest. */
const GENERATE_ATTEMPTS = 8

/** Refuses an object whose namespace is not the request's, and fills it in. The object is changed. */
export function settleNamespace(target: Target, object: KubeObject): void {
  const meta = (object.metadata ??= {})
  if (!target.definition.namespaced) {
    if (meta.namespace) throw badRequest(`namespace is not allowed on this type: ${target.definition.kind} is cluster-scoped`)
    delete meta.namespace
  } else if (!meta.namespace) meta.namespace = target.namespace
  else if (meta.namespace !== target.namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
}

function nameErrors(target: Target, object: KubeObject): FieldError[] {
  const { validateName } = target.definition.strategy
  const { name, generateName } = object.metadata ?? {}
  if (!name && !generateName) return [{ type: 'Required', field: 'metadata.name', detail: 'name or generateName is required' }]
  const field = name ? 'metadata.name' : 'metadata.generateName'
  const value = name || generateName || ''
  return (validateName?.(value, !name) ?? []).map((detail) => ({ type: 'Invalid', field, value, detail }))
}

/** Identity the server gives: what a client sent in these fields does not count. */
function giveIdentity(ctx: ApiContext, object: KubeObject): void {
  const meta = (object.metadata ??= {})
  delete meta.deletionTimestamp
  delete meta.deletionGracePeriodSeconds
  delete meta.selfLink
  meta.uid = ctx.host.random.uuid()
  meta.creationTimestamp = timestamp(ctx.host.clock.now())
}

export interface CreateOptions {
  /** `managedFields` of the object are as they are to be stored. */
  readonly owned?: true
}

/**
 * Creates `object`, which becomes the verb's own. Order: defaults, mutating admission, strategy, validation, validating admission, store.
 * Rejects with AlreadyExists, Invalid, Forbidden, or NotFound (of the namespace).
 */
export async function create(ctx: ApiContext, target: Target, object: KubeObject, options: CreateOptions = {}): Promise<Written> {
  settleNamespace(target, object)
  const meta = object.metadata ?? {}
  if (target.name && meta.name && meta.name !== target.name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${target.name})`)
  if (meta.resourceVersion) {
    if (meta.resourceVersion !== '0') throw badRequest('resourceVersion should not be set on objects to be created')
    delete meta.resourceVersion
  }
  if (meta.name || !meta.generateName) return createNamed(ctx, target, object, options)
  for (let attempt = 1; ; attempt++) {
    const copy = copyJson(object)
    copy.metadata = { ...copy.metadata, name: meta.generateName.slice(0, MAX_PREFIX) + randomSuffix(ctx.host.random) }
    try {
      return await createNamed(ctx, target, copy, options)
    } catch (e) {
      if (!(e instanceof StatusError) || e.reason !== ('AlreadyExists' satisfies Reason) || attempt === GENERATE_ATTEMPTS) throw e
    }
  }
}

async function createNamed(ctx: ApiContext, target: Target, object: KubeObject, { owned }: CreateOptions): Promise<Written> {
  const { definition } = target
  const { strategy } = definition
  const context = strategyContext(ctx, target)
  strategy.default?.(object)
  if (!owned) await own(ctx, target, undefined, object)
  const request = admissionRequest(target, 'CREATE', { object, name: object.metadata?.name ?? '' })
  let committed = false
  try {
    await ctx.admission.mutate(request)
    giveIdentity(ctx, object)
    strategy.prepareForCreate?.(object, context)
    // A kind's own rules mostly judge the name too: it is not told twice what is wrong with it.
    const found = strategy.validate?.(object, context) ?? []
    const errors = found.length ? found : nameErrors(target, object)
    if (errors.length) throw invalid(definition, object.metadata?.name ?? '', errors)
    await ctx.admission.validate(request)
    const written = await store(ctx, target, inStoredOrder(definition, object))
    committed = !target.dryRun
    return written
  } finally {
    if (request.settle.length) await ctx.admission.settle(request, committed)
  }
}

async function store(ctx: ApiContext, target: Target, object: KubeObject): Promise<Written> {
  const { definition } = target
  const name = object.metadata?.name ?? ''
  const key = objectKey(definition, target.namespace, name)
  if (target.dryRun) {
    if (ctx.store.get(key)) throw alreadyExists(named(target, name))
    return { object: object as Stored<KubeObject>, created: true }
  }
  const result = await ctx.store.write({
    type: 'put', key, expect: 0, durability: definition.durability, value: storedAs(ctx.objects, object),
    ...(definition.ttlSeconds === undefined ? {} : { ttlSeconds: definition.ttlSeconds }),
  })
  if (!result.ok) {
    const exists = alreadyExists(named(target, name))
    const going = result.current && ctx.objects.object(result.current).metadata.deletionTimestamp
    throw going ? new StatusError('AlreadyExists', `object is being deleted: ${exists.message}`, { ...(exists.details ? { details: exists.details } : {}) }) : exists
  }
  return { object: object as Stored<KubeObject>, bytes: result.entry.value, created: true }
}
