/** One webhook and one request: does it match, what is it asked, what does it say. */
import type { MutatingWebhook, ValidatingWebhook } from '../../../../shared/api/admissionregistration-v1.ts'
import type { Namespace } from '../../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { apiVersionOf } from '../../../../shared/api/object.ts'
import { badRequest, forbidden, internal, isStatus, messageOf } from '../../../../shared/base/errors.ts'
import type { Log, Random } from '../../../../shared/base/host.ts'
import type { Authorizer } from '../../authz/authorizer.ts'
import type { Condition } from '../expressions/conditions.ts'
import type { Registry } from '../../resources/live-registry.ts'
import type { WebhookClient, WebhookTarget } from '../../webhook-client/client.ts'
import type { AdmissionRequest } from '../chain.ts'
import type { Seen } from '../match.ts'
import { matchesNamespace, matchesObject, matchRules } from '../match.ts'
import type { StoredObjects } from '../stored-objects.ts'
import { kindOf } from '../stored-objects.ts'
import type { Verdict, Versioned } from './review.ts'
import { readVerdict, reviewOf, reviewRequest, reviewVersion } from './review.ts'

export interface WebhookDeps {
  readonly webhooks: WebhookClient
  readonly stored: StoredObjects
  readonly registry: Registry
  readonly authorizer: Authorizer
  readonly random: Random
  readonly log: Log
}

export type Hook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>

const namespaces = kindOf<Namespace>('', 'namespaces', false)

/** A version's form of the request's objects; made once a version. */
export async function versioned(request: AdmissionRequest, { definition, kind }: Seen): Promise<Versioned> {
  const form = async (object: KubeObject | undefined): Promise<KubeObject | undefined> => {
    if (!object) return undefined
    const typed = { ...object, kind: object.kind ?? request.kind.kind, apiVersion: object.apiVersion ?? apiVersionOf(request.kind) }
    if (kind !== definition || !definition.storage || definition === request.definition) return typed
    return definition.storage.fromStorage({ ...typed, kind: request.definition.kind, apiVersion: apiVersionOf(request.definition) })
  }
  return { object: await form(request.object), old: await form(request.old) }
}

/** How the hook sees the request; undefined where it is not about it. Rejects where that cannot be found out and the hook must not be passed by. */
export async function matching(deps: WebhookDeps, hook: Hook, request: AdmissionRequest): Promise<Seen | undefined> {
  const seen = matchRules({ rules: hook.rules ?? [], matchPolicy: hook.matchPolicy ?? 'Equivalent' }, request, deps.registry)
  if (!seen) return undefined
  if (!matchesNamespace(hook.namespaceSelector, request, (name) => deps.stored.get(namespaces, '', name)?.metadata?.labels)) return undefined
  if (!matchesObject(hook.objectSelector, request)) return undefined
  return !hook.matchConditions?.length || await conditionsHold(deps, hook, request, seen) ? seen : undefined
}

const compiled = new WeakMap<Hook, readonly Condition[]>()

async function conditionsHold(deps: WebhookDeps, hook: Hook, request: AdmissionRequest, seen: Seen): Promise<boolean> {
  const { compileConditions, holds } = await import('../expressions/conditions.ts')
  const { bindingsOf, conditionVariables } = await import('../expressions/environment.ts')
  const { Budget } = await import('../../cel/compile.ts')
  let conditions = compiled.get(hook)
  if (!conditions) compiled.set(hook, conditions = compileConditions(hook.matchConditions, conditionVariables))
  const variables = bindingsOf(request, reviewRequest(request, seen, ''), await versioned(request, seen), deps.authorizer)
  // A quarter of what rules may cost: a request meets many hooks.
  const { matches, error } = holds(conditions, variables, conditionVariables, new Budget(2_500_000))
  if (error === undefined) return matches
  if (hook.failurePolicy === 'Ignore') {
    deps.log.warn('match conditions of a webhook failed; it is passed by', { webhook: hook.name, error })
    return false
  }
  throw forbidden({ group: request.asked.group, resource: request.asked.resource, name: request.name }, error)
}

/** Undefined: the call failed and the hook's policy is to go on. Rejects with 500 where it is not, and where a dry run would have effects. */
export async function ask(deps: WebhookDeps, hook: Hook, request: AdmissionRequest, seen: Seen, mutating: boolean): Promise<Verdict | undefined> {
  if (request.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun') throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`)
  const uid = deps.random.uuid()
  const seconds = hook.timeoutSeconds ?? 10
  try {
    const version = reviewVersion(hook.admissionReviewVersions)
    if (version === undefined) throw new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)')
    const body = reviewOf(version, reviewRequest(request, seen, uid), await versioned(request, seen))
    let answer: unknown
    try {
      answer = await deps.webhooks.call(hook.clientConfig as WebhookTarget, { body, timeoutMs: seconds * 1000, query: `timeout=${seconds}s` })
    } catch (e) {
      throw new Error(`failed to call webhook: ${messageOf(e)}`, { cause: e })
    }
    try {
      return readVerdict(answer, { version, uid, mutating })
    } catch (e) {
      throw new Error(`received invalid webhook response: ${messageOf(e)}`, { cause: e })
    }
  } catch (e) {
    if (isStatus(e)) throw e
    const why = `failed calling webhook ${JSON.stringify(hook.name)}: ${messageOf(e)}`
    if (hook.failurePolicy !== 'Ignore') throw internal(why, e)
    deps.log.warn('a webhook failed and is passed by', { webhook: hook.name, error: why })
    return undefined
  }
}

/** What the client and the audit log are told, whatever was decided. */
export function note(request: AdmissionRequest, hook: Hook, verdict: Verdict): void {
  for (const text of verdict.warnings) request.warn(text)
  for (const [key, value] of Object.entries(verdict.auditAnnotations)) request.annotate(`${hook.name}/${key}`, value)
}
