/** One HTTP GET as upstream's `pkg/probe/http` does it: a connection of its own, certificates not verified, 200 to 399 is success. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Millis } from '../../../shared/base/brands.ts'
import { dialError } from './tcp-client.ts'

export interface HttpProbe { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number; readonly path: string; readonly headers: readonly { name: string; value: string }[] }
export interface ProbeAnswer { readonly ok: boolean; readonly output: string }

/** Never rejects. */
export async function httpProbe(probe: HttpProbe, timeout: Millis): Promise<ProbeAnswer> {
  const answer = await get(probe, 'kube-probe/1.33', timeout)
  if (answer.code === undefined) return { ok: false, output: answer.problem }
  return answer.code >= 200 && answer.code < 400 ? { ok: true, output: '' } : { ok: false, output: `HTTP probe failed with statuscode: ${answer.code}` }
}

/**
 * The request of a lifecycle hook: any answer is a success. What speaks plain HTTP where HTTPS was asked for is asked again without TLS, since handlers
 * once ignored the scheme (KEP-3386's fallback). Resolves with what went wrong, undefined where nothing did.
 */
export async function httpHook(hook: HttpProbe, timeout: Millis): Promise<string | undefined> {
  const first = await get(hook, 'kube-lifecycle/1.33', timeout)
  if (first.code === undefined && first.plain) return httpHook({ ...hook, scheme: 'http' }, timeout)
  return first.code === undefined ? first.problem : undefined
}

type Answer = { readonly code: number } | { readonly code?: undefined; readonly problem: string; /** The other end does not speak TLS. */ readonly plain: boolean }

function get(probe: HttpProbe, agent: string, timeout: Millis): Promise<Answer> {
  const host = probe.host.includes(':') ? `[${probe.host}]` : probe.host
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`
  const url = `${probe.scheme}://${host}:${probe.port}${path}`
  const headers: Record<string, string> = { 'user-agent': agent, accept: '*/*', connection: 'close' }
  for (const h of probe.headers) headers[h.name.toLowerCase()] = h.value
  return new Promise((resolve) => {
    const options = { host: probe.host, port: probe.port, path, headers, agent: false as const, signal: AbortSignal.timeout(timeout) }
    const request = (probe.scheme === 'https' ? httpsRequest : httpRequest)(probe.scheme === 'https' ? { ...options, rejectUnauthorized: false } : options)
    request.on('response', (response) => {
      // The status says it all: the body is not waited for.
      response.destroy()
      resolve({ code: response.statusCode ?? 0 })
    })
    request.on('error', (e: NodeJS.ErrnoException) => {
      const late = e.name === 'AbortError' || e.name === 'TimeoutError'
      const problem = `Get "${url}": ${late ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : dialError(e, `${host}:${probe.port}`)}`
      resolve({ problem, plain: probe.scheme === 'https' && (e.code === 'EPROTO' || e.code === 'ERR_SSL_WRONG_VERSION_NUMBER') })
    })
    request.end()
  })
}
