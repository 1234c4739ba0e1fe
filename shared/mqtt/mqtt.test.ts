import { describe, expect, test } from 'vitest'
import { Decoder, encode, limits } from './codec.ts'
import { receive, type Assembly } from './delta.ts'
import { decodeDown, decodeOnline, decodeRpc, decodeUp, type Position, type StateMessage } from './messages.ts'
import { digestOf, projected } from './projection.ts'
import { nodeTopic, parseNodeTopic } from './topics.ts'

const noise = (n: number): string => Array.from({ length: n }, (_, i) => String.fromCharCode(33 + ((i * 7919 + ((i * i) % 127)) % 90))).join('')

describe('topics', () => {
  test('are parsed exactly', () => {
    expect(parseNodeTopic(nodeTopic('a.b', 'up'))).toEqual({ node: 'a.b', channel: 'up' })
    for (const bad of ['bramble/v1/nodes/a/up/x', 'bramble/v1/nodes//up', 'bramble/v1/nodes/+/up', 'bramble/v1/nodes/#', 'bramble/v1/nodes/a/other', 'bramble/v1/nodes/a', 'x/bramble/v1/nodes/a/up']) expect(parseNodeTopic(bad)).toBeUndefined()
  })
})

describe('codec', () => {
  test.each([['small', 10], ['deflated', 5000]])('%s', (_n, size) => {
    const json = JSON.stringify({ v: 'x'.repeat(size) })
    const [payload, ...rest] = encode(json, 1)
    expect(rest).toEqual([])
    expect((payload as Buffer).length).toBeLessThanOrEqual(Math.min(json.length, 200))
    expect(JSON.stringify(new Decoder().accept(payload as Buffer))).toBe(json)
  })

  const large = JSON.stringify({ v: Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString('base64').repeat(1) + Array.from({ length: 12 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString('base64')).join('') })
  test('large ones in frames below the limit; a lost or repeated frame is refused, and the next message is whole', () => {
    const frames = encode(large, 7)
    expect(frames.length).toBeGreaterThan(2)
    expect(Math.max(...frames.map((f) => f.length))).toBeLessThanOrEqual(limits.payload)
    const decoder = new Decoder()
    const results = frames.map((f) => decoder.accept(f))
    expect(results.slice(0, -1).every((r) => r === undefined)).toBe(true)
    expect(JSON.stringify(results.at(-1))).toBe(large)
    decoder.accept(frames[0] as Buffer)
    expect(() => decoder.accept(frames[2] as Buffer)).toThrow('frame 2 of')
    expect(() => decoder.accept(frames[1] as Buffer)).toThrow('out of order')
    decoder.accept(frames[0] as Buffer)
    expect(() => decoder.accept((encode(large, 8))[1] as Buffer)).toThrow('out of order')
    expect(frames.map((f) => decoder.accept(f)).at(-1)).toBeDefined()
  })

  test('refuses what it cannot decode, and bombs', async () => {
    const { deflateRawSync } = await import('node:zlib')
    const decoder = new Decoder()
    for (const bad of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from('{"a":'), Buffer.of(1, 2, 3), Buffer.of(2, 0, 0), Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(50 << 20, 0x20))])]) expect(() => decoder.accept(bad)).toThrow()
    expect(() => encode(noise(5 << 20), 1)).toThrow(/at most/)
  })
})

describe('decoders refuse by name', () => {
  test.each([
    [decodeUp, { type: 'x' }, 'up.type: want hello, inventory'], [decodeUp, null, 'up: want an object'], [decodeUp, { type: 'ack', session: 's', position: { incarnation: 'i', revision: -1 } }, 'ack.position.revision'],
    [decodeUp, { type: 'hello', session: '', position: null, labels: {}, version: '' }, 'hello.session'], [decodeUp, { type: 'hello', session: 's', labels: {}, version: '' }, 'hello.position'],
    [decodeUp, { type: 'hello', session: 's', position: null, labels: { a: 1 }, version: '' }, 'hello.labels.a: want a string'],
    [decodeUp, { type: 'report', session: 's', items: [{ key: 'k', seq: 1, body: { item: 'pod', namespace: 'n', name: 'p', status: {} } }] }, 'report.items[0].body.uid'],
    [decodeUp, { type: 'report', session: 's', items: [{ key: 'k', seq: 1, body: { item: 'boo' } }] }, 'report.items[0].body.item: want pod, gone, node or event'],
    [decodeUp, { type: 'inventory', session: 's', position: { incarnation: 'i', revision: 1 }, objects: [['Gizmo', '', 'a', 'b']] }, 'inventory.objects[0][0]: want a kind'],
    [decodeDown, { type: 'state', session: 's', from: null, to: { incarnation: 'i', revision: 1 }, part: 0, last: 'yes', put: [], del: [] }, 'state.last: want true or false'],
    [decodeDown, { type: 'state', session: 's', from: null, to: { incarnation: 'i', revision: 1 }, part: 0, last: true, put: [['Pod', {}]], del: [] }, 'state.put[0][1].metadata'],
    [decodeRpc, { type: 'call', id: 'a' }, 'call.method'], [decodeOnline, { online: 1, session: 's' }, 'online.online'],
  ])('%#', (decode, value, message) => { expect(() => (decode as (v: unknown) => unknown)(value)).toThrow(message) })
})

