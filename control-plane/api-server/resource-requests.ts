/** Requests for resources, after authentication and authorization: each verb decodes, acts and answers. */
import type { Binding } from '../../shared/api/core-v1.ts'
import type { KubeObject } from '../../shared/api/object.ts'
import { badRequest, StatusError } from '../../shared/base/errors.ts'
import type { User } from './authn/user.ts'
import { attributesOf } from './authz/attributes.ts'
import type { Authorizer } from './authz/authorizer.ts'
import { authorize } from './authz/authorizer.ts'
import { deleteRequest, listRequest, writeQuery } from './request-options.ts'
import { managerName } from './managed-fields/manager-name.ts'
import type { ResourceDefinition } from './resources/definition.ts'
import type { HealthCheck } from './health.ts'
import { answerComponents } from './component-statuses.ts'
import type { Registry } from './resources/registry.ts'
import type { Decodable, FieldValidation } from './schema/decode.ts'
import { decodeObject } from './schema/decode.ts'
import { tableOf } from './schema/tables.ts'
import type { Review, ReviewDeps } from './reviews.ts'
import { reviews } from './reviews.ts'
import { loadProtobuf } from './schema/protobuf.ts'
import type { Reply } from './server-response.ts'
import { sendJson, sendList, sendObject, success } from './server-response.ts'
import { perform, postSubresources } from './subresources/post.ts'
import { patchScale, readScale, scaleKind, updateScale } from './subresources/scale.ts'
import { isView, updateView } from './subresources/views.ts'
import type { ApiContext, RequestFacts, Target } from './verbs/context.ts'
import { create } from './verbs/create.ts'
import { removeCollection } from './verbs/delete-collection.ts'
import { remove } from './verbs/delete.ts'
import { list } from './verbs/list.ts'
import { APPLY, patchType, readPatch } from './verbs/patch-document.ts'
import type { PatchRequest } from './verbs/patch.ts'
import { patch } from './verbs/patch.ts'
import { read } from './verbs/read.ts'
import type { Written } from './verbs/stored-form.ts'
import { update } from './verbs/update.ts'
import { answerUsage, metricsGroup, type UsageSource } from './usage-metrics.ts'
import { askedOf, toStored, versionsOf } from './verbs/versions.ts'
import { watch } from './watch-requests.ts'

/** A request on its way: `body` reads it whole, bounded. `ended` aborts when the client leaves or the server stops. */
export interface Exchange extends Reply {
  readonly user: User
  readonly ended: AbortSignal
  body(): Promise<Buffer>
  /** Told how many events a watch wrote. */
  counted(events: number): void
  /** An annotation of the audit event, where there is one. */
  readonly annotate?: (key: string, value: string) => void
}

export interface ResourceDeps { readonly ctx: ApiContext; readonly registry: Registry; readonly authorizer: Authorizer; /** Answers `metrics.k8s.io`; without it the group is not served. */ readonly usage?: UsageSource | undefined; /** What answers reviews; without it there are none. */ readonly reviewing?: ReviewDeps; /** What component statuses are read from. */ readonly components?: readonly HealthCheck[] }

export const noSuchResource = (): StatusError => new StatusError('NotFound', 'the server could not find the requested resource', { details: {} })
const notAllowed = (): StatusError => new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', { details: {} })

/** Kinds whose deletion answers with the object instead of a Status (upstream's `ReturnDeletedObject`). */
const returnsDeleted = new Set(['pods', 'services', 'serviceaccounts'])

export async function handleResource(deps: ResourceDeps, exchange: Exchange): Promise<void> {
  const { info, user } = exchange
  // `POST namespaces/x/bindings`: the old name of pods/binding.
  if (info.resource === 'bindings' && info.group === '' && info.verb === 'create') return postBinding(deps, exchange)
  const review = info.version === 'v1' && !info.subresource ? reviews[`${info.group}/${info.resource}`] : undefined
  if (review) return answerReview(deps, exchange, review)
  if (info.group === metricsGroup && deps.usage) return sendJson(exchange, 200, await answerUsage({ ctx: deps.ctx, source: deps.usage, log: deps.ctx.host.log }, info))
  const definition = deps.registry.find(info.group, info.version, info.resource)
  if (!definition) throw noSuchResource()
  if (definition.namespaced !== (info.namespace !== '') && (definition.namespaced ? info.name !== '' && info.verb !== 'list' && info.verb !== 'watch' : info.resource !== 'namespaces')) throw noSuchResource()
  const target: Target = { ...versionsOf(definition), namespace: info.resource === 'namespaces' ? '' : info.namespace, name: info.name, subresource: info.subresource, user, dryRun: false, manager: managerName(info.query.get('fieldManager'), exchange.req.headers['user-agent']), request: factsOf(exchange) }
  if (definition.deprecation) exchange.warnings.push(definition.deprecation)
  if (info.subresource) return handleSubresource(deps, exchange, target)
  const verb = verbs[info.verb]
  // A collection is posted to, an object is put and patched; not the other way round.
  const misplaced = info.verb === 'create' ? info.name !== '' : (info.verb === 'update' || info.verb === 'patch') && info.name === ''
  if (!verb || misplaced || !(definition.verbs as readonly string[]).includes(info.verb)) throw notAllowed()
  if (definition.resource === 'componentstatuses' && definition.group === '') return answerComponents(deps.ctx, exchange, definition, deps.components ?? [])
  return verb(deps.ctx, exchange, target, deps)
}

