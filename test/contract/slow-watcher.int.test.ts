/** Watchers that do not read: they cost the server no memory, delay nobody, and are told what they missed when they read again. */
import { readFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defaultWindow } from '../../control-plane/store/window.ts'
import { openApi } from '../bench/api.ts'
import { openConnections } from '../bench/load-client.ts'
import { startControlPlane } from '../testbed/control-plane.ts'
import type { LoneControlPlane } from '../testbed/control-plane.ts'

const path = '/api/v1/namespaces/default/configmaps'
const watchers = 20
const updates = 2000
const size = 30_000

let server: LoneControlPlane
beforeAll(async () => { server = await startControlPlane({ counting: true }) })
afterAll(() => server.stop())

/** A watch of which no byte after the answer's head is read until it is resumed. */
async function pausedWatch(): Promise<TLSSocket> {
  const { clusters: [cluster], users: [user] } = JSON.parse(await readFile(server.kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] }
  const pem = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64')
  const url = new URL(cluster?.cluster.server ?? '')
  const options = { host: url.hostname, port: Number(url.port), ca: pem(cluster?.cluster['certificate-authority-data']), cert: pem(user?.user['client-certificate-data']), key: pem(user?.user['client-key-data']) }
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => socket.write(`GET ${path}?watch=1&resourceVersion=0 HTTP/1.1\r\nHost: a\r\n\r\n`))
    socket.once('error', reject)
    socket.once('data', (head: Buffer) => {
      socket.pause()
      expect(head.toString('latin1', 0, 12)).toBe('HTTP/1.1 200')
      resolve(socket)
    })
  })
}

it(`${watchers} watchers that do not read while ${(updates * size) / 1e6} MB are written`, async () => {
  const [writer] = await openConnections(server.kubeconfig, 1)
  expect((await writer?.call('POST', path, { body: JSON.stringify({ metadata: { name: 'wide' } }) }))?.status).toBe(201)
  const api = await openApi(server.kubeconfig, 1)
  const stop = new AbortController()
  const seen: number[] = []
  const all = Promise.withResolvers<void>()
  await api.watch(`${path}?watch=1&fieldSelector=metadata.name%3Dwide`, ({ object }) => {
    const n = Number((object as { data?: { n?: string } }).data?.n ?? -1)
    if (n >= 0) seen.push(n)
    if (n === updates - 1) all.resolve()
  }, stop.signal)
  const slow = await Promise.all(Array.from({ length: watchers }, pausedWatch))
  const before = await server.held()
  for (let n = 0; n < updates; n++) {
    const answer = await writer?.call('PATCH', `${path}/wide`, { type: 'application/merge-patch+json', body: JSON.stringify({ data: { n: String(n), text: 'x'.repeat(size) } }) })
    expect(answer?.status).toBe(200)
  }
  await all.promise
  const grown = await server.held() - before
  console.log(`held ${(grown / 1e6).toFixed(1)} MB more`)
  expect(seen).toEqual(Array.from({ length: updates }, (_, n) => n))
  // The past that any watch may ask for, and for each slow one a piece of a list and what its socket took.
  expect(grown).toBeLessThan(defaultWindow.maxBytes + watchers * 1e6)

  const endings = await Promise.all(slow.map((socket) => new Promise<string>((resolve) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => { text = (text + piece).slice(-2 * size) }).on('close', () => resolve(text))
    socket.on('data', () => { if (text.includes('"type":"ERROR"')) socket.destroy() }).resume()
  })))
  for (const ending of endings) expect(ending).toMatch(/"type":"ERROR","object":\{[^\n]*"reason":"Expired","code":410\}/)
  stop.abort()
  api.close()
  writer?.close()
}, 120_000)
