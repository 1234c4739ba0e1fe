/** Requests as a client sends them, with their status, warnings and body. For tests. */
import { Agent, request } from 'node:https'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { FakeCluster } from '../fake-cluster.ts'

export interface RawAnswer { readonly code: number; readonly warnings: readonly string[]; readonly body: KubeObject & { message?: string; reason?: string; code?: number; details?: { causes?: { message?: string; field?: string }[] } } }
export type Raw = (method: string, path: string, body?: unknown, contentType?: string) => Promise<RawAnswer>

/** As a superuser unless told otherwise. */
export async function rawRequests(cluster: FakeCluster, user = 'admin', groups: readonly string[] = ['system:masters']): Promise<Raw> {
  const { certPem, keyPem } = await cluster.credentials(user, groups)
  const agent = new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem, keepAlive: false })
  return (method, path, body, contentType = 'application/json') => {
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    const sent = body === undefined ? '' : JSON.stringify(body)
    // Node sends no length with a DELETE by itself.
    const headers = { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(sent) }
    const req = request(`${cluster.url}${path}`, { method, agent, headers }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const warnings = String(res.headers.warning ?? '').split(/(?:^|, )299 - /).filter(Boolean).map((w) => w.replace(/^"|"$/g, '').replaceAll('\\"', '"'))
        resolve({ code: res.statusCode ?? 0, warnings, body: JSON.parse(Buffer.concat(chunks).toString() || '{}') as RawAnswer['body'] })
      })
    })
    req.on('error', reject)
    req.end(sent)
    return promise
  }
}
