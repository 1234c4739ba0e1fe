/** Query parameters and option bodies, checked; what this server does not do is refused by name. */
import { badRequest, messageOf } from '../../shared/base/errors.ts'
import { invalid } from './encode/validation-status.ts'
import { isPrintable, MANAGER_NAME_LIMIT } from './managed-fields/manager-name.ts'
import type { FieldError } from './resources/definition.ts'
import type { FieldValidation } from './schema/decode.ts'
import { decodeObject } from './schema/decode.ts'
import type { DeleteRequest, Propagation } from './verbs/delete.ts'
import type { ListRequest } from './verbs/list.ts'
import type { WatchRequest } from './watch/source.ts'

const truthy = (value: string | null): boolean => value !== null && value !== '0' && value !== 'false'

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^-?\d{1,15}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

const optional = (query: URLSearchParams, name: string): string | undefined => query.get(name) ?? undefined

const sendInitialEvents = (query: URLSearchParams): boolean | undefined => (query.has('sendInitialEvents') ? truthy(query.get('sendInitialEvents')) : undefined)

export const listRequest = (query: URLSearchParams): ListRequest => ({
  labelSelector: optional(query, 'labelSelector'), fieldSelector: optional(query, 'fieldSelector'), limit: integer(query, 'limit'), continue: optional(query, 'continue'),
  resourceVersion: optional(query, 'resourceVersion'), resourceVersionMatch: optional(query, 'resourceVersionMatch'), sendInitialEvents: sendInitialEvents(query),
})

export const watchRequest = (query: URLSearchParams): WatchRequest & { timeoutSeconds: number | undefined } => ({
  labelSelector: optional(query, 'labelSelector'), fieldSelector: optional(query, 'fieldSelector'), resourceVersion: optional(query, 'resourceVersion'),
  resourceVersionMatch: optional(query, 'resourceVersionMatch'), allowWatchBookmarks: truthy(query.get('allowWatchBookmarks')),
  sendInitialEvents: sendInitialEvents(query), continue: optional(query, 'continue'), timeoutSeconds: integer(query, 'timeoutSeconds'),
})

export interface WriteQuery { readonly dryRun: boolean; readonly fieldValidation: FieldValidation; /** Of an apply. */ readonly force: boolean }

/** `optionsKind`: what upstream would call the options in its message, `CreateOptions`. `apply`: what the options of a patch are for. */
export function writeQuery(query: URLSearchParams, optionsKind: string, apply = false): WriteQuery {
  const found: FieldError[] = []
  const manager = query.get('fieldManager') ?? ''
  const force = query.get('force')
  if (apply && !manager) found.push({ type: 'Required', field: 'fieldManager', detail: 'is required for apply patch' })
  if (!apply && force && optionsKind === 'PatchOptions') found.push({ type: 'Forbidden', field: 'force', detail: 'may not be specified for non-apply patch' })
  found.push(...managerErrors(manager))
  const dry = query.getAll('dryRun').filter((v) => v !== '')
  if (dry.some((v) => v !== 'All')) found.push({ type: 'NotSupported', field: 'dryRun', value: dry, detail: '', supported: ['All'] })
  const validation = query.get('fieldValidation') || 'Warn'
  const known = validation === 'Strict' || validation === 'Warn' || validation === 'Ignore'
  if (!known) found.push({ type: 'NotSupported', field: 'fieldValidation', value: validation, detail: '', supported: ['Ignore', 'Strict', 'Warn'] })
  if (found.length || !known) throw invalid({ group: 'meta.k8s.io', kind: optionsKind }, '', found)
  return { dryRun: dry.length > 0, fieldValidation: validation, force: truthy(force) }
}

/** Upstream's `ValidateFieldManager`. */
function managerErrors(manager: string): FieldError[] {
  if (Buffer.byteLength(manager) > MANAGER_NAME_LIMIT) return [{ type: 'TooLong', field: 'fieldManager', value: manager, detail: `may not be more than ${MANAGER_NAME_LIMIT} bytes` }]
  const found: FieldError[] = []
  let at = 0
  for (const character of manager) {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    if (!isPrintable(character)) found.push({ type: 'Invalid', field: 'fieldManager', value: manager, detail: `invalid character U+${code} (at position ${at})` })
    at += Buffer.byteLength(character)
  }
  return found
}

interface DeleteBody { gracePeriodSeconds?: number; propagationPolicy?: string; orphanDependents?: boolean; preconditions?: DeleteRequest['preconditions']; dryRun?: string[] }

/** Options of a deletion, from the body where there is one, else from the query. */
export function deleteRequest(query: URLSearchParams, body: Buffer): DeleteRequest & { dryRun: boolean } {
  const given: DeleteBody = body.length ? deleteBody(body) : queryBody(query)
  if (given.orphanDependents !== undefined && given.propagationPolicy !== undefined) {
    throw badRequest('orphanDependents and deletionPropagation cannot be both set')
  }
  const policy = given.propagationPolicy ?? (given.orphanDependents === undefined ? undefined : given.orphanDependents ? 'Orphan' : 'Background')
  if (given.dryRun?.some((v) => v !== 'All')) {
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [{ type: 'NotSupported', field: 'dryRun', value: given.dryRun, detail: '', supported: ['All'] }])
  }
  return {
    dryRun: Boolean(given.dryRun?.length) || writeQuery(query, 'DeleteOptions').dryRun,
    ...(given.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: given.gracePeriodSeconds }),
    ...(policy === undefined ? {} : { propagationPolicy: policy as Propagation }), ...(given.preconditions ? { preconditions: given.preconditions } : {}),
  }
}

function deleteBody(body: Buffer): DeleteBody {
  let raw: unknown
  try {
    raw = JSON.parse(body.toString())
  } catch (e) {
    throw badRequest(`couldn't get version/kind; json parse error: ${messageOf(e)}`)
  }
  if (typeof raw !== 'object' || raw === null) throw badRequest('the body must be a DeleteOptions object')
  // Clients send it in the version of the resource's group or in none: all are the same kind.
  const { apiVersion: _version, kind = 'DeleteOptions', ...rest } = raw as { apiVersion?: unknown; kind?: unknown }
  if (kind !== 'DeleteOptions') throw badRequest(`the body must be a DeleteOptions object, not ${JSON.stringify(kind)}`)
  return decodeObject({ group: '', version: 'v1', kind: 'DeleteOptions', schema: 'meta-v1.DeleteOptions' }, rest, 'json', 'Ignore').object as DeleteBody
}

function queryBody(query: URLSearchParams): DeleteBody {
  const grace = integer(query, 'gracePeriodSeconds')
  const policy = query.get('propagationPolicy')
  const orphan = query.get('orphanDependents')
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }), ...(policy ? { propagationPolicy: policy } : {}),
    ...(orphan === null ? {} : { orphanDependents: truthy(orphan) }),
  }
}
