/** The API as a load generator sees it: bare node:https with kept connections, so that what is measured is the server. */
import { Agent, request } from 'node:https'
import { readFile } from 'node:fs/promises'

export interface Api {
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<{ status: number; body: Buffer }>
  /** Calls `line` with each event of a watch until aborted. Resolves when the watch is established. */
  watch(path: string, line: (event: { type: string; object: Record<string, unknown> }) => void, signal: AbortSignal): Promise<void>
  close(): void
}

/** A client of the cluster in a kubeconfig of ours, with at most `connections` kept open. */
export async function openApi(kubeconfig: string, connections: number): Promise<Api> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] }
  const [cluster, user] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}]
  const pem = (s: string | undefined): Buffer => Buffer.from(s ?? '', 'base64')
  const url = new URL(cluster.server ?? '')
  const tls = { ca: pem(cluster['certificate-authority-data']), cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']) }
  const agent = new Agent({ keepAlive: true, maxSockets: connections, ...tls })
  const base = { host: url.hostname, port: url.port, ...tls }
  return {
    call: (method, path, body, contentType = 'application/json') => new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body)
      const req = request({ ...base, agent, method, path, headers: { accept: 'application/json', ...(payload ? { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) } : {}) } }, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (c: Buffer) => chunks.push(c))
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks) }))
      })
      req.on('error', reject)
      req.end(payload)
    }),
    watch: (path, line, signal) => new Promise((resolve, reject) => {
      const req = request({ ...base, agent: false, method: 'GET', path, signal }, (res) => {
        let rest = ''
        res.setEncoding('utf8')
        res.on('data', (text: string) => {
          const lines = (rest + text).split('\n')
          rest = lines.pop() ?? ''
          for (const l of lines) line(JSON.parse(l) as { type: string; object: Record<string, unknown> })
        })
        res.on('error', (e) => { if (!signal.aborted) throw e })
        resolve()
      })
      req.on('error', (e) => { if (!signal.aborted) reject(e) })
      req.end()
    }),
    close: () => agent.destroy(),
  }
}
