import { describe, expect, test } from 'vitest'
import { identify, mayConnect, mayPublish, maySubscribe } from './acl/rules.ts'
import { PacketGuard } from './packet-guard.ts'

describe('identity', () => {
  test.each([
    ['system:node:a', ['system:nodes'], { kind: 'node', node: 'a' }], ['system:node:a', [], { kind: 'stranger' }], ['system:node:', ['system:nodes'], { kind: 'stranger' }],
    ['system:node:+', ['system:nodes'], { kind: 'stranger' }], ['system:node:a/b', ['system:nodes'], { kind: 'stranger' }], ['admin', ['system:masters'], { kind: 'admin' }], ['jane', ['devs'], { kind: 'stranger' }],
  ])('%s %j', (commonName, organizations, expected) => { expect(identify({ commonName, organizations })).toMatchObject(expected) })
})

const node = { kind: 'node', node: 'a' } as const
const admin = { kind: 'admin', name: 'root' } as const
const stranger = { kind: 'stranger', name: 'x' } as const

test('a node has its own topics only, in its own direction', () => {
  const publish = (channel: string, retain = false) => mayPublish(node, { topic: `bramble/v1/nodes/${channel}`, retain }).allow
  expect([publish('a/up'), publish('a/online'), publish('a/online', true), publish('a/up', true), publish('a/down'), publish('a/rpc'), publish('b/up'), publish('a/up/x')]).toEqual([true, true, true, false, false, false, false, false])
  const subscribe = (filter: string) => maySubscribe(node, `bramble/v1/nodes/${filter}`).allow
  expect([subscribe('a/down'), subscribe('a/rpc'), subscribe('a/up'), subscribe('+/down'), subscribe('a/#'), subscribe('b/down'), subscribe('#')]).toEqual([true, true, false, false, false, false, false])
})

test('an administrator listens and does not speak; a stranger neither', () => {
  expect(maySubscribe(admin, 'bramble/v1/#').allow).toBe(true)
  expect(maySubscribe(admin, 'bramble/v1/nodes/+/up').allow).toBe(true)
  expect(['#', '+/v1/#', '$SYS/#', 'bramble/#'].map((f) => maySubscribe(admin, f).allow)).toEqual([false, false, false, false])
  expect(mayPublish(admin, { topic: 'bramble/v1/nodes/a/down', retain: false }).allow).toBe(false)
  expect(maySubscribe(stranger, 'bramble/v1/#').allow).toBe(false)
  expect(mayConnect(stranger, { clientId: 'x', clean: true, will: undefined }).allow).toBe(false)
})

test('client ids and wills', () => {
  const connect = (clientId: string, over: object = {}, who: typeof node | typeof admin = node) => mayConnect(who, { clientId, clean: true, will: undefined, ...over }).allow
  expect([connect('node:a'), connect('node:a/metrics'), connect('node:ab'), connect('node:b'), connect('')]).toEqual([true, true, false, false, false])
  expect([connect('node:a', { clean: false }), connect('node:a', { will: { topic: 'bramble/v1/nodes/a/online', retain: true } }), connect('node:a', { will: { topic: 'bramble/v1/nodes/b/online', retain: true } })]).toEqual([false, true, false])
  expect([connect('mosq-1', {}, admin), connect('node:a', {}, admin)]).toEqual([true, false])
})

describe('packet guard', () => {
  const packet = (length: number): Buffer => {
    const header = [0x30]
    let left = length
    do { header.push((left % 128) | (left >= 128 ? 0x80 : 0)); left = Math.floor(left / 128) } while (left > 0)
    return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)])
  }
  test('passes any stream of packets within the limit, however it is cut', () => {
    const stream = Buffer.concat([0, 1, 127, 128, 1000, 0, 16_384, 20_000, 3].map(packet))
    for (const size of [1, 2, 3, 7, 1000, stream.length]) {
      const guard = new PacketGuard(20_000)
      for (let i = 0; i < stream.length; i += size) expect(guard.accept(stream.subarray(i, i + size))).toBe(true)
    }
  })
  test('refuses a larger one at its header', () => {
    const guard = new PacketGuard(20_000)
    expect(guard.accept(Buffer.concat([packet(100), packet(20_001).subarray(0, 4)]))).toBe(false)
    expect(new PacketGuard(20_000).accept(Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01))).toBe(false)
  })
})
