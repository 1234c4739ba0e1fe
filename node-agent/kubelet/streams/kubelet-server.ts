/** The kubelet's own HTTP endpoints, as far as this agent has the data. They are reached through `nodes/NAME/proxy` alone: nothing listens. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { LogParams } from '../../../shared/streams/requests.ts'
import type { MetricsEndpoints, MetricsPath } from '../metrics/endpoints.ts'

export interface KubeletFacts {
  pods(): readonly Pod[]
  /** Wall clock, milliseconds. */
  now(): number
  /** Writes the log to `write`, which says when more may come; ends when it does or `signal` aborts. */
  log(params: Omit<LogParams, 'uid'>, write: (data: Buffer) => Promise<void>, signal: AbortSignal): Promise<void>
  metrics(): Promise<MetricsEndpoints>
  readonly config: Readonly<Record<string, unknown>>
}

const json = (res: ServerResponse, body: unknown): void => {
  const text = JSON.stringify(body)
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text)
}
const plain = (res: ServerResponse, body: string, type = 'text/plain; charset=utf-8'): void => void res.writeHead(200, { 'Content-Type': type }).end(body)

async function containerLog(facts: KubeletFacts, url: URL, parts: readonly string[], res: ServerResponse): Promise<void> {
  const [namespace = '', pod = '', container = ''] = parts
  const number = (name: string): number | undefined => (url.searchParams.get(name) ? Number(url.searchParams.get(name)) : undefined)
  const on = (name: string): boolean => ['1', 'true'].includes(url.searchParams.get(name) ?? '')
  const [tailLines, limitBytes, seconds] = [number('tailLines'), number('limitBytes'), number('sinceSeconds')]
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  await facts.log({
    namespace, pod, container, follow: on('follow'), previous: on('previous'), timestamps: on('timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }), ...(limitBytes === undefined ? {} : { limitBytes }), ...(seconds === undefined ? {} : { since: facts.now() - seconds * 1000 }),
  }, (data) => new Promise((resolve) => {
    if (!res.headersSent) res.writeHead(200, { 'Content-Type': 'text/plain' })
    if (res.write(data)) resolve()
    else { res.once('drain', resolve); res.once('close', resolve) }
  }), gone.signal)
  if (!res.headersSent) res.writeHead(200, { 'Content-Type': 'text/plain' })
  res.end()
}

/** Upstream's paths of what Prometheus reads. */
const scraped: Readonly<Record<string, MetricsPath>> = { metrics: '', 'metrics/resource': 'resource', 'metrics/cadvisor': 'cadvisor', 'metrics/probes': 'probes' }

async function answer(facts: KubeletFacts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://kubelet')
  const [, first = '', ...rest] = url.pathname.replace(/\/$/, '').split('/').map(decodeURIComponent)
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new StatusError('MethodNotAllowed', 'Method Not Allowed')
  const path = `${first}${rest.length && first !== 'containerLogs' ? `/${rest.join('/')}` : ''}`
  const exposed = scraped[path]
  if (exposed !== undefined) return plain(res, await (await facts.metrics()).text(exposed), 'text/plain; version=0.0.4; charset=utf-8')
  switch (path) {
    case 'healthz': case 'healthz/ping': case 'healthz/log': return plain(res, 'ok')
    case 'pods': case 'runningpods': return json(res, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: facts.pods() })
    case 'configz': return json(res, { kubeletconfig: facts.config })
    case 'stats/summary': return json(res, await (await facts.metrics()).summary({ onlyCore: ['1', 'true'].includes(url.searchParams.get('only_cpu_and_memory') ?? '') }))
    case 'containerLogs': return containerLog(facts, url, rest, res)
    default: throw new StatusError('NotFound', '404 page not found')
  }
}

/** Serves connections handed to it. */
export function createKubeletServer(facts: KubeletFacts): (connection: Duplex) => void {
  let server: Server | undefined
  return (connection) => {
    server ??= createServer((req, res) => {
      answer(facts, req, res).catch((e: unknown) => {
        if (res.headersSent) { res.destroy(); return }
        res.writeHead(isStatus(e) ? e.code : 500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(messageOf(e))
      })
    })
    server.emit('connection', connection)
  }
}
