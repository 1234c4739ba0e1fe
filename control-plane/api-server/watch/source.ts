/** A watch of a resource before it is encoded: the state to begin with, then batches of items. Used by HTTP streams and in-process watches alike. */
import type { Revision } from '../../../shared/base/brands.ts'
import { revision } from '../../../shared/base/brands.ts'
import { expired } from '../../../shared/base/errors.ts'
import type { StatusError } from '../../../shared/base/errors.ts'
import type { Watcher } from '../../store/store.ts'
import { CompactedError, FutureRevisionError } from '../../store/store.ts'
import { invalid } from '../encode/validation-status.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
import type { FieldError } from '../resources/definition.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { list, listOptions, parseResourceVersion, tooLarge } from '../verbs/list.ts'
import { selectionOf } from '../verbs/selection.ts'
import type { Chooser, WatchItem } from './transition.ts'
import { itemOf } from './transition.ts'

export interface WatchRequest {
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** `''` and `'0'`: begin with the current state. */
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: string | undefined
  readonly sendInitialEvents?: boolean | undefined
  readonly allowWatchBookmarks?: boolean | undefined
  readonly continue?: string | undefined
}

export interface WatchSource {
  /** The state at the start, as ADDED items. Empty where the watch goes on from a revision. */
  readonly initial: readonly WatchItem[]
  /** A bookmark annotated `k8s.io/initial-events-end` is due after `initial`. */
  readonly marksInitialEnd: boolean
  /** Everything up to here was handed out. */
  readonly progress: Revision
  /** Resolves with the next items, never empty. Rejects with Expired when the watcher fell behind, with an AbortError when closed or aborted. */
  next(signal: AbortSignal): Promise<readonly WatchItem[]>
  close(): void
}

const tooOld = (asked: number, oldest: number): StatusError => expired(`too old resource version: ${asked} (${oldest})`)

/** Throws Expired (410) for a revision that is compacted or not of this history, BadRequest and Invalid for bad options. */
export function openWatch(ctx: ApiContext, target: Pick<Target, 'definition' | 'asked' | 'namespace' | 'name'>, request: WatchRequest): WatchSource {
  const { definition, namespace, name } = target
  checkOptions(request)
  const fieldSelector = [request.fieldSelector, name && !request.fieldSelector?.includes('metadata.name') ? `metadata.name=${name}` : ''].filter(Boolean).join(',')
  const selection = selectionOf(target.asked ?? definition, { labelSelector: request.labelSelector, fieldSelector })
  const asked = request.resourceVersion ? parseResourceVersion(request.resourceVersion) : 0
  const begins = request.sendInitialEvents ?? asked === 0
  // A state to begin with that is newer than any: upstream waits for it and gives up.
  if (request.sendInitialEvents && asked > ctx.store.revision) throw tooLarge(asked, ctx.store.revision)
  const listed = begins ? list(ctx, target, { labelSelector: request.labelSelector, fieldSelector }) : undefined
  const from = revision(listed ? Number(listed.meta.resourceVersion) : asked || ctx.store.revision)
  const single = selection.name !== undefined && (namespace || !definition.namespaced)
  const key = single ? objectKey(definition, namespace, selection.name ?? '') : undefined
  const watcher = start(ctx, key ?? resourcePrefix(definition, namespace), from)
  const choose: Chooser | undefined = selection.matches && { matches: selection.matches, object: (entry) => ctx.objects.object(entry) }
  const items = itemsOf(watcher, choose, from)
  return {
    initial: (listed?.entries ?? []).map((entry) => ({ type: 'ADDED', entry })),
    marksInitialEnd: request.sendInitialEvents === true && request.allowWatchBookmarks === true,
    get progress() { return watcher.progress },
    next: items,
    close: () => watcher.close(),
  }
}

function start(ctx: ApiContext, prefix: string, from: Revision): Watcher {
  try {
    return ctx.store.watch(prefix, from)
  } catch (e) {
    if (e instanceof CompactedError) throw tooOld(from, e.compacted)
    // A revision from another history (before a restore): the client must list again.
    if (e instanceof FutureRevisionError) throw tooOld(from, e.current)
    throw e
  }
}

const itemsOf = (watcher: Watcher, choose: Chooser | undefined, from: Revision) => async (signal: AbortSignal): Promise<readonly WatchItem[]> => {
  for (;;) {
    try {
      const items: WatchItem[] = []
      for (const change of await watcher.next(signal)) {
        const item = itemOf(change, choose)
        if (item) items.push(item)
      }
      if (items.length) return items
    } catch (e) {
      if (e instanceof CompactedError) throw tooOld(from, e.compacted)
      throw e
    }
  }
}

/** `metainternalversion/validation.validateWatchOptions`. */
function checkOptions({ sendInitialEvents, resourceVersionMatch: match, continue: token }: WatchRequest): void {
  const errors: FieldError[] = []
  const forbid = (field: string, detail: string): void => { errors.push({ type: 'Forbidden', field, detail }) }
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') forbid('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  if (match) {
    if (sendInitialEvents === undefined) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
    if (match !== 'NotOlderThan') errors.push({ type: 'NotSupported', field: 'resourceVersionMatch', value: match, detail: '', supported: ['NotOlderThan'] })
    if (token) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
  }
  if (errors.length) throw invalid(listOptions, '', errors)
}