async function answerReview({ reviewing }: ResourceDeps, exchange: Exchange, review: Review): Promise<void> {
  const { info, user } = exchange
  if (!reviewing || review.namespaced !== (info.namespace !== '')) throw noSuchResource()
  if (info.verb !== 'create') throw notAllowed()
  const { fieldValidation } = writeQuery(exchange.info.query, 'CreateOptions')
  const said = await decodeBody(exchange, review.body, fieldValidation)
  // A question without a spec asks with an empty one, as where the field is no pointer.
  const body = tableOf(review.body.schema)?.spec ? { spec: {}, ...said } : said
  return sendJson(exchange, 201, await review.answer(reviewing, { user, namespace: info.namespace }, body as never))
}

/** The same text is said once. */
const factsOf = ({ info, warnings, annotate }: Exchange): RequestFacts =>
  ({ query: info.query, warn: (text) => { if (!warnings.includes(text)) warnings.push(text) }, ...(annotate ? { annotate } : {}) })

type Handler = (ctx: ApiContext, exchange: Exchange, target: Target, deps: ResourceDeps) => Promise<void>

const verbs: Readonly<Record<string, Handler>> = {
  get: getObject,
  list: (ctx, exchange, target) => sendList(ctx, exchange, askedOf(target), list(ctx, target, listRequest(exchange.info.query))),
  watch,
  create: createObject,
  update: (ctx, exchange, target) => putObject(ctx, exchange, target, update),
  patch: patchObject,
  delete: deleteObject,
  deletecollection: deleteCollection,
}

async function getObject(ctx: ApiContext, exchange: Exchange, target: Target): Promise<void> {
  const entry = read(ctx, target, exchange.info.query.get('resourceVersion') ?? '')
  return sendObject(ctx, exchange, 200, { definition: askedOf(target), bytes: entry.value, object: () => ctx.objects.object(entry) })
}

const answer = (ctx: ApiContext, exchange: Exchange, definition: ResourceDefinition, written: Written): Promise<void> =>
  sendObject(ctx, exchange, written.created ? 201 : 200, { definition, bytes: written.bytes, object: () => written.object })

/** By the Content-Type; upstream takes JSON where none is said. 415 for anything else. */
function bodyType(exchange: Exchange): 'json' | 'yaml' | 'protobuf' {
  const type = (exchange.req.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === 'application/json' || type === '' || type === '*/*') return 'json'
  if (type === 'application/yaml') return 'yaml'
  if (type === 'application/vnd.kubernetes.protobuf') return 'protobuf'
  throw new StatusError('UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf')
}

async function decodeBody(exchange: Exchange, definition: Decodable, fieldValidation: FieldValidation): Promise<KubeObject> {
  const type = bodyType(exchange)
  const bytes = await exchange.body()
  if (type === 'protobuf' && definition.codec) throw noProtobuf()
  const body = type === 'protobuf' ? (await loadProtobuf()).decode(definition.schema, bytes) : bytes
  const { object, warnings } = decodeObject(definition, body, type === 'yaml' ? 'yaml' : 'json', fieldValidation)
  exchange.warnings.push(...warnings)
  return object
}

/** Kinds without a generated schema have no protobuf form. */
const noProtobuf = (): StatusError =>
  new StatusError('UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml')

/** A DeleteOptions body as JSON, whatever it came as. */
async function deleteBody(exchange: Exchange): Promise<Buffer> {
  const bytes = await exchange.body()
  if (!bytes.length || bodyType(exchange) !== 'protobuf') return bytes
  return Buffer.from(JSON.stringify((await loadProtobuf()).decode('meta-v1.DeleteOptions', bytes)))
}

function warn(exchange: Exchange, definition: ResourceDefinition, object: KubeObject): void {
  exchange.warnings.push(...(definition.strategy.warnings?.(object) ?? []))
}

async function createObject(ctx: ApiContext, exchange: Exchange, target: Target): Promise<void> {
  const { dryRun, fieldValidation } = writeQuery(exchange.info.query, 'CreateOptions')
  const object = await toStored(target, await decodeBody(exchange, askedOf(target), fieldValidation))
  const written = await create(ctx, { ...target, dryRun }, object)
  warn(exchange, target.definition, written.object)
  return answer(ctx, exchange, askedOf(target), written)
}

async function putObject(ctx: ApiContext, exchange: Exchange, target: Target, perform: (ctx: ApiContext, target: Target, object: KubeObject) => Promise<Written>): Promise<void> {
  const { dryRun, fieldValidation } = writeQuery(exchange.info.query, 'UpdateOptions')
  const object = await toStored(target, await decodeBody(exchange, askedOf(target), fieldValidation))
  const written = await perform(ctx, { ...target, dryRun }, object)
  warn(exchange, target.definition, written.object)
  return answer(ctx, exchange, askedOf(target), written)
}

