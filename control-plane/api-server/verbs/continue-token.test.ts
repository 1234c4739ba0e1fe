import { expect, it } from 'vitest'
import { ContinueExpiredError, decodeContinue, encodeContinue } from './continue-token.ts'

it('reads what it wrote, and upstream\'s form of it', () => {
  expect(decodeContinue(encodeContinue({ revision: 42, start: 'default/b' }))).toEqual({ revision: 42, start: 'default/b' })
  expect(decodeContinue(Buffer.from('{"v":"meta.k8s.io/v1","rv":-1,"start":"a"}').toString('base64url'))).toEqual({ revision: -1, start: 'a' })
})

it.each(['', 'junk', Buffer.from('{"v":"v2","rv":1,"start":"a"}').toString('base64url'), Buffer.from('{"v":"meta.k8s.io/v1","rv":0,"start":"a"}').toString('base64url'),
  Buffer.from('{"v":"meta.k8s.io/v1","rv":1}').toString('base64url')])('refuses %j', (token) => {
  expect(() => decodeContinue(token)).toThrow(/continue key is not valid/)
})

it.each(['../secrets/x', 'a//b', './a', '/a'])('refuses a start that leaves what was listed: %j', (start) => {
  expect(() => decodeContinue(encodeContinue({ revision: 1, start }))).toThrow(/continue key is not valid/)
})

it('keeps when the first page was made', () => {
  expect(decodeContinue(encodeContinue({ revision: 42, start: 'a', since: 5 }))).toEqual({ revision: 42, start: 'a', since: 5 })
})

it('offers an inconsistent continuation in the 410', () => {
  const status = new ContinueExpiredError('default/b').toStatus()
  expect(status).toMatchObject({ code: 410, reason: 'Expired' })
  expect(decodeContinue(status.metadata?.continue ?? '')).toEqual({ revision: -1, start: 'default/b' })
})
