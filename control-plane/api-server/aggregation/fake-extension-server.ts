/** An aggregated API server of its own: `flunders` of wardle.example.com/v1alpha1 over TLS, for whoever shows a front-proxy certificate. For tests. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { systemClock } from '../../../shared/host/clock.ts'
import { createCa, issueCertificate } from '../../../shared/pki/certificates.ts'

const HOUR = 3_600_000
export const GROUP = 'wardle.example.com'
const ROOT = `/apis/${GROUP}/v1alpha1`

export interface Seen { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers']; readonly peer: string; readonly body: string }

export interface FakeExtensionServer {
  readonly port: number
  /** Base64 of PEM, for an APIService. */
  readonly caBundle: string
  /** What was asked, in order, without what the aggregator asked for itself. */
  readonly seen: Seen[]
  /** Answers discovery with 500 while set. */
  broken: boolean
  /** Sends one more object on each watch under way. */
  event(name: string): void
  /** Resolves when a client of a watch or a hanging request left. */
  readonly left: Promise<void>
  close(): Promise<void>
}

const resources = [
  { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs: ['create', 'get', 'list', 'watch'], shortNames: ['fl'], categories: ['all'] },
  { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
]
const schemaName = 'com.example.wardle.v1alpha1.Flunder'
const flunder = (name: string): object => ({ kind: 'Flunder', apiVersion: `${GROUP}/v1alpha1`, metadata: { name, namespace: 'default', resourceVersion: '7', uid: name }, spec: { reference: 'x' } })
const schema = {
  description: 'A flunder is what a flunder does.', type: 'object', properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, spec: { type: 'object', description: 'What it is meant to be.', properties: { reference: { type: 'string' } } } },
  'x-kubernetes-group-version-kind': [{ group: GROUP, version: 'v1alpha1', kind: 'Flunder' }],
}
const paths = (ref: object): object => ({
  [`${ROOT}/namespaces/{namespace}/flunders/{name}`]: { get: { operationId: 'readFlunder', 'x-kubernetes-action': 'get', 'x-kubernetes-group-version-kind': { group: GROUP, version: 'v1alpha1', kind: 'Flunder' }, responses: { 200: { description: 'OK', ...ref } } } },
})
const documents: Readonly<Record<string, object>> = {
  [ROOT]: { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/v1alpha1`, resources },
  '/openapi/v2': { swagger: '2.0', info: { title: 'wardle', version: 'v1' }, paths: paths({ schema: { $ref: `#/definitions/${schemaName}` } }), definitions: { [schemaName]: schema, 'com.example.unrelated': { type: 'object' } } },
  '/openapi/v3': { paths: { [`apis/${GROUP}/v1alpha1`]: { serverRelativeURL: `/openapi/v3${ROOT}?hash=ABC` } } },
  [`/openapi/v3${ROOT}`]: { openapi: '3.0.0', info: { title: 'wardle', version: 'v1' }, paths: paths({ content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName}` } } } }), components: { schemas: { [schemaName]: schema } } },
}

/** `frontProxyCa`: PEM. Whoever shows no certificate of it is answered 401. */
export async function startFakeExtensionServer({ frontProxyCa, service }: { frontProxyCa: string; service: string }): Promise<FakeExtensionServer> {
  const now = systemClock.now()
  const ca = await createCa({ commonName: 'wardle-ca' }, { now, ttl: HOUR })
  const serving = await issueCertificate(ca, { commonName: 'wardle' }, { now, ttl: HOUR, usages: ['server'], dnsNames: [service] })
  const seen: Seen[] = []
  const watches = new Set<ServerResponse>()
  const sockets = new Set<Socket>()
  const left = Promise.withResolvers<void>()
  const peerOf = (req: IncomingMessage): string => ((req.socket as TLSSocket).authorized ? String((req.socket as TLSSocket).getPeerCertificate().subject?.CN) : '')

  const answer = (req: IncomingMessage, res: ServerResponse, body: string): void => {
    const url = new URL(req.url ?? '/', 'https://wardle')
    const json = (code: number, value: object): void => { res.writeHead(code, { 'Content-Type': 'application/json', Connection: 'X-Hop', 'X-Hop': 'mine', 'X-Wardle': 'yes' }).end(JSON.stringify(value)) }
    if (!peerOf(req)) return json(401, { kind: 'Status', status: 'Failure', code: 401, reason: 'Unauthorized' })
    if (req.headers['x-remote-user'] !== 'system:kube-aggregator') seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, peer: peerOf(req), body })
    if (server.broken && url.pathname === ROOT) return json(500, { kind: 'Status', status: 'Failure', code: 500 })
    const document = documents[url.pathname]
    if (document) return json(200, document)
    if (url.pathname.endsWith('/redirect')) { res.writeHead(302, { Location: 'https://elsewhere/' }).end(); return }
    if (url.pathname.endsWith('/hang') || url.searchParams.get('watch')) {
      res.on('close', () => { watches.delete(res); left.resolve() })
      if (!url.searchParams.get('watch')) return
      watches.add(res)
      res.writeHead(200, { 'Content-Type': 'application/json' })
      res.flushHeaders()
      return
    }
    if (req.method === 'POST') return json(201, JSON.parse(body) as object)
    if (url.pathname === `${ROOT}/namespaces/default/flunders`) return json(200, { kind: 'FlunderList', apiVersion: `${GROUP}/v1alpha1`, metadata: { resourceVersion: '7' }, items: [flunder('a'), flunder('b')] })
    return json(200, flunder(url.pathname.split('/').at(-1) ?? ''))
  }
  const https = createServer({ key: serving.keyPem, cert: serving.certPem, ca: frontProxyCa, requestCert: true, rejectUnauthorized: false }, (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => answer(req, res, Buffer.concat(chunks).toString()))
  })
  https.on('connection', (socket: Socket) => { sockets.add(socket); socket.on('close', () => sockets.delete(socket)) })
  https.on('upgrade', (req, socket) => {
    seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, peer: peerOf(req), body: '' })
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ')
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
  const server: FakeExtensionServer = {
    port: (https.address() as AddressInfo).port, caBundle: Buffer.from(ca.certPem).toString('base64'), seen, broken: false, left: left.promise,
    event(name) { for (const res of watches) res.write(`${JSON.stringify({ type: 'ADDED', object: flunder(name) })}\n`) },
    close: () => new Promise((resolve) => { https.close(() => resolve()); for (const socket of sockets) socket.destroy() }),
  }
  return server
}