/** The patch, of whatever type, with the options it came with. */
async function patchRequest(exchange: Exchange, target: Target, { authorizer }: ResourceDeps): Promise<{ dryRun: boolean; request: PatchRequest }> {
  const { info, user } = exchange
  const type = patchType(exchange.req.headers['content-type'] ?? '', askedOf(target))
  const { dryRun, fieldValidation, force } = writeQuery(info.query, 'PatchOptions', type === APPLY)
  const patch = readPatch(type, await exchange.body(), fieldValidation)
  const mayCreate = (): void => authorize(authorizer, { ...attributesOf(user, info), verb: 'create' })
  return { dryRun, request: { type, patch, fieldValidation, force, warn: (text) => exchange.warnings.push(text), mayCreate } }
}

async function patchObject(ctx: ApiContext, exchange: Exchange, target: Target, deps: ResourceDeps): Promise<void> {
  const { dryRun, request } = await patchRequest(exchange, target, deps)
  const written = await patch(ctx, { ...target, dryRun }, request)
  warn(exchange, target.definition, written.object)
  return answer(ctx, exchange, askedOf(target), written)
}

async function deleteObject(ctx: ApiContext, exchange: Exchange, target: Target): Promise<void> {
  const { dryRun, ...request } = deleteRequest(exchange.info.query, await deleteBody(exchange))
  const { gone, object } = await remove(ctx, { ...target, dryRun }, request)
  const { definition } = target
  if (!gone || (definition.group === '' && returnsDeleted.has(definition.resource))) return sendObject(ctx, exchange, 200, { definition: askedOf(target), bytes: undefined, object: () => object })
  const { name, uid } = object.metadata
  return sendJson(exchange, 200, success(200, { name, ...(definition.group ? { group: definition.group } : {}), kind: definition.resource, uid }))
}

async function deleteCollection(ctx: ApiContext, exchange: Exchange, target: Target): Promise<void> {
  const { dryRun, ...request } = deleteRequest(exchange.info.query, await deleteBody(exchange))
  const { listed } = await removeCollection(ctx, { ...target, dryRun }, request, listRequest(exchange.info.query))
  return sendList(ctx, exchange, askedOf(target), listed)
}

async function handleSubresource(deps: ResourceDeps, exchange: Exchange, target: Target): Promise<void> {
  const { ctx } = deps
  const { subresource } = target
  const definition = askedOf(target)
  const { verb } = exchange.info
  if (isView(definition, subresource)) {
    if (verb === 'get') return getObject(ctx, exchange, target)
    if (verb === 'update') return putObject(ctx, exchange, target, updateView)
    if (verb === 'patch' && subresource !== 'finalize') return patchObject(ctx, exchange, target, deps)
    throw notAllowed()
  }
  if (subresource === 'scale' && definition.subresources.scale) return handleScale(deps, exchange, target)
  const post = postSubresources[`${definition.group}/${definition.resource}/${subresource}`]
  if (!post) throw noSuchResource()
  if (verb !== 'create') throw notAllowed()
  const { dryRun, fieldValidation } = writeQuery(exchange.info.query, 'CreateOptions')
  const body = await decodeBody(exchange, post.body, fieldValidation)
  return sendJson(exchange, 201, await perform(ctx, { ...target, dryRun }, post, body))
}

async function handleScale(deps: ResourceDeps, exchange: Exchange, target: Target): Promise<void> {
  const { ctx } = deps
  const { verb, query } = exchange.info
  const mapping = askedOf(target).subresources.scale
  if (!mapping) throw noSuchResource()
  if (verb === 'get') return sendJson(exchange, 200, await readScale(ctx, target, mapping))
  if (verb === 'update') {
    const { dryRun, fieldValidation } = writeQuery(query, 'UpdateOptions')
    const scale = await decodeBody(exchange, scaleKind, fieldValidation)
    return sendJson(exchange, 200, await updateScale(ctx, { ...target, dryRun }, mapping, () => scale))
  }
  if (verb !== 'patch') throw notAllowed()
  const { dryRun, request } = await patchRequest(exchange, target, deps)
  return sendJson(exchange, 200, await patchScale(ctx, { ...target, dryRun }, mapping, request))
}

async function postBinding({ ctx, registry }: ResourceDeps, exchange: Exchange): Promise<void> {
  const { info, user } = exchange
  const definition = registry.find('', 'v1', 'pods')
  const post = postSubresources['/pods/binding']
  if (!definition || !post) throw noSuchResource()
  const { dryRun, fieldValidation } = writeQuery(info.query, 'CreateOptions')
  const body = await decodeBody(exchange, post.body, fieldValidation) as Binding
  const name = body.metadata?.name
  if (!name) throw badRequest('name must be provided')
  return sendJson(exchange, 201, await perform(ctx, { definition, namespace: info.namespace, name, subresource: 'binding', user, dryRun, request: factsOf(exchange) }, post, body))
}
