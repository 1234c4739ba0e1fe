/** `PodLogOptions` from a query, with upstream's validation (`pkg/apis/core/validation.ValidatePodLogOptions`). */
import { StatusError } from '../../../shared/base/errors.ts'
import type { LogParams } from '../../../shared/streams/requests.ts'

export type LogQuery = Pick<LogParams, 'follow' | 'previous' | 'timestamps' | 'tailLines' | 'limitBytes' | 'since'> & { readonly container: string | undefined }

const truthy = (v: string | null): boolean => v !== null && v !== '0' && v !== 'false'

function refuse(field: string, value: string, why: string): never {
  const message = `Invalid value: ${/^-?\d+$/.test(value) ? value : JSON.stringify(value)}: ${why}`
  throw new StatusError('Invalid', `PodLogOptions "" is invalid: ${field}: ${message}`, {
    details: { kind: 'PodLogOptions', causes: [{ reason: 'FieldValueInvalid', message, field }] },
  })
}

function integer(query: URLSearchParams, field: string, least: number): number | undefined {
  const text = query.get(field)
  if (text === null || text === '') return undefined
  const n = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(n)) throw new StatusError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  if (n < least) refuse(field, text, least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0')
  return n
}

/** `now` in milliseconds turns `sinceSeconds` into a time. */
export function parseLogOptions(query: URLSearchParams, now: number): LogQuery {
  const sinceSeconds = integer(query, 'sinceSeconds', 1)
  const sinceTime = query.get('sinceTime')
  if (sinceSeconds !== undefined && sinceTime) refuse('sinceSeconds', String(sinceSeconds), 'at most one of `sinceTime` or `sinceSeconds` may be specified')
  const parsed = sinceTime ? Date.parse(sinceTime) : undefined
  if (parsed !== undefined && Number.isNaN(parsed)) throw new StatusError('BadRequest', `parsing time ${JSON.stringify(sinceTime)} as RFC 3339: cannot parse`)
  const stream = query.get('stream')
  if (stream && stream !== 'All') throw new StatusError('BadRequest', `stream ${JSON.stringify(stream)} is not supported: logs keep the order of both streams, not which one a line came from`)
  const tailLines = integer(query, 'tailLines', 0)
  const limitBytes = integer(query, 'limitBytes', 1)
  const since = sinceSeconds === undefined ? parsed : now - sinceSeconds * 1000
  return {
    container: query.get('container') || undefined, follow: truthy(query.get('follow')), previous: truthy(query.get('previous')), timestamps: truthy(query.get('timestamps')),
    ...(tailLines === undefined ? {} : { tailLines }), ...(limitBytes === undefined ? {} : { limitBytes }), ...(since === undefined ? {} : { since }),
  }
}
