/** Deletion: preconditions, grace, finalizers and propagation, as `k8s.io/apiserver/pkg/registry/generic/registry.Store.Delete`. */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { conflict, notFound } from '../../../shared/base/errors.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import type { Entry } from '../../store/store.ts'
import { invalid } from '../encode/validation-status.ts'
import { admissionRequest } from './admission-request.ts'
import type { ApiContext, Target } from './context.ts'
import { named, strategyContext, timestamp } from './context.ts'
import { goneWith } from './gone.ts'
import { currentEntry } from './mutate.ts'
import { storedAs } from './stored-form.ts'
import { currentForm } from './versions.ts'

export type Propagation = 'Orphan' | 'Background' | 'Foreground'

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: Propagation
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  /** The deletion was admitted in another form (an eviction): it is not admitted again. */
  readonly admitted?: true
}

/** `gone`: the object does not exist any more; otherwise it is waiting for its grace period or its finalizers. */
export interface Deleted { readonly gone: boolean; readonly object: Stored<KubeObject> }

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

export async function remove(ctx: ApiContext, target: Target, request: DeleteRequest): Promise<Deleted> {
  checkRequest(target, request)
  let entry = currentEntry(ctx, target)
  for (;;) {
    if (!entry) throw notFound(named(target))
    const old = await currentForm(ctx, target.definition, entry)
    checkPreconditions(target, request, old)
    const admission = admissionRequest({ ...target, subresource: '' }, 'DELETE', { old, options: optionsOf(request) })
    let committed = false
    try {
      if (!request.admitted) {
        await ctx.admission.mutate(admission)
        await ctx.admission.validate(admission)
      }
      const outcome = await step(ctx, target, entry, marked(ctx, target, request, old))
      if ('object' in outcome) {
        committed = outcome.gone && !target.dryRun
        return outcome
      }
      entry = outcome.current
    } finally {
      if (admission.settle.length) await ctx.admission.settle(admission, committed)
    }
  }
}

const optionsOf = ({ gracePeriodSeconds, propagationPolicy, preconditions }: DeleteRequest): Record<string, unknown> => ({
  ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }), ...(preconditions ? { preconditions } : {}), ...(propagationPolicy ? { propagationPolicy } : {}),
})

function checkRequest(target: Target, request: DeleteRequest): void {
  const { gracePeriodSeconds: grace, propagationPolicy: policy } = request
  const options = { group: 'meta.k8s.io', kind: 'DeleteOptions' }
  if (grace !== undefined && (!Number.isInteger(grace) || grace < 0)) {
    throw invalid(options, target.name, [{ type: 'Invalid', field: 'gracePeriodSeconds', value: grace, detail: 'must be greater than or equal to 0' }])
  }
  if (policy !== undefined && policy !== 'Orphan' && policy !== 'Background' && policy !== 'Foreground') {
    throw invalid(options, target.name, [{ type: 'NotSupported', field: 'propagationPolicy', value: policy, detail: '', supported: ['Foreground', 'Background', 'Orphan', 'nil'] }])
  }
}

function checkPreconditions(target: Target, { preconditions }: DeleteRequest, old: Stored<KubeObject>): void {
  const { uid, resourceVersion } = preconditions ?? {}
  if (uid && uid !== old.metadata.uid) throw conflict(named(target), `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(named(target), `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${old.metadata.resourceVersion}`)
  }
}

/** Kinds whose dependents stay where a deletion does not say otherwise, as they did before there was garbage collection. */
const orphaning = new Set(['/replicationcontrollers', 'batch/jobs'])
const jobWarning = 'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning'

/** Finalizers as the propagation policy wants them; without a policy those there stay. */
function finalizersFor(target: Target, policy: Propagation | undefined, had: readonly string[]): string[] {
  const kind = `${target.definition.group}/${target.definition.resource}`
  if (!policy && kind === 'batch/jobs') target.request?.warn(jobWarning)
  const wanted = policy ?? (had.includes(ORPHAN) ? 'Orphan' : had.includes(FOREGROUND) ? 'Foreground' : orphaning.has(kind) ? 'Orphan' : 'Background')
  const mine = wanted === 'Orphan' ? ORPHAN : wanted === 'Foreground' ? FOREGROUND : undefined
  const kept = had.filter((f) => (f !== ORPHAN && f !== FOREGROUND) || f === mine)
  return mine && !kept.includes(mine) ? [...kept, mine] : kept
}

/** A copy of the object with the marks of its deletion. Without finalizers and grace {@link goneWith} holds for it. */
function marked(ctx: ApiContext, target: Target, request: DeleteRequest, old: Stored<KubeObject>): KubeObject {
  const object = copyJson(old) as KubeObject
  const meta = (object.metadata ??= {})
  const finalizers = finalizersFor(target, request.propagationPolicy, meta.finalizers ?? [])
  if (finalizers.length) meta.finalizers = finalizers
  else delete meta.finalizers
  const now = ctx.host.clock.now()
  const grace = target.definition.strategy.gracePeriod?.(old, request.gracePeriodSeconds)
  if (!meta.deletionTimestamp) {
    meta.deletionTimestamp = timestamp(now + (grace ?? 0) * 1000)
    meta.deletionGracePeriodSeconds = grace ?? 0
    if (meta.generation) meta.generation++
    target.definition.strategy.prepareForDelete?.(object, strategyContext(ctx, target))
  } else if (grace !== undefined && meta.deletionGracePeriodSeconds && grace < meta.deletionGracePeriodSeconds) {
    // A second, more impatient request shortens the grace period, counted from the first one's start.
    const began = Date.parse(meta.deletionTimestamp) - meta.deletionGracePeriodSeconds * 1000
    meta.deletionTimestamp = timestamp(grace === 0 ? now : began + grace * 1000)
    meta.deletionGracePeriodSeconds = grace
  }
  if (object.kind === 'Namespace') {
    const namespace = object as { status?: { phase?: string } }
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  }
  return object
}

async function step(ctx: ApiContext, target: Target, entry: Entry, object: KubeObject): Promise<Deleted | { current: Entry | undefined }> {
  const { durability } = target.definition
  const old = await currentForm(ctx, target.definition, entry)
  if (goneWith(object)) {
    if (target.dryRun) return { gone: true, object: old }
    const result = await ctx.store.write({ type: 'delete', key: entry.key, expect: entry.modRevision, durability })
    return result.ok ? { gone: true, object: ctx.objects.objectAt(result.entry, result.revision) } : { current: result.current }
  }
  if (equalJson(object, old) || target.dryRun) return { gone: false, object: object as Stored<KubeObject> }
  const { ttlSeconds } = target.definition
  const result = await ctx.store.write({
    type: 'put', key: entry.key, expect: entry.modRevision, durability, value: storedAs(ctx.objects, object), ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  })
  return result.ok ? { gone: false, object: object as Stored<KubeObject> } : { current: result.current }
}
