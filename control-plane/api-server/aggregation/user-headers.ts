/** Who asks, as an aggregated server is told (`client-go/transport/round_trippers.go`, `SetAuthProxyHeaders`), and what of a request concerns one connection alone. Pure. */
import type { User } from '../authn/user.ts'

/** The names under which an extension server is told to look: `extension-apiserver-authentication`. */
export const userHeaders = { user: 'X-Remote-User', uid: 'X-Remote-Uid', group: 'X-Remote-Group', extra: 'X-Remote-Extra-' } as const

/** RFC 9110, 7.6.1. */
const hop = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
/** Set by us, or spent on us. */
const ours = new Set(['authorization', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-uri', 'audit-id'])
const named = new Set(['x-remote-user', 'x-remote-uid', 'x-remote-group'])

/** A header value as it travels: UTF-8 bytes, which Node takes as Latin-1. Line ends would begin a header of the user's own. */
const value = (text: string): string => Buffer.from(text.replaceAll(/[\r\n\0]/g, ' ')).toString('latin1')

/** Keys of `extra` may hold what a header's name may not: percent-encoded, the percent sign too. */
const escaped = (key: string): string =>
  [...Buffer.from(key)].map((b) => (/[!#$&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(b)) ? String.fromCharCode(b) : `%${b.toString(16).toUpperCase().padStart(2, '0')}`)).join('')

/** Name and value in turns, as `rawHeaders` has them. */
export function headersOfUser(user: User): string[] {
  const out = [userHeaders.user, value(user.name)]
  if (user.uid) out.push(userHeaders.uid, value(user.uid))
  for (const group of user.groups) out.push(userHeaders.group, value(group))
  for (const [key, values] of Object.entries(user.extra ?? {})) for (const v of values) out.push(`${userHeaders.extra}${escaped(key)}`, value(v))
  return out
}

/** What the client named as its connection's own is the connection's own. */
function connectionOptions(rawHeaders: readonly string[]): Set<string> {
  const out = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'connection') for (const option of rawHeaders[i + 1]?.split(',') ?? []) out.add(option.trim().toLowerCase())
  return out
}

export interface Forwarding { readonly user: User; /** Of the client. */ readonly address: string; readonly path: string; readonly auditId: string; readonly upgrade: boolean }

/** The client's headers without what is not passed on, then ours. The framing of the body (`Content-Length`, `Transfer-Encoding`) is kept where it is a length. */
export function forwardedHeaders(rawHeaders: readonly string[], { user, address, path, auditId, upgrade }: Forwarding): string[] {
  const options = connectionOptions(rawHeaders)
  const out: string[] = []
  let [before, host] = ['', '']
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', text = ''] = rawHeaders.slice(i, i + 2)
    const lower = name.toLowerCase()
    if (lower === 'x-forwarded-for') before = `${before}${text}, `
    if (lower === 'host') host = text
    const dropped = hop.has(lower) || options.has(lower) || ours.has(lower) || named.has(lower) || lower.startsWith('x-remote-extra-') || lower.startsWith('impersonate-')
    if (!dropped || (upgrade && lower === 'upgrade')) out.push(name, text)
  }
  if (upgrade) out.push('Connection', 'Upgrade')
  out.push('X-Forwarded-For', `${before}${address.replace(/^::ffff:/, '')}`, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', 'https', 'X-Forwarded-Uri', path)
  if (auditId) out.push('Audit-Id', auditId)
  return [...out, ...headersOfUser(user)]
}

/** What of an answer is passed back. `has`: headers that we set already. */
export function answerHeaders(rawHeaders: readonly string[], has: (name: string) => boolean): string[] {
  const options = connectionOptions(rawHeaders)
  const out: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', text = ''] = rawHeaders.slice(i, i + 2)
    const lower = name.toLowerCase()
    if (!hop.has(lower) && !options.has(lower) && !has(lower)) out.push(name, text)
  }
  return out
}
