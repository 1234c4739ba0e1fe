import { expect, it } from 'vitest'
import type { Log } from '../../shared/base/host.ts'
import { RpcServer } from './rpc-server.ts'

const quiet: Log = { debug() { /* nothing */ }, info() { /* nothing */ }, warn() { /* nothing */ }, error() { /* nothing */ }, child: () => quiet }
const call = (id: number) => ({ type: 'call', id: String(id), method: 'wait', params: id }) as const

it('carries out 64 calls at a time, lets 1024 wait in order, and refuses what is more', async () => {
  const server = new RpcServer(quiet)
  const running: { id: unknown; end: () => void }[] = []
  server.register('wait', (id) => new Promise((resolve) => { running.push({ id, end: () => resolve(id) }) }))
  const { signal } = new AbortController()
  const replies = Array.from({ length: 64 + 1024 }, (_, i) => server.handle(call(i), signal))
  expect(await server.handle(call(9999), signal)).toMatchObject({ error: { reason: 'TooManyRequests' } })
  expect(running.map((r) => r.id)).toEqual(Array.from({ length: 64 }, (_, i) => i))
  for (let i = 0; i < replies.length; i++) {
    running[i]!.end()
    expect(await replies[i]).toEqual({ type: 'reply', id: String(i), result: i })
    expect(running.length).toBeLessThanOrEqual(i + 1 + 64)
  }
})

it('a call that waited until its connection was lost is not carried out, and gives its place on', async () => {
  const server = new RpcServer(quiet)
  const ends: (() => void)[] = []
  server.register('wait', () => new Promise((resolve) => { ends.push(() => resolve(1)) }))
  const lost = new AbortController()
  const { signal } = new AbortController()
  const first = Array.from({ length: 64 }, (_, i) => server.handle(call(i), signal))
  const gone = server.handle(call(64), lost.signal)
  const next = server.handle(call(65), signal)
  lost.abort()
  ends[0]!()
  expect(await gone).toMatchObject({ error: { reason: 'ServiceUnavailable' } })
  for (let i = 1; i < 65; i++) ends[i]!()
  expect((await Promise.all([...first, next])).every((r) => 'result' in r)).toBe(true)
  expect(ends).toHaveLength(65)
})
