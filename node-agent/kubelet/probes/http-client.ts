/** One HTTP GET as upstream's `pkg/probe/http` does it: a connection of its own, certificates not verified, 200 to 399 is success. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Millis } from '../../../shared/base/brands.ts'
import { dialError } from './tcp-client.ts'

export interface HttpProbe { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number; readonly path: string; readonly headers: readonly { name: string; value: string }[] }
export interface ProbeAnswer { readonly ok: boolean; readonly output: string }

export function httpProbe(probe: HttpProbe, timeout: Millis): Promise<ProbeAnswer> {
  const host = probe.host.includes(':') ? `[${probe.host}]` : probe.host
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`
  const url = `${probe.scheme}://${host}:${probe.port}${path}`
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.33', accept: '*/*', connection: 'close' }
  for (const h of probe.headers) headers[h.name.toLowerCase()] = h.value
  return new Promise((resolve) => {
    const options = { host: probe.host, port: probe.port, path, headers, agent: false as const, signal: AbortSignal.timeout(timeout) }
    const request = (probe.scheme === 'https' ? httpsRequest : httpRequest)(probe.scheme === 'https' ? { ...options, rejectUnauthorized: false } : options)
    request.on('response', (response) => {
      const code = response.statusCode ?? 0
      // The status says it all: the body is not waited for.
      response.destroy()
      resolve(code >= 200 && code < 400 ? { ok: true, output: '' } : { ok: false, output: `HTTP probe failed with statuscode: ${code}` })
    })
    request.on('error', (e: NodeJS.ErrnoException) => {
      const late = e.name === 'AbortError' || e.name === 'TimeoutError'
      resolve({ ok: false, output: `Get "${url}": ${late ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : dialError(e, `${host}:${probe.port}`)}` })
    })
    request.end()
  })
}
