import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import type { ReportItem } from '../../shared/mqtt/messages.ts'
import { StatusOutbox } from './status-outbox.ts'

function setUp() {
  const clock = new FakeClock()
  let n = 0
  const outbox = new StatusOutbox({ clock, log: silentLog, random: { float: () => 0.5, uuid: () => 'u', bytes: (size) => new Uint8Array(size).fill(++n) } })
  const sent: ReportItem[][] = []
  const connect = (): void => outbox.connected((items) => { sent.push([...items]) })
  const take = async (): Promise<ReportItem[]> => { await clock.advance(20); return sent.splice(0).flat() }
  return { clock, outbox, connect, take }
}
const pod = { namespace: 'ns', name: 'p', uid: 'u1' }
const receipt = (i: ReportItem, refused?: string) => ({ key: i.key, seq: i.seq, ...(refused === undefined ? {} : { refused }) })

describe('status outbox', () => {
  test('says the newest word once, and nothing that did not change', async () => {
    const { outbox, connect, take } = setUp()
    outbox.podStatus(pod, { phase: 'Pending' })
    outbox.podStatus(pod, { phase: 'Running' })
    connect()
    const [only, ...rest] = await take()
    expect([only?.body, rest]).toEqual([{ item: 'pod', ...pod, status: { phase: 'Running' } }, []])
    outbox.receipts([receipt(only as ReportItem)])
    outbox.podStatus(pod, { phase: 'Running' })
    expect(await take()).toEqual([])
    expect(outbox.unconfirmed).toBe(0)
  })

  test('a pod that is forgotten is not said again, nor kept', async () => {
    const { outbox, connect, take } = setUp()
    connect()
    outbox.podStatus(pod, { phase: 'Running' })
    for (const item of await take()) outbox.receipts([receipt(item)])
    outbox.podForgotten(pod)
    outbox.gateway('one')
    outbox.gateway('another run of the control plane, which is told everything')
    expect((await take()).map((i) => i.key)).toEqual([])
  })

  test('names of events sort in the order they happened, within a millisecond too', async () => {
    const { clock, outbox, connect, take } = setUp()
    connect()
    const say = (reason: string): void => outbox.event({ regarding: { kind: 'Pod', ...pod }, type: 'Normal', reason, message: reason, at: clock.now() })
    for (const reason of ['Pulling', 'Pulled', 'Created']) say(reason)
    await clock.advance(1)
    say('Started')
    const named = (await take()).flatMap(({ body }) => (body.item === 'event' ? [body] : []))
    expect(named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((e) => e.reason)).toEqual(['Pulling', 'Pulled', 'Created', 'Started'])
    expect(new Set(named.map((e) => e.name)).size).toBe(4)
  })

  test('a receipt for an older word does not confirm the newer one', async () => {
    const { outbox, connect, take } = setUp()
    connect()
    outbox.podStatus(pod, { phase: 'Pending' })
    const [old] = await take()
    outbox.podStatus(pod, { phase: 'Running' })
    outbox.receipts([receipt(old as ReportItem)])
    expect(outbox.unconfirmed).toBe(1)
    expect((await take()).map((i) => i.body)).toEqual([{ item: 'pod', ...pod, status: { phase: 'Running' } }])
  })

  test('what has no receipt is said again: after a while, and on the next connection; no timer is left once all is confirmed', async () => {
    const { clock, outbox, connect, take } = setUp()
    connect()
    outbox.podStatus(pod, { phase: 'Running' })
    const [first] = await take()
    await clock.advance(30_000)
    expect((await take()).map((i) => i.seq)).toEqual([first?.seq])
    outbox.disconnected()
    expect(clock.pending).toBe(0)
    connect()
    expect((await take()).map((i) => i.seq)).toEqual([first?.seq])
    outbox.receipts([receipt(first as ReportItem)])
    expect(clock.pending).toBe(0)
  })

  test('the node\'s own status goes with each connection, all statuses with a new run of the gateway', async () => {
    const { outbox, connect, take } = setUp()
    outbox.nodeStatus({ capacity: {} }, {})
    outbox.podStatus(pod, { phase: 'Running' })
    connect()
    outbox.gateway('one')
    outbox.receipts((await take()).map((i) => receipt(i)))
    outbox.disconnected()
    connect()
    outbox.gateway('one')
    expect((await take()).map((i) => i.key)).toEqual(['node'])
    outbox.disconnected()
    connect()
    outbox.gateway('two')
    expect((await take()).map((i) => i.key).sort()).toEqual(['node', 'pod/u1'])
  })

  test('a pod that is gone, or whose report is refused, is forgotten', async () => {
    const { outbox, connect, take } = setUp()
    connect()
    outbox.podStatus(pod, { phase: 'Succeeded' })
    outbox.podGone(pod)
    const items = await take()
    expect(items.map((i) => i.key)).toEqual(['pod/u1', 'gone/u1'])
    outbox.receipts(items.map((i) => receipt(i)))
    outbox.podStatus({ ...pod, uid: 'u2' }, { phase: 'Running' })
    outbox.receipts((await take()).map((i) => receipt(i, 'the pod is gone')))
    outbox.gateway('one')
    outbox.gateway('two')
    expect(await take()).toEqual([])
  })

  test('events are counted under one name, differ by message, and are bounded while offline', async () => {
    const { clock, outbox, connect, take } = setUp()
    const event = (message: string, name = 'p') => outbox.event({ regarding: { kind: 'Pod', namespace: 'ns', name, uid: name }, type: 'Warning', reason: 'BackOff', message, at: clock.now() })
    event('a')
    event('a')
    event('b')
    connect()
    const items = (await take()).map((i) => i.body)
    expect(items).toMatchObject([{ item: 'event', count: 2, message: 'a' }, { item: 'event', count: 1, message: 'b' }])
    outbox.disconnected()
    for (let i = 0; i < 800; i++) event('c', `pod-${i}`)
    expect(outbox.unconfirmed).toBe(500)
    connect()
    expect((await take()).at(-1)?.body).toMatchObject({ regarding: { name: 'pod-799' } })
  })
})
