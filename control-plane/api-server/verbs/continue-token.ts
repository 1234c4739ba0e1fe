/**
 * Continue tokens as upstream encodes them (`k8s.io/apiserver/pkg/storage/continue.go`): base64url of `{"v","rv","start"}`, where `start`
 * is the first key not seen, relative to the listed prefix, and `rv` -1 means "whatever is current". Ours add `t`, the wall clock of the first
 * page: history may be kept for long where little happens, but a client is promised a consistent list for upstream's compaction interval only. Pure.
 */
import { badRequest, StatusError } from '../../../shared/base/errors.ts'
import type { Status } from '../../../shared/api/meta-v1.ts'

const VERSION = 'meta.k8s.io/v1'

/** `--etcd-compaction-interval`: after it upstream answers a token with 410 and a fresh, inconsistent one. */
export const CONTINUE_LIFE = 300_000

export interface Continuation {
  /** -1: an inconsistent continuation at the newest state. */
  readonly revision: number
  readonly start: string
  /** Wall clock of the first page, milliseconds; absent where the token is of no fixed state. */
  readonly since?: number
}

export const encodeContinue = ({ revision, start, since }: Continuation): string =>
  Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start, ...(since === undefined ? {} : { t: since }) })).toString('base64url')

const bad = (why: string): StatusError => badRequest(`invalid continue token: continue key is not valid${why}`)

/** Would a path be cleaned into another one: a key that leaves the listed prefix (`../`), or empty segments. */
const unclean = (start: string): boolean => start.split('/').some((part) => part === '' || part === '.' || part === '..')

/** BadRequest for anything that no server makes. */
export function decodeContinue(token: string): Continuation {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    throw bad(': the token cannot be decoded')
  }
  if (typeof parsed !== 'object' || parsed === null) throw bad(': the token cannot be decoded')
  const { v, rv, start, t } = parsed as Record<string, unknown>
  if (v !== VERSION) throw bad(`: server does not recognize this encoded version ${typeof v === 'string' ? v : ''}`)
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) throw bad(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '') throw bad(': encoded start key empty (version meta.k8s.io/v1)')
  if (unclean(start)) throw bad(`: ${start}`)
  return { revision: rv, start, ...(typeof t === 'number' && Number.isFinite(t) ? { since: t } : {}) }
}

/** 410 whose `metadata.continue` lets a client who does not mind go on inconsistently (`handleCompactedErrorForPaging`). */
export class ContinueExpiredError extends StatusError {
  readonly #token: string
  constructor(start: string) {
    super('Expired', 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue '
      + 'parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in '
      + 'an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.')
    this.#token = encodeContinue({ revision: -1, start })
  }

  override toStatus(): Status { return { ...super.toStatus(), metadata: { continue: this.#token } } }
}
