/** Questions about rights and identity, answered and never stored (`pkg/registry/{authorization,authentication}`): `kubectl auth can-i`, `auth whoami`, delegated authentication. */
import type { TokenReview } from '../../shared/api/authentication-v1.ts'
import type { LocalSubjectAccessReview, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview, SubjectAccessReviewSpec } from '../../shared/api/authorization-v1.ts'
import type { ObjectMeta } from '../../shared/api/meta-v1.ts'
import { badRequest } from '../../shared/base/errors.ts'
import type { Authenticator } from './authn/authenticator.ts'
import type { User } from './authn/user.ts'
import type { Attributes, Decision } from './authz/attributes.ts'
import type { FullAuthorizer } from './authz/authorizer.ts'
import { nodeOf } from './authz/node/rules.ts'
import { missingIn, rulesIn } from './authz/rbac/rules.ts'
import type { VirtualResource } from './discovery/groups.ts'
import { invalid } from './encode/validation-status.ts'
import type { FieldError } from './resources/definition.ts'
import type { Decodable } from './schema/decode.ts'
import { timestamp } from './verbs/context.ts'

export interface ReviewDeps {
  readonly authorizer: FullAuthorizer
  readonly authenticator: Pick<Authenticator, 'token'>
  /** Wall clock, milliseconds. */
  now(): number
}

/** Who asks, and in which namespace (`''` outside of one). */
export interface Asking { readonly user: User; readonly namespace: string }

export interface Review {
  readonly body: Decodable
  readonly namespaced: boolean
  /** The body with its status. Refuses by throwing a `StatusError`. */
  answer(deps: ReviewDeps, asking: Asking, body: never): object | Promise<object>
}

const GROUP = 'authorization.k8s.io'
const authorization = (kind: string): Decodable => ({ group: GROUP, version: 'v1', kind, schema: `authorization-v1.${kind}` })
const authentication = (kind: string): Decodable => ({ group: 'authentication.k8s.io', version: 'v1', kind, schema: `authentication-v1.${kind}` })

type Questions = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>

const found = (field: string, value: unknown, detail: string): FieldError => ({ type: 'Invalid', field, value, detail })

function judgeQuestions({ resourceAttributes: r, nonResourceAttributes: path }: Questions): FieldError[] {
  if (r && path) return [found('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes')]
  if (!r && !path) return [found('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')]
  return r ? judgeSelectors(r) : []
}

