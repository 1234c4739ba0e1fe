import { beforeEach, describe, expect, it } from 'vitest'
import type { Secret } from '../../../shared/api/core-v1.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { RuntimeError, type Image, type PullProgress, type RegistryAuth } from '../../runtime/runtime.ts'
import type { Keyring } from './credentials.ts'
import { createPuller, type PullResult } from './puller.ts'

interface Call { readonly reference: string; readonly auth: RegistryAuth | undefined; readonly plainHttp: boolean; readonly signal: AbortSignal; readonly progress: (at: PullProgress) => void; done(): void; fail(code: RuntimeError['code'], message: string): void }

let clock: FakeClock
let calls: Call[]
let events: string[]
let node: Keyring

/** A registry whose every pull the test ends. */
function setUp(parallel = 2) {
  const image = (reference: string): Image => ({ id: `id of ${reference}`, tags: [reference], digests: [], sizeBytes: 7, user: '' })
  const puller = createPuller({
    clock, log: silentLog, parallel, plainHttp: ['plain:5000'], nodeKeyring: async () => node,
    runtime: {
      image: async () => undefined,
      pullImage: (reference, auth, { plainHttp }, signal, progress) => new Promise((resolve, reject) => {
        calls.push({ reference, auth, plainHttp, signal, progress, done: () => resolve(image(reference)), fail: (code, message) => reject(new RuntimeError(code, message)) })
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      }),
    },
  })
  return (reference: string, o: { secrets?: Secret[]; signal?: AbortSignal; pod?: string } = {}): Promise<PullResult> =>
    puller.ensure({ container: { name: 'main', image: reference }, secrets: o.secrets ?? [], ranBefore: false, event: (type, reason, message) => { events.push(`${o.pod ?? ''}${type} ${reason} ${message}`) } }, o.signal ?? new AbortController().signal)
}
const secret = (host: string, username: string): Secret => ({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths: { [host]: { username, password: 'secret' } } })).toString('base64') } })
const settle = (): Promise<void> => clock.advance(0)

beforeEach(() => { clock = new FakeClock(); calls = []; events = []; node = [] })

describe('one pull for all', () => {
  it('that want an image; each is told', async () => {
    const ensure = setUp()
    const [a, b] = [ensure('r.io/a:1', { pod: 'a ' }), ensure('r.io/a:1', { pod: 'b ' })]
    await settle()
    expect(calls.length).toBe(1)
    await clock.advance(1500)
    calls[0]!.done()
    expect(await a).toEqual(await b)
    expect(events).toEqual([...['a', 'b'].map((p) => `${p} Normal Pulling Pulling image "r.io/a:1"`), ...['a', 'b'].map((p) => `${p} Normal Pulled Successfully pulled image "r.io/a:1" in 1.5s (1.5s including waiting). Image size: 7 bytes.`)])
  })
  it('but not for one who comes with other credentials, or none', async () => {
    const ensure = setUp(3)
    void ensure('r.io/a:1', { secrets: [secret('r.io', 'x')] })
    void ensure('r.io/a:1')
    void ensure('r.io/a:1', { secrets: [secret('r.io', 'y')] })
    await settle()
    expect(calls.map((c) => c.auth?.username)).toEqual(['x', undefined, 'y'])
  })
  it('which ends when nobody waits any more, and no sooner', async () => {
    const ensure = setUp()
    const [one, two] = [new AbortController(), new AbortController()]
    const [a, b] = [ensure('r.io/a:1', { signal: one.signal }), ensure('r.io/a:1', { signal: two.signal })].map((p) => p.catch((e: Error) => e.message))
    await settle()
    one.abort(new Error('pod gone'))
    expect(await a).toBe('pod gone')
    expect(calls[0]!.signal.aborted).toBe(false)
    two.abort(new Error('pod gone'))
    expect(await b).toBe('pod gone')
    expect(calls[0]!.signal.aborted).toBe(true)
    void ensure('r.io/a:1')
    await settle()
    expect(calls.length).toBe(2)
  })
})

it('so many at a time, the rest wait', async () => {
  const ensure = setUp(2)
  const all = ['a', 'b', 'c'].map((n) => ensure(`r.io/${n}:1`))
  await settle()
  expect(calls.map((c) => c.reference)).toEqual(['r.io/a:1', 'r.io/b:1'])
  await clock.advance(4000)
  calls[0]!.done()
  await all[0]
  await settle()
  expect(calls.length).toBe(3)
  calls[1]!.done()
  calls[2]!.done()
  await Promise.all(all)
  expect(events.at(-1)).toBe('Normal Pulled Successfully pulled image "r.io/c:1" in 0ms (4s including waiting). Image size: 7 bytes.')
})

