/** How much one request, and one client, may take: body, time, seats, streams. */
import type { IncomingMessage } from 'node:http'
import { badRequest, StatusError } from '../../shared/base/errors.ts'
import type { Clock } from '../../shared/base/host.ts'
import { parseDuration } from '../../shared/values/duration.ts'
import type { Store } from '../store/store.ts'
import { tooMany } from './flow-control/flow-control.ts'
import { resourcePrefix } from './keys.ts'
import type { RequestInfo } from './request-info.ts'
import type { Registry } from './resources/registry.ts'

/** etcd's request limit is 1.5 MiB; upstream's API server reads up to 3 MiB (`MaxRequestBodyBytes`). */
export const MAX_BODY_BYTES = 3 << 20
/** Upstream's `--request-timeout`. */
export const REQUEST_TIMEOUT = 60_000
/** Watches and streams of one user: a controller holds about fifty, and each costs a connection of ours. */
const MAX_LASTING_PER_USER = 500

/** Bodies held at a time, of one user and of all: whoever sends more at once is told to come back. */
const MAX_HELD_PER_USER = 16 << 20
const MAX_HELD = 64 << 20

const tooLarge = (): StatusError => new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`)

export interface Body extends Disposable { readonly bytes: Buffer }

const NO_BODY: Body = { bytes: Buffer.alloc(0), [Symbol.dispose]: () => undefined }

/**
 * Reads bodies before their requests take a seat: a client that sends slowly, or never ends, holds its own connection and nobody's turn.
 */
export class Bodies {
  readonly #byUser = new Map<string, number>()
  #held = 0

  /** Whole; 413 where it is larger than we take, 429 where too much is held. Counts until disposed. */
  read(req: IncomingMessage, user: string): Body | Promise<Body> {
    const length = Number(req.headers['content-length'] ?? 0)
    if (!length && req.headers['transfer-encoding'] === undefined) return NO_BODY
    if (length > MAX_BODY_BYTES) throw tooLarge()
    return this.#read(req, user)
  }

  async #read(req: IncomingMessage, user: string): Promise<Body> {
    let size = 0
    const dispose = (): void => { this.#count(user, -size); size = 0 }
    try {
      const bytes = await new Promise<Buffer>((resolve, reject) => {
        const chunks: Buffer[] = []
        const refuse = (error: StatusError): void => { req.off('data', take); req.pause(); reject(error) }
        const take = (chunk: Buffer): void => {
          size += chunk.length
          if (size > MAX_BODY_BYTES) { size -= chunk.length; refuse(tooLarge()); return }
          if (!this.#count(user, chunk.length)) { refuse(tooMany()); return }
          chunks.push(chunk)
        }
        req.on('data', take)
        req.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
        req.on('error', reject)
        req.on('close', () => { if (!req.complete) reject(new StatusError('BadRequest', 'the client closed the connection before the body was complete')) })
      })
      return { bytes, [Symbol.dispose]: dispose }
    } catch (e) {
      dispose()
      throw e
    }
  }

  /** False: there is no room; counted all the same, for what was counted is given back. */
  #count(user: string, bytes: number): boolean {
    const held = (this.#byUser.get(user) ?? 0) + bytes
    this.#held += bytes
    if (held > 0) this.#byUser.set(user, held)
    else this.#byUser.delete(user)
    return held <= MAX_HELD_PER_USER && this.#held <= MAX_HELD
  }
}

/** What is still taken of a body that is refused. */
const MAX_DISCARDED = 16 << 20
/** And for how long: milliseconds. */
const DISCARDING = 1000

/**
 * Takes the rest of a body that is refused, and drops it: a connection that is closed with data unread is reset, and the client may lose the answer
 * with it (RFC 9112 §9.6). False where it did not come to its end: the connection is of no use then.
 */
export function discardBody(req: IncomingMessage, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    let size = 0
    const done = (whole: boolean): void => {
      timer[Symbol.dispose]()
      req.off('data', drop)
      req.pause()
      resolve(whole)
    }
    const drop = (chunk: Buffer): void => {
      size += chunk.length
      if (size > MAX_DISCARDED) done(false)
    }
    const timer = clock.after(DISCARDING, () => done(false))
    req.on('data', drop)
    req.once('end', () => done(true))
    req.once('close', () => done(false))
    req.resume()
  })
}

const lasting = new Set(['exec', 'attach', 'portforward', 'proxy', 'log'])

/** Upstream's `BasicLongRunningRequestCheck`: no deadline, no seat. */
export const isLongRunning = (info: RequestInfo): boolean => info.verb === 'watch' || (info.isResourceRequest && lasting.has(info.subresource))

/** Milliseconds until the answer must be there: `?timeout=`, at most and by default the server's own. */
export function deadlineOf({ query }: RequestInfo): number {
  const text = query.get('timeout')
  if (!text) return REQUEST_TIMEOUT
  const wanted = parseDuration(text)
  if (wanted === undefined) {
    // Go's own words for the two ways to be wrong that are common.
    const why = /^[+-]?\d+(\.\d*)?$/.test(text) ? 'missing unit in duration' : 'invalid duration'
    throw badRequest(`invalid timeout specified in the request URL - time: ${why} ${JSON.stringify(text)}`)
  }
  return wanted > 0 && wanted < REQUEST_TIMEOUT ? wanted : REQUEST_TIMEOUT
}

/** The 504 of a request whose time is over. What it began may still come to pass. */
export const timedOut = (): StatusError => new StatusError('Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded', { details: {} })

/** `k8s.io/apiserver/pkg/util/flowcontrol/request/list_work_estimator.go`: a seat for each hundred objects, at most ten. */
const OBJECTS_PER_SEAT = 100
const MAX_SEATS = 10

/** Seats a request takes: a list costs by what it walks over. */
export function widthOf(info: RequestInfo, { store, registry }: { store: Store; registry: Registry }): number {
  if ((info.verb !== 'list' && info.verb !== 'deletecollection') || info.name) return 1
  const definition = registry.find(info.group, info.version, info.resource)
  if (!definition) return 1
  const stored = store.count(resourcePrefix(definition.storage?.definition ?? definition, info.namespace))
  const limit = Number(info.query.get('limit') ?? 0)
  // A selective page walks on until it is full.
  const selective = info.query.has('labelSelector') || info.query.has('fieldSelector')
  const walked = limit > 0 && !selective ? Math.min(limit, stored) : stored
  return Math.min(MAX_SEATS, Math.max(1, Math.ceil(walked / OBJECTS_PER_SEAT)))
}

/** Counts what lasts, per user. */
export class LastingRequests {
  readonly #byUser = new Map<string, number>()

  /** Throws 429 where the user has as many as one may have. */
  open(user: string): Disposable {
    const count = this.#byUser.get(user) ?? 0
    if (count >= MAX_LASTING_PER_USER) throw tooMany(5)
    this.#byUser.set(user, count + 1)
    return { [Symbol.dispose]: () => {
      const left = (this.#byUser.get(user) ?? 1) - 1
      if (left > 0) this.#byUser.set(user, left)
      else this.#byUser.delete(user)
    } }
  }
}