function judgeSelectors({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  const judge = (selector: { rawSelector?: string; requirements?: unknown[] } | undefined, at: string): FieldError[] => {
    if (!selector) return []
    const { rawSelector = '', requirements = [] } = selector
    if (rawSelector && requirements.length) return [found(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements')]
    return rawSelector || requirements.length ? [] : [{ type: 'Required', field: `${at}.requirements`, detail: `when ${at} is specified, requirements or rawSelector is required` }]
  }
  return [...judge(fieldSelector, 'spec.resourceAttributes.fieldSelector'), ...judge(labelSelector, 'spec.resourceAttributes.labelSelector')]
}

const judgeUser = ({ user, groups }: SubjectAccessReviewSpec): FieldError[] => (user || groups?.length ? [] : [found('spec.user', user ?? '', 'at least one of user or group must be specified')])

/** Reviews have no identity: only what decoding leaves behind is tolerated. */
function judgeMetadata(metadata: ObjectMeta | undefined, allowed: readonly string[], detail: string): FieldError[] {
  const ignored = new Set(['creationTimestamp', 'managedFields', ...allowed])
  const set = Object.entries(metadata ?? {}).filter(([k, v]) => !ignored.has(k) && v !== '' && v !== null && v !== undefined)
  return set.length ? [found('metadata', Object.fromEntries(set), detail)] : []
}

function refuse(kind: string, findings: readonly FieldError[]): void {
  if (findings.length) throw invalid({ group: GROUP, kind }, '', findings)
}

function attributes(user: User, { resourceAttributes: r, nonResourceAttributes: path }: Questions): Attributes {
  return {
    user, verb: r?.verb ?? path?.verb ?? '', isResourceRequest: r !== undefined, group: r?.group ?? '', resource: r?.resource ?? '', subresource: r?.subresource ?? '',
    namespace: r?.namespace ?? '', name: r?.name ?? '', path: path?.path ?? '', fieldSelector: fieldSelectorOf(r),
  }
}

function fieldSelectorOf(r: ResourceAttributes | undefined): string {
  const { rawSelector, requirements = [] } = r?.fieldSelector ?? {}
  return rawSelector ?? requirements.filter((q) => q.operator === 'In' && q.values?.length === 1).map((q) => `${q.key}=${q.values?.[0]}`).join(',')
}

const userOf = ({ user = '', groups = [], uid, extra }: SubjectAccessReviewSpec): User => ({ name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) })

const status = ({ allowed, reason }: Decision): object => ({ allowed, ...(reason ? { reason } : {}) })

const selfSubjectAccess: Review = {
  body: authorization('SelfSubjectAccessReview'), namespaced: false,
  answer({ authorizer }, { user }, body: SelfSubjectAccessReview) {
    refuse('SelfSubjectAccessReview', [...judgeQuestions(body.spec), ...judgeMetadata(body.metadata, [], 'must be empty')])
    return { ...body, status: status(authorizer.decide(attributes(user, body.spec))) }
  },
}

const subjectAccess: Review = {
  body: authorization('SubjectAccessReview'), namespaced: false,
  answer({ authorizer }, _asking, body: SubjectAccessReview) {
    refuse('SubjectAccessReview', [...judgeQuestions(body.spec), ...judgeUser(body.spec), ...judgeMetadata(body.metadata, [], 'must be empty')])
    return { ...body, status: status(authorizer.decide(attributes(userOf(body.spec), body.spec))) }
  },
}

const localSubjectAccess: Review = {
  body: authorization('LocalSubjectAccessReview'), namespaced: true,
  answer({ authorizer }, { namespace }, body: LocalSubjectAccessReview) {
    const { spec, metadata } = body
    const { resourceAttributes: r, nonResourceAttributes: path } = spec
    const within = metadata?.namespace ?? namespace
    refuse('LocalSubjectAccessReview', [
      ...judgeQuestions(spec), ...judgeUser(spec), ...judgeMetadata(metadata, ['namespace'], 'must be empty except for namespace'),
      ...(r && (r.namespace ?? '') !== within ? [found('spec.resourceAttributes.namespace', r.namespace ?? '', 'must match metadata.namespace')] : []),
      ...(path ? [found('spec.nonResourceAttributes', path, 'disallowed on this kind of request')] : []),
    ])
    if (r?.namespace !== namespace) throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
    return { ...body, metadata: { ...metadata, namespace }, status: status(authorizer.decide(attributes(userOf(spec), spec))) }
  },
}

const selfSubjectRules: Review = {
  body: authorization('SelfSubjectRulesReview'), namespaced: false,
  answer({ authorizer }, { user }, body: SelfSubjectRulesReview) {
    const { namespace } = body.spec
    if (!namespace) throw badRequest('no namespace on request')
    const held = authorizer.rules(user)
    const rules = rulesIn(held, namespace)
    // What the node authorizer grants depends on the objects: it has no rules to show.
    const errors = [...(nodeOf(user) === undefined ? [] : ['node authorizer does not support user rule resolution']), ...missingIn(held, namespace)]
    return {
      ...body,
      status: {
        resourceRules: rules.filter((r) => r.resources?.length).map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) })),
        nonResourceRules: rules.filter((r) => r.nonResourceURLs?.length).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
        incomplete: errors.length > 0, ...(errors.length ? { evaluationError: errors.length === 1 ? errors[0] : `[${errors.join(', ')}]` } : {}),
      },
    }
  },
}

const userInfo = ({ name, uid, groups, extra }: User): object => ({ username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) })

const selfSubject: Review = {
  body: authentication('SelfSubjectReview'), namespaced: false,
  answer: ({ now }, { user }, body: object) => ({ ...body, metadata: { creationTimestamp: timestamp(now()) }, status: { userInfo: userInfo(user) } }),
}

const token: Review = {
  body: authentication('TokenReview'), namespaced: false,
  async answer({ authenticator }, _asking, body: TokenReview) {
    const { token: given, audiences } = body.spec
    if (body.metadata?.namespace) throw badRequest(`namespace is not allowed on this type: ${body.metadata.namespace}`)
    if (!given) throw badRequest('token is required for TokenReview in authentication')
    const known = await authenticator.token(given, audiences)
    return { ...body, status: known ? { authenticated: true, user: userInfo(known.user), audiences: known.audiences } : { user: {}, error: await refused(authenticator, given, audiences) } }
  },
}

/** Why a token was refused; a token that is good for others is told apart, as upstream does. */
async function refused(authenticator: ReviewDeps['authenticator'], given: string, audiences: readonly string[] | undefined): Promise<string> {
  const elsewhere = audiences?.length ? await authenticator.token(given) : undefined
  if (!elsewhere) return 'invalid bearer token'
  const list = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(' ')}]`
  return `[invalid bearer token, token audiences ${list(elsewhere.audiences)} is invalid for the target audiences ${list(audiences ?? [])}]`
}

/** By `group/resource`. */
export const reviews: Readonly<Record<string, Review>> = {
  'authorization.k8s.io/localsubjectaccessreviews': localSubjectAccess,
  'authorization.k8s.io/selfsubjectaccessreviews': selfSubjectAccess,
  'authorization.k8s.io/selfsubjectrulesreviews': selfSubjectRules,
  'authorization.k8s.io/subjectaccessreviews': subjectAccess,
  'authentication.k8s.io/selfsubjectreviews': selfSubject,
  'authentication.k8s.io/tokenreviews': token,
}

export const reviewResources: readonly VirtualResource[] = Object.entries(reviews).map(([key, { body, namespaced }]) => ({
  group: body.group, version: 'v1', resource: key.slice(key.indexOf('/') + 1), singular: body.kind.toLowerCase(), kind: body.kind, namespaced, verbs: ['create'],
}))
