/** Subresources that are acts: what is posted to them changes the parent or makes something of it. */
import type { TokenRequest } from '../../../shared/api/authentication-v1.ts'
import type { Binding, Pod } from '../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { badRequest, conflict } from '../../../shared/base/errors.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { invalid } from '../encode/validation-status.ts'
import type { Decodable, FieldValidation } from '../schema/decode.ts'
import { decodeObject } from '../schema/decode.ts'
import { success } from '../server-response.ts'
import { admissionRequest } from '../verbs/admission-request.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { named, timestamp } from '../verbs/context.ts'
import { mutate } from '../verbs/mutate.ts'
import { evict } from './eviction.ts'
import { requestToken } from './token-request.ts'

export interface PostSubresource {
  /** What the body must be. */
  readonly body: Decodable
  /** The answer; upstream answers all of these with 201. */
  post(ctx: ApiContext, target: Target, body: unknown): Promise<object>
}

/** The scheduler's act: gives a pod its node, once. */
async function bind(ctx: ApiContext, target: Target, body: Binding): Promise<object> {
  const { target: to = {}, metadata }: Partial<Binding> = body
  if (to.kind && to.kind !== 'Node' && to.kind !== 'Minion') {
    throw invalid({ group: '', kind: 'Binding' }, target.name, [{ type: 'NotSupported', field: 'target.kind', value: to.kind, detail: '', supported: ['Node', '<empty>'] }])
  }
  if (!to.name) throw invalid({ group: '', kind: 'Binding' }, target.name, [{ type: 'Required', field: 'target.name', detail: '' }])
  if (metadata?.name && metadata.name !== target.name) throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`)
  await mutate(ctx, { ...target, subresource: 'binding' }, {
    admitted: true,
    change(old) {
      const pod = copyJson(old) as Pod
      const spec = pod.spec
      if (!spec) throw badRequest(`pod ${target.name} has no spec`)
      if (metadata?.uid && metadata.uid !== old.metadata.uid) throw conflict(named(target), `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid}`)
      if (old.metadata.deletionTimestamp) throw conflict({ group: '', resource: 'pods/binding', name: target.name }, `pod ${target.name} is being deleted, cannot be assigned to a host`)
      if (spec.nodeName) throw conflict({ group: '', resource: 'pods/binding', name: target.name }, `pod ${target.name} is already assigned to node ${JSON.stringify(spec.nodeName)}`)
      spec.nodeName = to.name ?? ''
      if (metadata?.annotations) (pod.metadata ??= {}).annotations = { ...pod.metadata?.annotations, ...metadata.annotations }
      const conditions = (pod.status ??= {}).conditions ?? []
      pod.status.conditions = [
        ...conditions.filter((c) => c.type !== 'PodScheduled'), { type: 'PodScheduled', status: 'True', lastProbeTime: null as never, lastTransitionTime: timestamp(ctx.host.clock.now()) },
      ]
      return pod
    },
  })
  return success(201)
}

/** By `group/resource/subresource`. */
export const postSubresources: Readonly<Record<string, PostSubresource>> = {
  '/pods/binding': { body: { group: '', version: 'v1', kind: 'Binding', schema: 'core-v1.Binding' }, post: (ctx, target, body) => bind(ctx, target, body as Binding) },
  '/pods/eviction': { body: { group: 'policy', version: 'v1', kind: 'Eviction', schema: 'policy-v1.Eviction' }, post: (ctx, target, body) => evict(ctx, target, body as object) },
  '/serviceaccounts/token': {
    body: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', schema: 'authentication-v1.TokenRequest' },
    post: (ctx, target, body) => requestToken(ctx, target, body as TokenRequest),
  },
}

/** Admits what was posted and performs it: the parent is not admitted again. */
export function perform(ctx: ApiContext, target: Target, handler: PostSubresource, body: KubeObject): Promise<object> {
  return ctx.admission.around(admissionRequest(target, 'CREATE', { object: body, kind: handler.body }), () => handler.post(ctx, target, body))
}

/** Decodes and performs; MethodNotAllowed's sibling for an unknown subresource is the caller's 404. */
export function postTo(ctx: ApiContext, target: Target, handler: PostSubresource, body: unknown, fieldValidation: FieldValidation): Promise<object> {
  return perform(ctx, target, handler, decodeObject(handler.body, body, 'json', fieldValidation).object)
}
