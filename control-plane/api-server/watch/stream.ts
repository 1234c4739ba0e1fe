/**
 * A watch as an HTTP answer: one JSON object a line, in order. Stored bytes go out as they are, so an event is serialised once however many watch.
 * A client that does not read stops its own pulling; when it falls out of the store's window it gets a 410 ERROR event and the end.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { KubeObject } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { StatusError } from '../../../shared/base/errors.ts'
import type { Entry } from '../../store/store.ts'
import { toPartialMetadata } from '../encode/partial-metadata.ts'
import { toTable } from '../encode/table.ts'
import type { Form } from '../negotiate.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ObjectCache } from './cache.ts'
import type { WatchSource } from './source.ts'
import type { WatchItem } from './transition.ts'

/** As upstream: a bookmark about once a minute, and one shortly before the end, so that the next watch begins near the present. */
const BOOKMARK_INTERVAL = 60_000
const BOOKMARK_BEFORE_END = 2_000
/** A client that takes nothing for so long is cut off: what it was sent last, and the old states its last batch refers to, are held for it. */
const DRAIN_TIMEOUT = 60_000
/** Initial events are written in pieces of this size, so that a large state neither blocks the loop nor fills memory. */
const CHUNK_BYTES = 128 << 10

/** Bytes of deletions, which are not stored bytes: made once for all watchers of the same change. */
const deletionBytes = new WeakMap<Entry, Buffer>()

const heads = {
  ADDED: Buffer.from('{"type":"ADDED","object":'), MODIFIED: Buffer.from('{"type":"MODIFIED","object":'), DELETED: Buffer.from('{"type":"DELETED","object":'),
} as const
const TAIL = Buffer.from('}\n')

export interface StreamOptions {
  readonly definition: ResourceDefinition
  readonly form: Form
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly bookmarks: boolean
  /** When the watch will be ended, in milliseconds from now. */
  readonly lasts: number
  /** Told how many events were written. */
  counted(events: number): void
  readonly objects: ObjectCache
  readonly clock: Clock
  /** Frames in another encoding than JSON lines. */
  readonly frames?: Frames
}

/** How events are written where they are no JSON lines. */
export interface Frames {
  /** `shared`: the bytes of this object may be asked for again by other watchers of the same change. */
  frame(type: WatchItem['type'] | 'BOOKMARK' | 'ERROR', object: KubeObject, shared?: Entry): Buffer
}

