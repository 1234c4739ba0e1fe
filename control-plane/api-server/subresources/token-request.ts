/** `serviceaccounts/token`: a token for an account, bound to its audiences, its time and, if asked, to an object (`pkg/registry/core/serviceaccount/storage/token.go`). */
import type { BoundObjectReference, TokenRequest } from '../../../shared/api/authentication-v1.ts'
import type { Pod, ServiceAccount } from '../../../shared/api/core-v1.ts'
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { badRequest, conflict, notFound, StatusError } from '../../../shared/base/errors.ts'
import type { TokenRequested } from '../authn/service-account.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey } from '../keys.ts'
import type { FieldError } from '../resources/definition.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { timestamp } from '../verbs/context.ts'
import { readObject } from '../verbs/read.ts'

const HOUR = 3600
/** What the volume admission gives a pod asks for. A pod whose node is cut off cannot renew it: the token stays good for a year, and for as long as the pod is. */
const POD_TOKEN_SECONDS = 3607
const EXTENDED_SECONDS = 365 * 24 * HOUR

export async function requestToken(ctx: ApiContext, target: Target, body: TokenRequest): Promise<object> {
  const { issuer } = ctx
  if (!issuer) throw new StatusError('NotFound', 'this server issues no tokens')
  const findings = validate(target, body)
  if (findings.length) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, target.name, findings)
  const account = readObject(ctx, target) as Stored<ServiceAccount>
  const { audiences = [], expirationSeconds = HOUR, boundObjectRef } = body.spec ?? {}
  const bound = boundObjectRef ? boundTo(ctx, target, boundObjectRef) : {}
  const forUs = !audiences.length || (audiences.length === 1 && audiences[0] === issuer.issuer)
  const extend = bound.pod !== undefined && expirationSeconds === POD_TOKEN_SECONDS && forUs
  const issued = await issuer.issue({
    namespace: target.namespace, serviceAccount: { name: target.name, uid: account.metadata.uid }, audiences, ...bound,
    ...(extend ? { expirationSeconds: EXTENDED_SECONDS, warnAfterSeconds: expirationSeconds } : { expirationSeconds }),
  })
  return {
    kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name: target.name, namespace: target.namespace, creationTimestamp: timestamp(ctx.host.clock.now()) },
    spec: { audiences: issued.audiences, expirationSeconds, ...(boundObjectRef ? { boundObjectRef } : {}) }, status: { token: issued.token, expirationTimestamp: issued.expirationTimestamp },
  }
}

function validate(target: Target, { metadata, spec }: TokenRequest): FieldError[] {
  const { expirationSeconds = HOUR } = spec ?? {}
  const found: FieldError[] = []
  const refuse = (field: string, value: unknown, detail: string): void => { found.push({ type: 'Invalid', field, value, detail }) }
  if (metadata?.name && metadata.name !== target.name) refuse('metadata.name', metadata.name, 'must match the service account name if specified')
  if (metadata?.namespace && metadata.namespace !== target.namespace) refuse('metadata.namespace', metadata.namespace, 'must match the service account namespace if specified')
  if (expirationSeconds < 600) refuse('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 10 minutes')
  if (expirationSeconds > 2 ** 32) refuse('spec.expirationSeconds', expirationSeconds, 'may not specify a duration larger than 2^32 seconds')
  return found
}

type BoundPart = Pick<TokenRequested, 'pod' | 'secret' | 'node'>

const resources: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }

function boundTo(ctx: ApiContext, target: Target, ref: BoundObjectReference): BoundPart {
  const { apiVersion = '', kind = '', name = '' } = ref
  const resource = resources[kind]
  if (resource === undefined || apiVersion.includes('/')) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`)
  }
  const object = find(ctx, resource, kind === 'Node' ? '' : target.namespace, name)
  if (!object) throw notFound({ group: '', resource, name })
  const { uid } = object.metadata
  const node = kind === 'Pod' ? nodeOf(ctx, target, object) : {}
  if (ref.uid && ref.uid !== uid) {
    throw conflict({ group: '', resource: kind, name }, `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`)
  }
  return { [kind.toLowerCase()]: { name, uid }, ...node }
}

/** The node a pod runs on goes into its token; a pod that runs as somebody else gets none. */
function nodeOf(ctx: ApiContext, target: Target, { spec }: Pod): Pick<BoundPart, 'node'> {
  if ((spec?.serviceAccountName || 'default') !== target.name) {
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(target.name)} to pod running with different serviceaccount name.`)
  }
  if (!spec?.nodeName) return {}
  const uid = find(ctx, 'nodes', '', spec.nodeName)?.metadata.uid
  return { node: { name: spec.nodeName, ...(uid ? { uid } : {}) } }
}

function find(ctx: ApiContext, resource: string, namespace: string, name: string): Stored<KubeObject & Pod> | undefined {
  const entry = ctx.store.get(objectKey({ group: '', resource, namespaced: namespace !== '' }, namespace, name))
  return entry && ctx.objects.object(entry) as Stored<KubeObject & Pod>
}
