/** One HTTP GET as upstream's `pkg/probe/http` does it: a connection of its own, certificates not verified, 200 to 399 is success. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Millis } from '../../../shared/base/brands.ts'
import { dialError } from './tcp-client.ts'

export interface HttpProbe { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number; readonly path: string; readonly headers: readonly { name: string; value: string }[] }
/** `unknown`: the probe could not be made, which says nothing of the container. */
export interface ProbeAnswer { readonly ok: boolean; readonly output: string; readonly unknown?: boolean }

/** As Go's client, which upstream's prober is. */
const maxRedirects = 10

/** Never rejects. A redirect within the same host is followed, one to another is a success (`RedirectChecker`). `timeout` is for all of it. */
export async function httpProbe(probe: HttpProbe, timeout: Millis): Promise<ProbeAnswer> {
  const signal = AbortSignal.timeout(timeout)
  let target = probe
  let answer = await get(target, 'kube-probe/1.33', signal)
  for (let followed = 0; answer.code !== undefined; followed++) {
    const next = redirected(target, answer)
    if (!next || next.host !== probe.host) break
    if (followed === maxRedirects - 1) return { ok: false, output: `Get ${JSON.stringify(answer.location)}: stopped after ${maxRedirects} redirects` }
    target = next
    answer = await get(target, 'kube-probe/1.33', signal)
  }
  if (answer.code === undefined) return { ok: false, output: answer.problem }
  return answer.code >= 200 && answer.code < 400 ? { ok: true, output: '' } : { ok: false, output: `HTTP probe failed with statuscode: ${answer.code}` }
}

/**
 * The request of a lifecycle hook: any answer is a success. What speaks plain HTTP where HTTPS was asked for is asked again without TLS, since handlers
 * once ignored the scheme (KEP-3386's fallback). Resolves with what went wrong, undefined where nothing did.
 */
export async function httpHook(hook: HttpProbe, timeout: Millis): Promise<string | undefined> {
  const first = await get(hook, 'kube-lifecycle/1.33', AbortSignal.timeout(timeout))
  if (first.code === undefined && first.plain) return httpHook({ ...hook, scheme: 'http' }, timeout)
  return first.code === undefined ? first.problem : undefined
}

type Answer = { readonly code: number; readonly location: string | undefined } | { readonly code?: undefined; readonly problem: string; /** The other end does not speak TLS. */ readonly plain: boolean }

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Where an answer sends its client; undefined where it does not. */
function redirected(from: HttpProbe, { code, location }: { readonly code: number; readonly location: string | undefined }): HttpProbe | undefined {
  if (![301, 302, 303, 307, 308].includes(code) || location === undefined) return undefined
  const url = URL.parse(location, `${from.scheme}://${bracketed(from.host)}:${from.port}${from.path.startsWith('/') ? from.path : `/${from.path}`}`)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  return { ...from, scheme, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (scheme === 'https' ? 443 : 80)), path: `${url.pathname}${url.search}` }
}

function get(probe: HttpProbe, agent: string, signal: AbortSignal): Promise<Answer> {
  const host = bracketed(probe.host)
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`
  const url = `${probe.scheme}://${host}:${probe.port}${path}`
  const headers: Record<string, string> = { 'user-agent': agent, accept: '*/*', connection: 'close' }
  for (const h of probe.headers) headers[h.name.toLowerCase()] = h.value
  return new Promise((resolve) => {
    const options = { host: probe.host, port: probe.port, path, headers, agent: false as const, signal }
    const request = (probe.scheme === 'https' ? httpsRequest : httpRequest)(probe.scheme === 'https' ? { ...options, rejectUnauthorized: false } : options)
    request.on('response', (response) => {
      // The status says it all: the body is not waited for.
      response.destroy()
      resolve({ code: response.statusCode ?? 0, location: response.headers.location })
    })
    request.on('error', (e: NodeJS.ErrnoException) => {
      const late = e.name === 'AbortError' || e.name === 'TimeoutError'
      const problem = `Get "${url}": ${late ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : dialError(e, `${host}:${probe.port}`)}`
      resolve({ problem, plain: probe.scheme === 'https' && (e.code === 'EPROTO' || e.code === 'ERR_SSL_WRONG_VERSION_NUMBER') })
    })
    request.end()
  })
}
