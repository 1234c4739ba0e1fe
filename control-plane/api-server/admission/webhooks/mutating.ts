/**
 * Mutating webhooks are called one after the other in order of name, each with what those before it made of the object. Where one changed the
 * object, the built-in plugins look at it again, and so do, once, the webhooks that asked for it (`plugin/webhook/mutating`, `admission/plugin/webhook/mutating/reinvocationcontext.go`).
 */
import type { MutatingWebhookConfiguration } from '../../../../shared/api/admissionregistration-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { apiVersionOf } from '../../../../shared/api/object.ts'
import { internal, isStatus, messageOf } from '../../../../shared/base/errors.ts'
import { copyJson, equalJson } from '../../../../shared/values/json-value.ts'
import { applyJsonPatch } from '../../patch/json-patch.ts'
import { decodeObject } from '../../schema/decode.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'
import type { Seen } from '../match.ts'
import type { Hook, WebhookDeps } from './calls.ts'
import { ask, matching, note, versioned } from './calls.ts'
import { denial } from './review.ts'

/** The request's object takes over what is in `next`. */
function replaceContent(object: KubeObject, next: KubeObject): void {
  for (const key of Object.keys(object)) if (!(key in next)) delete (object as Record<string, unknown>)[key]
  Object.assign(object, next)
}

/** What the webhook made of the object in its version, checked, with defaults, in the stored form. */
async function patched(hook: Hook, request: AdmissionRequest, seen: Seen, patch: unknown): Promise<KubeObject> {
  const { object } = await versioned(request, seen)
  if (!object) throw internal(`admission webhook ${JSON.stringify(hook.name)} attempted to modify the object, which is not supported for this operation`)
  try {
    const raw = applyJsonPatch(copyJson(object), patch)
    if (seen.kind !== seen.definition) return raw as KubeObject
    const { definition } = seen
    const next = decodeObject(definition, raw, 'json', 'Ignore').object
    definition.strategy.default?.(next)
    if (definition === request.definition || !definition.storage) return next
    const stored = await definition.storage.toStorage(next)
    Object.assign(stored, { kind: request.definition.kind, apiVersion: apiVersionOf(request.definition) })
    request.definition.strategy.default?.(stored)
    return stored
  } catch (e) {
    if (isStatus(e) && e.reason === 'InternalError') throw e
    throw internal(messageOf(e), e)
  }
}

interface Invocation { readonly configuration: string; readonly hook: Hook; readonly round: 0 | 1; readonly index: number }

/** True where the object is another than before. */
async function invoke(deps: WebhookDeps, request: AdmissionRequest, { configuration, hook, round, index }: Invocation, seen: Seen): Promise<boolean> {
  const verdict = await ask(deps, hook, request, seen, true)
  if (!verdict) return false
  note(request, hook, verdict)
  if (!verdict.allowed) throw denial(hook.name, verdict.result)
  const { object } = request
  let changed = false
  if (Array.isArray(verdict.patch) && verdict.patch.length) {
    const next = await patched(hook, request, seen, verdict.patch)
    changed = object !== undefined && !equalJson(object, next)
    if (object && changed) replaceContent(object, next)
  }
  request.annotate(`mutation.webhook.admission.k8s.io/round_${round}_index_${index}`, JSON.stringify({ configuration, webhook: hook.name, mutated: changed }))
  return changed
}

/** `again`: the built-in plugins that ran before. */
export async function callMutating(deps: WebhookDeps, configurations: readonly MutatingWebhookConfiguration[], request: AdmissionRequest, again: readonly AdmissionPlugin[]): Promise<void> {
  const hooks = configurations.flatMap((c) => (c.webhooks ?? []).map((hook, index) => ({ configuration: c.metadata?.name ?? '', hook: hook as Hook, index })))
  const repeated = new Set<Hook>()
  const called: Hook[] = []
  let changed = false
  const pass = async (round: 0 | 1): Promise<void> => {
    for (const { configuration, hook, index } of hooks) {
      if (round === 1 && !repeated.has(hook)) continue
      const seen = await matching(deps, hook, request)
      if (!seen) continue
      const mutated = await invoke(deps, request, { configuration, hook, round, index }, seen)
      if (mutated) {
        changed = true
        for (const other of called) if (other !== hook) repeated.add(other)
      }
      if (hook.reinvocationPolicy === 'IfNeeded') called.push(hook)
    }
  }
  await pass(0)
  if (!changed) return
  const before = request.object && copyJson(request.object)
  for (const plugin of again) await plugin.mutate?.(request)
  // What the built-in plugins changed, every webhook that cares is to see.
  if (before && !equalJson(before, request.object)) for (const hook of called) repeated.add(hook)
  if (repeated.size) await pass(1)
}
