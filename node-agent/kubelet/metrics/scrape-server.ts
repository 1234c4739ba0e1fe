/** Prometheus on the agent: a listener that only reads, off unless asked for (`--metrics-address`). It has no authentication: whoever reaches it may read it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Log } from '../../../shared/base/host.ts'
import type { MetricsEndpoints, MetricsPath } from './endpoints.ts'
import { expositionType } from './exposition.ts'

export interface ScrapeServer { readonly port: number; close(): Promise<void> }

const paths: ReadonlyMap<string, MetricsPath> = new Map([['/metrics', ''], ['/metrics/resource', 'resource'], ['/metrics/cadvisor', 'cadvisor']])
/** A few scrapers, each with a connection it keeps. */
const maxConnections = 16

async function answer(endpoints: MetricsEndpoints, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const plain = (code: number, body: string, type = 'text/plain; charset=utf-8'): void => { res.writeHead(code, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), 'X-Content-Type-Options': 'nosniff' }).end(req.method === 'HEAD' ? undefined : body) }
  if (req.method !== 'GET' && req.method !== 'HEAD') return plain(405, 'Method Not Allowed\n')
  const [path = ''] = (req.url ?? '').split('?')
  if (path === '/healthz') return plain(200, 'ok')
  const wanted = paths.get(path)
  return wanted === undefined ? plain(404, '404 page not found\n') : plain(200, await endpoints.text(wanted), expositionType)
}

/** Rejects where the address cannot be listened on. */
export async function startScrapeServer(options: { readonly host: string; readonly port: number; readonly endpoints: MetricsEndpoints; readonly log: Log }): Promise<ScrapeServer> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 8192 }, (req, res) => {
    answer(options.endpoints, req, res).catch((e: unknown) => {
      options.log.error('a scrape failed', { path: req.url, error: messageOf(e) })
      if (res.headersSent) res.destroy()
      else res.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end('the readings cannot be taken\n')
    })
  })
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => { server.once('error', reject); server.listen(options.port, options.host, () => { server.off('error', reject); resolve() }) })
  const { port } = server.address() as { port: number }
  return {
    port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