describe('credentials', () => {
  it('are tried in order, those of the pod first, until one is let in', async () => {
    node = [{ key: 'r.io', auth: { username: 'node', password: 'n' } }]
    const result = setUp()('r.io/a:1', { secrets: [secret('r.io', 'old'), secret('r.io', 'new')] })
    for (let i = 0; i < 2; i++) { await settle(); calls[i]!.fail('pull-denied', 'no') }
    await settle()
    calls[2]!.done()
    expect((await result).ok).toBe(true)
    expect(calls.map((c) => c.auth?.username)).toEqual(['old', 'new', 'node'])
  })
  it('none of which is let in: all that was said, once; without them as nobody', async () => {
    const ensure = setUp()
    const refused = ensure('r.io/a:1', { secrets: [secret('r.io', 'x'), secret('r.io', 'y'), secret('r.io', 'z')] })
    for (const [i, why] of ['no x', 'no yz', 'no yz'].entries()) { await settle(); calls[i]!.fail('pull-denied', why) }
    expect(await refused).toMatchObject({ ok: false, reason: 'ErrImagePull', message: '[no x, no yz]' })
    expect(JSON.stringify(events)).not.toContain('secret')
    void ensure('plain:5000/a:1', { secrets: [secret('r.io', 'x')] })
    await settle()
    expect(calls[3]).toMatchObject({ auth: undefined, plainHttp: true })
  })
  it('are not tried at a registry that does not answer', async () => {
    const result = setUp()('r.io/a:1', { secrets: [secret('r.io', 'x'), secret('r.io', 'y')] })
    await settle()
    calls[0]!.fail('pull-failed', 'connection refused')
    expect(await result).toMatchObject({ message: 'connection refused' })
    expect(calls.length).toBe(1)
  })
})

describe('a link that breaks', () => {
  const at = (doneBytes: number): PullProgress => ({ phase: 'downloading', doneBytes, totalBytes: 100 })
  it('is gone on with at once as long as each try gets further, and given up where one does not', async () => {
    const result = setUp()('r.io/a:1')
    for (const [i, bytes] of [10, 30, 30].entries()) {
      await settle()
      await clock.advance(1000)
      calls[i]!.progress(at(bytes))
      calls[i]!.fail('pull-failed', `broke at ${bytes}`)
    }
    expect(await result).toMatchObject({ ok: false, reason: 'ErrImagePull', message: 'broke at 30', backOff: true })
    expect(calls.length).toBe(3)
  })
  it('and stands still is cut off after a minute; unpacking may take as long as it takes', async () => {
    const result = setUp()('r.io/a:1')
    await settle()
    calls[0]!.progress(at(0))
    await clock.advance(59_000)
    calls[0]!.progress(at(0))
    await clock.advance(59_000)
    expect(calls[0]!.signal.aborted).toBe(false)
    calls[0]!.progress({ phase: 'unpacking', doneBytes: 100, totalBytes: 100 })
    await clock.advance(600_000)
    expect(calls[0]!.signal.aborted).toBe(false)
    calls[0]!.progress(at(40))
    await clock.advance(60_000)
    expect(calls[0]!.signal.aborted).toBe(true)
    await clock.advance(1000)
    calls[1]!.fail('pull-failed', 'again')
    expect(await result).toMatchObject({ message: 'again' })
  })
  it('says which image stood still', async () => {
    const result = setUp()('r.io/a:1')
    await settle()
    await clock.advance(60_000)
    expect(await result).toMatchObject({ reason: 'ErrImagePull', message: 'cancel pulling image "r.io/a:1" because of no progress in 1m0s' })
    expect(clock.pending).toBe(0)
  })
})

it('a long pull tells how far it is: each half minute at most, each tenth at most', async () => {
  const result = setUp()('r.io/a:1')
  await settle()
  const mib = (n: number): number => n * 2 ** 20
  for (let second = 1; second <= 300; second++) {
    await clock.advance(1000)
    calls[0]!.progress({ phase: 'downloading', doneBytes: mib(second) / 4, totalBytes: mib(200) })
  }
  for (let i = 0; i < 3; i++) { await clock.advance(40_000); calls[0]!.progress({ phase: 'unpacking', doneBytes: mib(200), totalBytes: mib(200) }) }
  calls[0]!.done()
  await result
  expect(events.slice(1, -1)).toEqual([
    'Normal Pulling Pulling image "r.io/a:1": 20.0 MiB of 200.0 MiB (10 %)', 'Normal Pulling Pulling image "r.io/a:1": 40.0 MiB of 200.0 MiB (20 %)', 'Normal Pulling Pulling image "r.io/a:1": 60.0 MiB of 200.0 MiB (30 %)',
    'Normal Pulling Pulling image "r.io/a:1": 200.0 MiB are here and being unpacked',
  ])
})