/** Turns items into lines. Holds whether the Table's columns were sent. */
class EventEncoder {
  readonly #options: StreamOptions
  #headed = false
  constructor(options: StreamOptions) { this.#options = options }

  push(item: WatchItem, into: Buffer[]): void {
    const { frames, objects, form } = this.#options
    if (frames) {
      const object = item.at === undefined ? objects.object(item.entry) : objects.objectAt(item.entry, item.at)
      const whole = form.as === 'json'
      into.push(frames.frame(item.type, whole ? object : toPartialMetadata(object), whole && item.at === undefined ? item.entry : undefined))
    } else into.push(heads[item.type], this.#options.form.as === 'json' ? this.#plain(item) : this.#transformed(item), TAIL)
  }

  #plain({ entry, at }: WatchItem): Buffer {
    if (at === undefined) return entry.value
    // Only the entry of a deletion is one event's own; a state that stopped matching may show with several revisions.
    const own = entry.modRevision === at
    let bytes = own ? deletionBytes.get(entry) : undefined
    if (!bytes) {
      bytes = Buffer.from(JSON.stringify(this.#options.objects.objectAt(entry, at)))
      if (own) deletionBytes.set(entry, bytes)
    }
    return bytes
  }

  #transformed({ entry, at }: WatchItem): Buffer {
    const { objects } = this.#options
    return this.#json(at === undefined ? objects.object(entry) : objects.objectAt(entry, at))
  }

  #json(object: KubeObject): Buffer {
    const { form, definition, clock, includeObject } = this.#options
    if (form.as !== 'table') return Buffer.from(JSON.stringify(toPartialMetadata(object)))
    const table = toTable(definition, [object], {
      now: clock.now(), includeObject, noHeaders: this.#headed, version: form.version === 'v1beta1' ? 'v1beta1' : 'v1',
      listMeta: { resourceVersion: object.metadata?.resourceVersion ?? '' },
    })
    this.#headed = true
    return Buffer.from(JSON.stringify(table))
  }

  bookmark(revision: number, initialEnd: boolean): Buffer {
    const { definition } = this.#options
    const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) }
    const object = { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata } as unknown as KubeObject
    const { frames } = this.#options
    if (frames) return frames.frame('BOOKMARK', this.#options.form.as === 'json' ? object : toPartialMetadata(object))
    return Buffer.concat([BOOKMARK, this.#options.form.as === 'json' ? Buffer.from(JSON.stringify(object)) : this.#json(object), TAIL])
  }
}

const BOOKMARK = Buffer.from('{"type":"BOOKMARK","object":')

export const errorEvent = (error: StatusError, frames?: Frames): string | Buffer =>
  (frames ? frames.frame('ERROR', error.toStatus()) : `${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`)

/** Writes until `signal` aborts (the timeout, the client leaving, shutdown) or the source ends; then ends the answer. The head must be set, not sent. */
export async function streamWatch(res: ServerResponse, source: WatchSource, options: StreamOptions, signal: AbortSignal): Promise<void> {
  const encoder = new EventEncoder(options)
  const write = async (buffers: Buffer[]): Promise<void> => {
    if (res.write(buffers.length === 1 ? buffers[0] : Buffer.concat(buffers))) return
    using _patience = options.clock.after(DRAIN_TIMEOUT, () => res.destroy())
    await once(res, 'drain', { signal })
  }
  // Between events: the source is asked again only once what it gave is written, so its progress is what the client has been sent.
  let writing = true
  const timer = options.bookmarks ? bookmarks(options, () => {
    if (writing || res.writableNeedDrain || res.writableEnded) return
    res.write(encoder.bookmark(source.progress, false))
  }) : undefined
  try {
    res.flushHeaders()
    await writeInitial(source, encoder, write)
    options.counted(source.initial.length)
    for (;;) {
      writing = false
      const items = await source.next(signal)
      writing = true
      await writeItems(items, encoder, write)
      options.counted(items.length)
    }
  } catch (e) {
    if (e instanceof StatusError) res.write(errorEvent(e, options.frames))
    else if (!signal.aborted && (e as Error).name !== 'AbortError') throw e
  } finally {
    timer?.[Symbol.dispose]()
    source.close()
    res.end()
  }
}

type Write = (buffers: Buffer[]) => Promise<void>

async function writeInitial(source: WatchSource, encoder: EventEncoder, write: Write): Promise<void> {
  const at = source.progress
  await writeItems(source.initial, encoder, write)
  if (source.marksInitialEnd) await write([encoder.bookmark(at, true)])
}

/** In pieces, each written when the one before is with the client: what waits for a slow one is one piece and references to stored bytes. */
async function writeItems(items: readonly WatchItem[], encoder: EventEncoder, write: Write): Promise<void> {
  let buffers: Buffer[] = []
  let size = 0
  for (const item of items) {
    encoder.push(item, buffers)
    size += item.entry.value.length
    if (size < CHUNK_BYTES) continue
    await write(buffers)
    buffers = []
    size = 0
  }
  if (buffers.length) await write(buffers)
}

function bookmarks({ clock, lasts }: StreamOptions, send: () => void): Disposable {
  let timer: Disposable
  const arm = (): void => { timer = clock.after(BOOKMARK_INTERVAL, () => { send(); arm() }) }
  arm()
  const last = clock.after(Math.max(0, lasts - BOOKMARK_BEFORE_END), send)
  return { [Symbol.dispose]: () => { timer[Symbol.dispose](); last[Symbol.dispose]() } }
}
