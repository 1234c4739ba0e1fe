/** Two ends over a real socket: who is slow, who is gone. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { channel, type ChannelEnd } from './channels.ts'
import { channelDuplex, tunnelSides } from './duplex-stream.ts'
import { webSocketEnd } from './websocket-connection.ts'

/** How long `ws` waits for the far side's close, 30 s by default. */
const short: object = { closeTimeout: 300 }
const servers: Server[] = []
afterEach(() => { for (const s of servers.splice(0)) { s.closeAllConnections(); s.close() } })

async function pair(): Promise<{ near: ChannelEnd; far: ChannelEnd; sockets: [WebSocket, WebSocket] }> {
  const server = createServer()
  servers.push(server)
  const wss = new WebSocketServer({ server, ...short })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const arrived = new Promise<WebSocket>((resolve) => { wss.once('connection', resolve) })
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { ...short })
  await new Promise((resolve) => { ws.once('open', resolve) })
  const other = await arrived
  return { near: webSocketEnd(ws), far: webSocketEnd(other), sockets: [ws, other] }
}
const block = Buffer.alloc(64 << 10, 'x')

describe('an end', () => {
  it('says all before it closes, to a reader who takes longer than a close may take', async () => {
    const { near, far, sockets } = await pair()
    let got = 0
    sockets[1].pause()
    far.onMessage((_ch, data) => { got += data.length })
    const closed = new Promise<Error | undefined>((resolve) => { far.onClose(resolve) })
    // More than the kernel's buffers of both sides hold.
    for (let i = 0; i < 400; i++) near.send(channel.stdout, block)
    near.close()
    near.send(channel.stdout, Buffer.from('dropped'))
    await new Promise((resolve) => { setTimeout(resolve, 800) })
    expect(sockets[0].readyState).toBe(WebSocket.OPEN)
    sockets[1].resume()
    expect(await closed).toBeUndefined()
    expect(got).toBe(400 * block.length)
  })

  it('holds little of what comes before anybody listens', async () => {
    const { near, far, sockets } = await pair()
    let sent = 0
    const full = new Promise<void>((resolve) => {
      const more = (): void => {
        while (sent < 1000) { sent++; if (!near.send(channel.stdout, block)) break }
      }
      near.onDrain(more)
      more()
      const look = (): void => { if (sockets[1].isPaused) resolve(); else setImmediate(look) }
      look()
    })
    await full
    let got = 0
    await new Promise<void>((resolve) => { far.onMessage((_ch, data) => { got += data.length; if (got === 1000 * block.length) resolve() }) })
    near.close()
  })
})

describe('a tunnel', () => {
  it('ends half by half', async () => {
    const { near, far } = await pair()
    const [a, b] = [channelDuplex(near, tunnelSides.server), channelDuplex(far, tunnelSides.node)]
    const read = (from: Duplex): Promise<string> => new Promise((resolve, reject) => {
      let text = ''
      from.on('data', (d: Buffer) => { text += d.toString() })
      from.once('end', () => resolve(text))
      from.once('error', reject)
    })
    a.end('question')
    const asked = await read(b)
    b.end('answer')
    const answered = await read(a)
    expect([asked, answered]).toEqual(['question', 'answer'])
  })

  it('breaks where the far side goes away without having said all: half an answer is not taken for a whole one', async () => {
    const { near, far, sockets } = await pair()
    const [a, b] = [channelDuplex(near, tunnelSides.server), channelDuplex(far, tunnelSides.node)]
    b.on('error', () => undefined)
    b.write('half')
    await new Promise((resolve) => { a.once('data', resolve) })
    const broken = new Promise<Error>((resolve) => { a.once('error', resolve) })
    sockets[1].terminate()
    expect((await broken).message).toBe('the far side went away')
  })
})
