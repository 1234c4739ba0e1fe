/** A link to a registry that breaks as a mobile one does: blobs come slowly, stop, or are cut off after so many bytes. Counts what went over it. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface FlakyLink {
  port: number
  /** Bytes of blobs handed to the reader since the last reset. */
  bytes: number
  /** Requests for blobs that asked for a part only. */
  ranges: number
  /** Requests for blobs, parts or whole. */
  requests: number
  /** The connection is cut each time so many bytes of blobs went through; 0: never. */
  cutEvery: number
  /** `close` ends the connection as a peer does that went away; `reset` as a broken path does. */
  cut: 'close' | 'reset'
  /** Bytes a second; 0: as fast as it goes. */
  rate: number
  /** Once so many bytes went through nothing more comes, yet no connection is closed; 0: never. */
  stallAfter: number
  /** Called at each request. */
  onRequest: () => Promise<void>
  reset(): void
  close(): Promise<void>
}

/** In front of the plain HTTP registry at `host:port`. */
export async function openFlakyLink(to: { host: string; port: number; listen?: string }): Promise<FlakyLink> {
  const sockets = new Set<Socket>()
  let sinceCut = 0
  const link: FlakyLink = {
    port: 0, bytes: 0, ranges: 0, requests: 0, cutEvery: 0, cut: 'close', rate: 0, stallAfter: 0, onRequest: () => Promise.resolve(),
    reset() { Object.assign(link, { bytes: 0, ranges: 0, requests: 0, cutEvery: 0, rate: 0, stallAfter: 0 }); sinceCut = 0 },
    close: () => new Promise((resolve) => { for (const s of sockets) s.destroy(); server.close(() => resolve()) }),
  }
  const send = async (chunks: AsyncIterable<Buffer>, res: ServerResponse): Promise<void> => {
    for await (const whole of chunks) {
      for (let at = 0; at < whole.length;) {
        if (res.destroyed) return
        const left = link.cutEvery === 0 ? Infinity : link.cutEvery - sinceCut
        const part = whole.subarray(at, at + Math.min(left, 16_384))
        at += part.length
        link.bytes += part.length
        sinceCut += part.length
        await new Promise<void>((resolve) => {
          res.once('close', resolve)
          res.write(part, () => { res.off('close', resolve); resolve() })
        })
        if (link.stallAfter > 0 && link.bytes >= link.stallAfter) { await new Promise((resolve) => res.once('close', resolve)); return }
        if (link.cutEvery > 0 && sinceCut >= link.cutEvery) {
          sinceCut = 0
          if (link.cut === 'reset') res.socket?.resetAndDestroy()
          else res.socket?.destroySoon()
          return
        }
        if (link.rate > 0) await new Promise((resolve) => setTimeout(resolve, part.length / link.rate * 1000))
      }
    }
    res.end()
  }
  const forward = (req: IncomingMessage, res: ServerResponse): void => {
    req.pipe(httpRequest({ host: to.host, port: to.port, path: req.url, method: req.method, headers: req.headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.on('error', () => res.destroy())
      if (req.method !== 'GET' || !req.url?.includes('/blobs/')) { answer.pipe(res); return }
      link.requests++
      if (req.headers.range !== undefined) link.ranges++
      res.on('close', () => answer.destroy())
      send(answer, res).catch(() => res.destroy())
    })).on('error', () => res.destroy())
  }
  const server = createServer((req, res) => { link.onRequest().then(() => forward(req, res), () => res.destroy()) })
  server.on('connection', (s: Socket) => { sockets.add(s); s.on('error', () => undefined); s.once('close', () => sockets.delete(s)) })
  await new Promise<void>((resolve) => server.listen(0, to.listen ?? '127.0.0.1', resolve))
  link.port = (server.address() as AddressInfo).port
  return link
}
