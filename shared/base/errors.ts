/**
 * One error class for everything the API refuses: an HTTP code, a reason and a body, as upstream's
 * `k8s.io/apimachinery/pkg/api/errors` makes them. Narrow with the guards, never by message.
 */
import type { Status, StatusCause } from '../api/meta-v1.ts'

/** `metav1.StatusReason`. */
export type Reason =
  | 'BadRequest' | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'MethodNotAllowed' | 'NotAcceptable' | 'AlreadyExists' | 'Conflict' | 'Gone'
  | 'Expired' | 'RequestEntityTooLarge' | 'UnsupportedMediaType' | 'Invalid' | 'TooManyRequests' | 'InternalError' | 'ServiceUnavailable' | 'Timeout'
  | 'ServerTimeout' | 'StoreReadError' | ''

const codes: Readonly<Record<Exclude<Reason, ''>, number>> = {
  BadRequest: 400, Unauthorized: 401, Forbidden: 403, NotFound: 404, MethodNotAllowed: 405, NotAcceptable: 406, AlreadyExists: 409, Conflict: 409,
  Gone: 410, Expired: 410, RequestEntityTooLarge: 413, UnsupportedMediaType: 415, Invalid: 422, TooManyRequests: 429, InternalError: 500,
  ServiceUnavailable: 503, Timeout: 504, ServerTimeout: 500, StoreReadError: 500,
}

export interface StatusDetails { name?: string; group?: string; kind?: string; uid?: string; causes?: StatusCause[]; retryAfterSeconds?: number }

export class StatusError extends Error {
  readonly code: number
  readonly reason: Reason
  readonly details: StatusDetails | undefined

  constructor(reason: Reason, message: string, options: { code?: number; details?: StatusDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StatusError'
    this.reason = reason
    this.code = options.code ?? (reason === '' ? 500 : codes[reason])
    this.details = options.details
  }

  /** The `metav1.Status` body of this error. */
  toStatus(): Status {
    return {
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message,
      ...(this.reason ? { reason: this.reason } : {}), ...(this.details ? { details: this.details } : {}), code: this.code,
    }
  }

  /** The error a `Status` body stands for. */
  static from(status: Status): StatusError {
    return new StatusError((status.reason ?? '') as Reason, status.message ?? 'unknown error', {
      code: status.code ?? 500, ...(status.details ? { details: status.details as StatusDetails } : {}),
    })
  }
}

/** What an error message names: `deployments.apps "web"`. */
export interface Named { group: string; resource: string; name: string }

const qualified = (n: { group: string; resource: string }): string => (n.group ? `${n.resource}.${n.group}` : n.resource)
const detailsOf = (n: Named): StatusDetails => ({ name: n.name, ...(n.group ? { group: n.group } : {}), kind: n.resource })

export const notFound = (n: Named): StatusError => new StatusError('NotFound', `${qualified(n)} "${n.name}" not found`, { details: detailsOf(n) })
export const alreadyExists = (n: Named): StatusError => new StatusError('AlreadyExists', `${qualified(n)} "${n.name}" already exists`, { details: detailsOf(n) })
export const conflict = (n: Named, why: string): StatusError =>
  new StatusError('Conflict', `Operation cannot be fulfilled on ${qualified(n)} "${n.name}": ${why}`, { details: detailsOf(n) })
export const badRequest = (message: string): StatusError => new StatusError('BadRequest', message)
export const forbidden = (n: Named, why: string): StatusError =>
  new StatusError('Forbidden', `${qualified(n)}${n.name ? ` "${n.name}"` : ''} is forbidden: ${why}`, { details: detailsOf(n) })
/** A watch or continue token from before the oldest revision kept (HTTP 410). */
export const expired = (message: string): StatusError => new StatusError('Expired', message)
export const unauthorized = (): StatusError => new StatusError('Unauthorized', 'Unauthorized')
export const internal = (message: string, cause?: unknown): StatusError =>
  new StatusError('InternalError', `Internal error occurred: ${message}`, { details: { causes: [{ message }] }, ...(cause === undefined ? {} : { cause }) })

export const isStatus = (e: unknown): e is StatusError => e instanceof StatusError
export const isNotFound = (e: unknown): boolean => isStatus(e) && e.reason === 'NotFound'
export const isAlreadyExists = (e: unknown): boolean => isStatus(e) && e.reason === 'AlreadyExists'
export const isConflict = (e: unknown): boolean => isStatus(e) && e.reason === 'Conflict'
/** The caller must list again: its revision is compacted. */
export const isExpired = (e: unknown): boolean => isStatus(e) && (e.reason === 'Expired' || e.reason === 'Gone' || e.code === 410)
/** The text of anything thrown. */
export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e))
