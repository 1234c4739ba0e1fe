/** Lists, in chunks where asked, at a revision where asked; `k8s.io/apiserver/pkg/storage/etcd3.store.GetList`. */
import type { ListMeta } from '../../../shared/api/meta-v1.ts'
import { badRequest, expired, StatusError } from '../../../shared/base/errors.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import { revision } from '../../../shared/base/brands.ts'
import type { Entry, ListResult } from '../../store/store.ts'
import { CompactedError, FutureRevisionError } from '../../store/store.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
import type { FieldError, ResourceDefinition } from '../resources/definition.ts'
import type { ApiContext, Target } from './context.ts'
import type { Continuation } from './continue-token.ts'
import { CONTINUE_LIFE, ContinueExpiredError, decodeContinue, encodeContinue } from './continue-token.ts'
import type { Selection } from './selection.ts'
import { selectionOf } from './selection.ts'

export interface ListRequest {
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** 0: no limit. */
  readonly limit?: number | undefined
  readonly continue?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: string | undefined
  readonly sendInitialEvents?: boolean | undefined
}

export interface Listed { readonly entries: readonly Entry[]; readonly meta: ListMeta & { resourceVersion: string } }

/** What upstream calls the options in its message. */
export const listOptions = { group: 'meta.k8s.io', kind: 'ListOptions' } as const

/** How many entries are looked at for one page of a selective list before the loop asks for the next. */
const SCAN_CHUNK = 500

export function list(ctx: ApiContext, target: Pick<Target, 'definition' | 'asked' | 'namespace'>, request: ListRequest): Listed {
  const { definition, namespace } = target
  const limit = request.limit ?? 0
  checkVersions(request)
  const selection = selectionOf(target.asked ?? definition, request)
  const from = request.continue ? continuation(ctx, request) : undefined
  const at = stateAsked(ctx, request, from)
  const since = from?.since ?? ctx.host.clock.now()
  if (selection.name !== undefined && (namespace || !definition.namespaced) && !from && at === undefined) return listOne(ctx, target, selection)
  const page: Page = { at, from, limit, since }
  if (!selection.matches) return whole(definition, read(ctx, target, page), { target, limit, since })
  return selected(ctx, target, { selection, ...page })
}

/** 410 with a token to go on with where the state of the first page is over. */
function continuation(ctx: ApiContext, request: ListRequest): Continuation {
  const from = decodeContinue(request.continue ?? '')
  if (request.resourceVersion && request.resourceVersion !== '0') throw badRequest('specifying resource version is not allowed when using continue')
  if (from.revision > 0 && from.since !== undefined && ctx.host.clock.now() - from.since > CONTINUE_LIFE) throw new ContinueExpiredError(from.start)
  return from
}

function listOne(ctx: ApiContext, { definition, namespace }: Pick<Target, 'definition' | 'namespace'>, selection: Selection): Listed {
  const { revision: now } = ctx.store
  const entry = ctx.store.get(objectKey(definition, namespace, selection.name ?? ''))
  const match = entry && (selection.matches?.(ctx.objects.object(entry)) ?? true)
  return { entries: match ? [entry] : [], meta: { resourceVersion: String(now) } }
}

interface Page {
  readonly at: Revision | undefined
  readonly from: Continuation | undefined
  readonly limit: number
  /** Wall clock of the first page. */
  readonly since: number
}

function read(ctx: ApiContext, { definition, namespace }: Pick<Target, 'definition' | 'namespace'>, page: Page): ListResult {
  const prefix = resourcePrefix(definition, namespace)
  try {
    return ctx.store.list({
      prefix, ...(page.from ? { from: prefix + page.from.start } : {}), ...(page.limit > 0 ? { limit: page.limit } : {}), ...(page.at === undefined ? {} : { at: page.at }),
    })
  } catch (e) {
    if (e instanceof CompactedError) {
      throw page.from ? new ContinueExpiredError(page.from.start) : expired(`The resourceVersion for the provided list is too old.`)
    }
    if (e instanceof FutureRevisionError) throw tooLarge(Number(page.at), Number(e.current))
    throw e
  }
}

function whole(definition: ResourceDefinition, result: ListResult, { target, limit, since }: { target: Pick<Target, 'namespace'>; limit: number; since: number }): Listed {
  const resourceVersion = String(result.revision)
  if (limit <= 0 || result.next === undefined) return { entries: result.entries, meta: { resourceVersion } }
  const token = encodeContinue({ revision: Number(result.revision), start: result.next.slice(resourcePrefix(definition, target.namespace).length), since })
  return { entries: result.entries, meta: { resourceVersion, continue: token, remainingItemCount: result.remaining } }
}

function selected(ctx: ApiContext, target: Pick<Target, 'definition' | 'namespace'>, query: Page & { selection: Selection }): Listed {
  const { selection, limit, since } = query
  const prefix = resourcePrefix(target.definition, target.namespace)
  const entries: Entry[] = []
  const chosen = (entry: Entry): boolean => (selection.matchesBytes ? selection.matchesBytes(entry.value) : selection.matches?.(ctx.objects.object(entry)) ?? true)
  let { at, from } = query
  for (;;) {
    const page = read(ctx, target, { at, from, since, limit: limit > 0 ? SCAN_CHUNK : 0 })
    at = page.revision
    for (const [i, entry] of page.entries.entries()) {
      if (!chosen(entry)) continue
      entries.push(entry)
      if (entries.length < limit || limit <= 0) continue
      const next = page.entries[i + 1]?.key ?? page.next
      const token = next === undefined ? {} : { continue: encodeContinue({ revision: Number(at), start: next.slice(prefix.length), since }) }
      return { entries, meta: { resourceVersion: String(at), ...token } }
    }
    if (page.next === undefined) return { entries, meta: { resourceVersion: String(at) } }
    from = { revision: Number(at), start: page.next.slice(prefix.length) }
  }
}

/** A resourceVersion as clients may send it; BadRequest for what is not a number. */
export function parseResourceVersion(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`)
}

/** 504: a state that this server has not seen. Upstream waits up to 3 s for its cache first; ours is never behind its own store. */
export function tooLarge(asked: number, current: number): StatusError {
  return new StatusError('Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
  })
}

/** Undefined: the newest state. */
function stateAsked(ctx: ApiContext, request: ListRequest, from: Continuation | undefined): Revision | undefined {
  if (from) return from.revision < 0 ? undefined : revision(from.revision)
  const asked = request.resourceVersion ? parseResourceVersion(request.resourceVersion) : 0
  if (asked === 0) return undefined
  if (asked > ctx.store.revision) throw tooLarge(asked, ctx.store.revision)
  // "Not older than" is what the newest state always is; upstream's legacy reading of a limited list is "exact".
  const exact = request.resourceVersionMatch === 'Exact' || (!request.resourceVersionMatch && (request.limit ?? 0) > 0)
  return exact ? revision(asked) : undefined
}

/** `metainternalversion/validation.ValidateListOptions`. */
function checkVersions({ resourceVersion = '', resourceVersionMatch: match = '', continue: from, sendInitialEvents }: ListRequest): void {
  const errors: FieldError[] = []
  const forbid = (field: string, detail: string): void => { errors.push({ type: 'Forbidden', field, detail }) }
  if (match) {
    if (!resourceVersion) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (from) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push({ type: 'NotSupported', field: 'resourceVersionMatch', value: match, detail: '', supported: ['Exact', 'NotOlderThan', ''] })
    if (match === 'Exact' && resourceVersion === '0') forbid('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
  if (sendInitialEvents !== undefined) forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  if (errors.length) throw invalid(listOptions, '', errors)
}
