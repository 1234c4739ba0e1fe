import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { channel } from '../../../shared/streams/channels.ts'
import { spdyEnd } from './spdy-connection.ts'
import { controlFrame, dataFrame, FrameParser, frameType, HeaderCodec, type Frame } from './spdy-frames.ts'

/** Two ends of a wire. */
function wire(): [Duplex, Duplex] {
  const make = (): Duplex => new Duplex({ read() {}, write(chunk, _e, done) { other(this).push(chunk); done() }, final(done) { other(this).push(null); done() } })
  const [a, b] = [make(), make()]
  const other = (d: Duplex): Duplex => (d === a ? b : a)
  return [a, b]
}

const synStream = async (codec: HeaderCodec, id: number, type: string, fin = false): Promise<Buffer> => {
  const head = Buffer.alloc(10)
  head.writeUInt32BE(id, 0)
  return controlFrame(frameType.synStream, fin ? 1 : 0, Buffer.concat([head, await codec.encode(new Map([['streamtype', type]]))]))
}

async function frames(socket: Duplex, enough: (seen: Frame[]) => boolean): Promise<Frame[]> {
  const parser = new FrameParser()
  const seen: Frame[] = []
  for await (const chunk of socket) {
    seen.push(...parser.push(chunk as Buffer))
    if (enough(seen)) break
  }
  return seen
}

describe('SPDY frames', () => {
  it('cuts frames wherever the bytes are cut', () => {
    const bytes = Buffer.concat([dataFrame(5, Buffer.from('hello'), false), controlFrame(frameType.ping, 0, Buffer.from([0, 0, 0, 1])), dataFrame(5, Buffer.alloc(0), true)])
    for (let step = 1; step < bytes.length; step++) {
      const parser = new FrameParser()
      const seen: Frame[] = []
      for (let at = 0; at < bytes.length; at += step) seen.push(...parser.push(bytes.subarray(at, at + step)))
      expect(seen.map((f) => (f.kind === 'data' ? [f.stream, f.fin, f.data.toString()] : f.type))).toEqual([[5, false, 'hello'], frameType.ping, [5, true, '']])
    }
  })

  it('refuses other versions and frames over the limit', () => {
    expect(() => new FrameParser().push(Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]))).toThrow('version 2')
    expect(() => new FrameParser().push(Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff]))).toThrow('over the limit')
  })

  it('reads header blocks in order through one zlib stream', async () => {
    const [writer, reader] = [new HeaderCodec(), new HeaderCodec()]
    for (const headers of [{ streamtype: 'error' }, { streamtype: 'stdin', port: '80' }, {}, { 'x-ü': '' }]) {
      const map = new Map(Object.entries(headers))
      expect([...(await reader.decode(await writer.encode(map))).values()]).toHaveLength(map.size)
    }
  })
})

describe('SPDY session', () => {
  it('waits for the promised streams, passes data by channel, answers pings and ends in order', async () => {
    const [client, server] = wire()
    const codec = new HeaderCodec()
    const opened = spdyEnd(server, Buffer.alloc(0), ['error', 'stdin', 'stdout'])
    client.write(await synStream(codec, 1, 'error'))
    client.write(controlFrame(frameType.ping, 0, Buffer.from([0, 0, 0, 9])))
    client.write(await synStream(codec, 3, 'stdin'))
    client.write(dataFrame(3, Buffer.from('early'), false))
    client.write(await synStream(codec, 5, 'stdout'))
    const end = await opened
    const got: string[] = []
    const closedInput = Promise.withResolvers<void>()
    end.onMessage((ch, data) => {
      got.push(`${ch}:${ch === channel.close ? data[0] : data.toString()}`)
      if (ch === channel.close) closedInput.resolve()
    })
    client.write(dataFrame(3, Buffer.from('late'), true))
    await closedInput.promise
    expect(got).toEqual(['0:early', '0:late', '255:0'])
    end.send(channel.stdout, Buffer.from('out'))
    end.close()
    const seen = await frames(client, () => false)
    expect(seen.filter((f) => f.kind === 'control').map((f) => f.type)).toEqual([frameType.synReply, frameType.ping, frameType.synReply, frameType.synReply])
    expect(seen.filter((f) => f.kind === 'data').map((f) => [f.stream, f.data.toString(), f.fin])).toEqual([[5, 'out', false], [1, '', true], [5, '', true]])
  })

  it('resets a stream nobody asked for, and rejects when the client leaves early', async () => {
    const [client, server] = wire()
    const opened = spdyEnd(server, Buffer.alloc(0), ['error', 'stdout'])
    client.write(await synStream(new HeaderCodec(), 1, 'stdin'))
    const [reset] = await frames(client, (seen) => seen.length > 0)
    expect(reset).toMatchObject({ kind: 'control', type: frameType.rstStream })
    server.destroy()
    await expect(opened).rejects.toThrow('closed the connection')
  })
})
