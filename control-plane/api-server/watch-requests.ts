/** A watch over HTTP: its options, its end, and the form of what goes wrong. */
import { isExpired, StatusError } from '../../shared/base/errors.ts'
import { PROTOBUF } from './negotiate.ts'
import { watchRequest } from './request-options.ts'
import type { Exchange } from './resource-requests.ts'
import { includeObject } from './server-response.ts'
import type { ApiContext, Target } from './verbs/context.ts'
import { askedOf, endOf } from './verbs/versions.ts'
import type { WatchSource } from './watch/source.ts'
import { openWatch } from './watch/source.ts'
import { errorEvent, type Frames, streamWatch } from './watch/stream.ts'
import { inVersionAsked } from './watch/versioned-source.ts'

/** Upstream's `--min-request-timeout`: a watch ends after 30 to 60 minutes unless it says otherwise, so that clients spread again. */
const MIN_WATCH_SECONDS = 1800

/** Undefined: the revision is too old, which upstream says inside the stream (`newErrWatcher`), and so was said here. */
async function opened(ctx: ApiContext, exchange: Exchange, target: Target): Promise<WatchSource | undefined> {
  try {
    return await inVersionAsked(askedOf(target), ctx.objects, openWatch(ctx, target, watchRequest(exchange.info.query)))
  } catch (e) {
    if (!isExpired(e)) throw e
    begin(exchange)
    exchange.res.end(errorEvent(e as StatusError, await framesOf(exchange)))
    return undefined
  }
}

/** Loaded with the first such watch. */
const framesOf = async ({ form }: Exchange): Promise<Frames | undefined> => (form.encoding === 'protobuf' ? (await import('./watch/protobuf-frames.ts')).protobufFrames() : undefined)

function begin({ res, form }: Exchange): void {
  res.setHeader('Content-Type', form.encoding === 'protobuf' ? `${PROTOBUF};stream=watch` : 'application/json')
  res.setHeader('Cache-Control', 'no-cache, private')
  res.writeHead(200)
}

export async function watch(ctx: ApiContext, exchange: Exchange, target: Target): Promise<void> {
  const { res, info, form, ended } = exchange
  const request = watchRequest(info.query)
  const include = includeObject(info)
  const source = await opened(ctx, exchange, target)
  if (!source) return
  const timeout = new AbortController()
  const { clock, random } = ctx.host
  const lasts = 1000 * (request.timeoutSeconds || MIN_WATCH_SECONDS * (1 + random.float()))
  using _timer = clock.after(lasts, () => timeout.abort())
  const frames = await framesOf(exchange)
  begin(exchange)
  await streamWatch(res, source, {
    definition: askedOf(target), form, includeObject: include, bookmarks: request.allowWatchBookmarks === true, objects: ctx.objects, clock, lasts, counted: exchange.counted, ...(frames ? { frames } : {}),
  }, AbortSignal.any([ended, timeout.signal, ...endOf(askedOf(target))]))
}
