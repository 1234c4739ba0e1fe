/** Lists, in chunks where asked, at a revision where asked; `k8s.io/apiserver/pkg/storage/etcd3.store.GetList`. */
import type { ListMeta } from '../../../shared/api/meta-v1.ts'
import { badRequest, expired, StatusError } from '../../../shared/base/errors.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import { revision } from '../../../shared/base/brands.ts'
import type { Entry, ListResult } from '../../store/store.ts'
import { CompactedError, FutureRevisionError } from '../../store/store.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ApiContext, Target } from './context.ts'
import type { Continuation } from './continue-token.ts'
import { ContinueExpiredError, decodeContinue, encodeContinue } from './continue-token.ts'
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
}

export interface Listed { readonly entries: readonly Entry[]; readonly meta: ListMeta & { resourceVersion: string } }

/** How many entries are looked at for one page of a selective list before the loop asks for the next. */
const SCAN_CHUNK = 500

export function list(ctx: ApiContext, target: Pick<Target, 'definition' | 'namespace'>, request: ListRequest): Listed {
  const { definition, namespace } = target
  const limit = request.limit ?? 0
  const from = request.continue ? decodeContinue(request.continue) : undefined
  checkVersions(definition, request, from)
  const selection = selectionOf(definition, request)
  if (selection.name !== undefined && (namespace || !definition.namespaced)) return listOne(ctx, target, selection)
  const at = stateAsked(ctx, request, from)
  if (!selection.matches) return whole(definition, read(ctx, target, { at, from, limit }), { target, limit })
  return selected(ctx, target, { selection, at, from, limit })
}

function listOne(ctx: ApiContext, { definition, namespace }: Pick<Target, 'definition' | 'namespace'>, selection: Selection): Listed {
  const { revision: now } = ctx.store
  const entry = ctx.store.get(objectKey(definition, namespace, selection.name ?? ''))
  const match = entry && (selection.matches?.(ctx.objects.object(entry)) ?? true)
  return { entries: match ? [entry] : [], meta: { resourceVersion: String(now) } }
}

interface Page { readonly at: Revision | undefined; readonly from: Continuation | undefined; readonly limit: number }

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

function whole(definition: ResourceDefinition, result: ListResult, { target, limit }: { target: Pick<Target, 'namespace'>; limit: number }): Listed {
  const resourceVersion = String(result.revision)
  if (limit <= 0 || result.next === undefined) return { entries: result.entries, meta: { resourceVersion } }
  const token = encodeContinue({ revision: Number(result.revision), start: result.next.slice(resourcePrefix(definition, target.namespace).length) })
  return { entries: result.entries, meta: { resourceVersion, continue: token, remainingItemCount: result.remaining } }
}

function selected(ctx: ApiContext, target: Pick<Target, 'definition' | 'namespace'>, query: Page & { selection: Selection }): Listed {
  const { selection, limit } = query
  const prefix = resourcePrefix(target.definition, target.namespace)
  const entries: Entry[] = []
  let { at, from } = query
  for (;;) {
    const page = read(ctx, target, { at, from, limit: limit > 0 ? SCAN_CHUNK : 0 })
    at = page.revision
    for (const [i, entry] of page.entries.entries()) {
      if (!selection.matches?.(ctx.objects.object(entry))) continue
      entries.push(entry)
      if (entries.length < limit || limit <= 0) continue
      const next = page.entries[i + 1]?.key ?? page.next
      const token = next === undefined ? {} : { continue: encodeContinue({ revision: Number(at), start: next.slice(prefix.length) }) }
      return { entries, meta: { resourceVersion: String(at), ...token } }
    }
    if (page.next === undefined) return { entries, meta: { resourceVersion: String(at) } }
    from = { revision: Number(at), start: page.next.slice(prefix.length) }
  }
}

/** A resourceVersion as clients may send it; Invalid for what is not a number. */
export function parseResourceVersion(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [{ type: 'Invalid', field: 'resourceVersion', value: text, detail: `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax` }])
  }
  return Number(text)
}

export function tooLarge(asked: number, current: number): StatusError {
  return new StatusError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
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

function checkVersions(definition: ResourceDefinition, request: ListRequest, from: Continuation | undefined): void {
  const { resourceVersion = '', resourceVersionMatch: match = '' } = request
  const refuse = (detail: string): never => {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, definition.resource, [{ type: 'Forbidden', field: 'resourceVersionMatch', detail }])
  }
  if (from && resourceVersion && resourceVersion !== '0') throw badRequest('specifying resource version is not allowed when using continue')
  if (!match) return
  if (from) refuse('resourceVersionMatch is forbidden when continue is provided')
  if (!resourceVersion) refuse('resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, definition.resource, [
      { type: 'NotSupported', field: 'resourceVersionMatch', value: match, detail: '', supported: ['Exact', 'NotOlderThan', ''] }])
  }
  if (match === 'Exact' && resourceVersion === '0') refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
}