describe('projection', () => {
  const pod = (over: object = {}, meta: object = {}) => ({ metadata: { name: 'p', uid: 'u', resourceVersion: '1', managedFields: [{ manager: 'm' }], ...meta }, spec: { nodeName: 'n' }, status: { phase: 'Pending' }, ...over })
  test("a pod's own status does not count; its end, a readiness gate, a deletion do", () => {
    const base = digestOf('Pod', pod())
    expect(digestOf('Pod', pod({ status: { phase: 'Running', podIP: '1', conditions: [{ type: 'Ready', status: 'True' }] } }, { resourceVersion: '2', managedFields: undefined }))).toBe(base)
    for (const other of [pod({ status: { phase: 'Failed' } }), pod({}, { deletionTimestamp: 'now' }), pod({}, { uid: 'v' }), pod({ status: { conditions: [{ type: 'x/gate', status: 'True' }] } }), pod({ spec: {} })]) expect(digestOf('Pod', other)).not.toBe(base)
  })
  test('is the same for what was sent as for what is stored', () => {
    for (const kind of ['Pod', 'Node', 'Service'] as const) expect(digestOf(kind, JSON.parse(JSON.stringify(projected(pod()))) as object)).toBe(digestOf(kind, pod()))
    expect(projected(pod()).metadata).not.toHaveProperty('managedFields')
  })
})

describe('receiving', () => {
  const at = (revision: number): Position => ({ incarnation: 'i', revision })
  const message = (over: Partial<StateMessage>): StateMessage => ({ type: 'state', session: 's', from: at(1), to: at(2), part: 0, last: true, put: [], del: [], ...over })
  const put = (name: string): StateMessage['put'][0] => ['Pod', { metadata: { name } }]

  test('one part, several parts, snapshot, repeat', () => {
    expect(receive(undefined, at(1), message({ put: [put('a')] }))).toMatchObject({ outcome: 'apply', transfer: { replace: false, to: at(2), put: [put('a')] } })
    const first = receive(undefined, at(1), message({ last: false, put: [put('a')] }))
    expect(first.outcome).toBe('more')
    expect(receive(first.assembly, at(1), message({ part: 1, put: [put('b')] }))).toMatchObject({ outcome: 'apply', transfer: { put: [put('a'), put('b')] } })
    expect(receive(undefined, null, message({ from: null }))).toMatchObject({ outcome: 'apply', transfer: { replace: true } })
    expect(receive(undefined, at(2), message({}))).toMatchObject({ outcome: 'repeat' })
    const again = receive(undefined, at(2), message({ last: false }))
    expect(receive(again.assembly, at(2), message({ part: 1 }))).toMatchObject({ outcome: 'repeat' })
  })

  test('whatever order, loss or repetition of parts: a prefix of whole transfers is applied, or a new start asked for', () => {
    const transfers = [1, 2, 3].flatMap((r) => [0, 1, 2].map((part) => message({ from: at(r), to: at(r + 1), part, last: part === 2, put: [put(`${r}-${part}`)] })))
    let seed = 1
    const random = (n: number): number => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return Math.floor(seed / 11) % n }
    for (let round = 0; round < 500; round++) {
      const stream = transfers.flatMap((m) => { const dice = random(8); return dice === 0 ? [] : dice === 1 ? [m, m] : [m] })
      let position: Position | null = at(1)
      let assembly: Assembly
      const names: string[] = []
      for (const m of stream) {
        const r = receive(assembly, position, m)
        assembly = r.assembly
        if (r.outcome === 'apply') { position = r.transfer.to; names.push(...r.transfer.put.map(([, o]) => o.metadata?.name ?? '')) }
      }
      expect(names).toEqual([1, 2, 3].flatMap((r) => [0, 1, 2].map((p) => `${r}-${p}`)).slice(0, ((position?.revision ?? 1) - 1) * 3))
    }
  })
})
