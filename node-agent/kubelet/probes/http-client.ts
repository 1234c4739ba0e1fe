/** One HTTP GET as upstream's `pkg/probe/http` does it: a connection of its own, certificates not verified, 200 to 399 is success. */
import type { Millis } from '../../../shared/base/brands.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { EndOfStream, getHead, hasLineBreak, MalformedResponse, NoAnswer, type Head } from './http-head.ts'
import { dialError } from './tcp-client.ts'

export interface HttpProbe { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number; readonly path: string; readonly headers: readonly { name: string; value: string }[] }
/** `warning`: a success that upstream tells of (event ProbeWarning), with `output`. */
export interface ProbeAnswer { readonly ok: boolean; readonly output: string; readonly warning?: true; /** The probe could not be made, which says nothing of the container. */ readonly unknown?: boolean }

/** Upstream's `RedirectChecker`: so many, and only on the same host. */
const maxRedirects = 10

/** Never rejects. Redirects are followed on the same host; one that leads elsewhere counts as an answer. `timeout` is for all of it. */
export async function httpProbe(probe: HttpProbe, timeout: Millis): Promise<ProbeAnswer> {
  const until = systemClock.monotonic() + timeout
  let target = probe
  for (let followed = 0; ; followed++) {
    const answer = await get(target, 'kube-probe/1.33', until - systemClock.monotonic())
    if (answer.code === undefined) return { ok: false, output: answer.problem }
    if (answer.code < 200 || answer.code >= 400) return { ok: false, output: `HTTP probe failed with statuscode: ${answer.code}` }
    const next = [301, 302, 303, 307, 308].includes(answer.code) && answer.location !== undefined ? redirected(target, answer.location) : undefined
    if (next === undefined) return answer.code >= 300 ? { ok: true, output: 'Probe terminated redirects', warning: true } : { ok: true, output: '' }
    if (followed + 1 >= maxRedirects) return { ok: false, output: `Get "${answer.location}": stopped after 10 redirects` }
    target = next
  }
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

const authority = (probe: HttpProbe): string => `${probe.host.includes(':') ? `[${probe.host}]` : probe.host}:${probe.port}`
const urlOf = (probe: HttpProbe): string => `${probe.scheme}://${authority(probe)}${probe.path.startsWith('/') ? '' : '/'}${probe.path}`

/** Undefined where it leads to another host, or nowhere. */
function redirected(from: HttpProbe, location: string): HttpProbe | undefined {
  const url = URL.canParse(location, urlOf(from)) ? new URL(location, urlOf(from)) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname.replace(/^\[|\]$/g, '') !== from.host) return undefined
  const scheme = url.protocol === 'https:' ? 'https' : 'http'
  return { ...from, scheme, port: Number(url.port || (scheme === 'https' ? 443 : 80)), path: `${url.pathname}${url.search}` }
}

type Answer = Head | { readonly code?: undefined; readonly problem: string; /** The other end does not speak TLS. */ readonly plain: boolean }

/** The headers of the request: those asked for, and Go's where the name is not among them. An empty User-Agent or Accept is left out, as upstream documents. */
function headersOf(probe: HttpProbe, agent: string): { name: string; value: string }[] {
  const asked = new Set(probe.headers.map((h) => h.name.toLowerCase()))
  const own = [{ name: 'Host', value: authority(probe) }, { name: 'User-Agent', value: agent }, { name: 'Accept', value: '*/*' }].filter((h) => !asked.has(h.name.toLowerCase()))
  const given = probe.headers.filter((h) => h.name.toLowerCase() !== 'connection' && (h.value !== '' || !/^(user-agent|accept)$/i.test(h.name)))
  return [...own, ...given, { name: 'Connection', value: 'close' }]
}

async function get(probe: HttpProbe, agent: string, timeout: Millis): Promise<Answer> {
  const path = probe.path.startsWith('/') ? probe.path : `/${probe.path}`
  const failed = (why: string, plain = false): Answer => ({ problem: `Get "${urlOf(probe)}": ${why}`, plain })
  const broken = probe.headers.find((h) => hasLineBreak(h.value) || hasLineBreak(h.name))
  if (broken) return failed(`net/http: invalid header field value for ${JSON.stringify(broken.name)}`)
  try {
    return await getHead({ scheme: probe.scheme, host: probe.host, port: probe.port, path, headers: headersOf(probe, agent) }, timeout)
  } catch (e) {
    const error = e as NodeJS.ErrnoException
    if (e instanceof EndOfStream) return failed('EOF')
    if (e instanceof MalformedResponse) return failed(`net/http: HTTP/1.x transport connection broken: ${e.message}`)
    if (e instanceof NoAnswer) return failed('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
    return failed(dialError(error, authority(probe)), probe.scheme === 'https' && (error.code === 'EPROTO' || error.code === 'ERR_SSL_WRONG_VERSION_NUMBER'))
  }
}
