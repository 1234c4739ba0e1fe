/**
 * Continue tokens as upstream encodes them (`k8s.io/apiserver/pkg/storage/continue.go`): base64url of `{"v","rv","start"}`, where `start`
 * is the first key not seen, relative to the listed prefix, and `rv` -1 means "whatever is current". Pure.
 */
import { badRequest, StatusError } from '../../../shared/base/errors.ts'
import type { Status } from '../../../shared/api/meta-v1.ts'

const VERSION = 'meta.k8s.io/v1'

export interface Continuation { /** -1: an inconsistent continuation at the newest state. */ readonly revision: number; readonly start: string }

export const encodeContinue = (at: Continuation): string => Buffer.from(JSON.stringify({ v: VERSION, rv: at.revision, start: at.start })).toString('base64url')

/** BadRequest for anything that this server did not make. */
export function decodeContinue(token: string): Continuation {
  const bad = (why: string): StatusError => badRequest(`continue key is not valid: ${why}`)
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    throw bad('it is not an encoded continue token')
  }
  if (typeof parsed !== 'object' || parsed === null) throw bad('it is not an encoded continue token')
  const { v, rv, start } = parsed as Record<string, unknown>
  if (v !== VERSION) throw bad(`server does not recognize this encoded version ${JSON.stringify(v)}`)
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) throw bad('incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '') throw bad('encoded start key empty (version meta.k8s.io/v1)')
  return { revision: rv, start }
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
