import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatusError } from '../../../shared/base/errors.ts'
import { decodeContinue, encodeContinue } from './continue-token.ts'

/** The end of a key: names of objects and namespaces, never empty, never upwards. */
const start = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?(\/[a-z0-9]{1,10})?$/)

describe('a continue token', () => {
  it('says what was put in', () => {
    fc.assert(fc.property(fc.integer({ min: 1 }), start, fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: undefined }), (revision, key, since) => {
      const token = since === undefined ? encodeContinue({ revision, start: key }) : encodeContinue({ revision, start: key, since })
      expect(token).toMatch(/^[\w-]+$/)
      expect(decodeContinue(token)).toMatchObject({ revision, start: key, ...(since === undefined ? {} : { since }) })
    }))
  })

  const judged = (token: string): unknown => {
    try {
      return decodeContinue(token)
    } catch (e) {
      expect(e).toBeInstanceOf(StatusError)
      expect(e).toMatchObject({ code: 400, reason: 'BadRequest', message: expect.stringMatching(/^invalid continue token: continue key is not valid: /) as unknown })
      return undefined
    }
  }

  it('that was altered is read as another or refused with 400, never anything else', () => {
    fc.assert(fc.property(fc.integer({ min: 1 }), start, fc.nat(), fc.stringMatching(/^[A-Za-z0-9_-]{1,3}$/), (revision, key, at, other) => {
      const token = encodeContinue({ revision, start: key })
      const place = at % token.length
      judged(token.slice(0, place) + other + token.slice(place + other.length))
    }), { numRuns: 1000 })
  })

  it('that is none is refused with 400', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json().map((text) => Buffer.from(text).toString('base64url'))), (token) => { judged(token) }), { numRuns: 1000 })
  })

  it.each(['../a', 'a/../b', '/a', '..'])('does not lead out of its list: %s', (key) => {
    expect(judged(Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 5, start: key })).toString('base64url'))).toBeUndefined()
  })
})
