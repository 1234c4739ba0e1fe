/**
 * Who to be at a registry: which entries of pull secrets and of the node's own file fit an image, in the order in which they are tried. Pure.
 * Source: upstream `pkg/credentialprovider/keyring.go` and `config.go`. As there, a path in a key is a prefix, `*` stands within one part of a
 * host name, and the port must be the same.
 */
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { RegistryAuth } from '../../runtime/runtime.ts'

/** What a registry's name stands for, as in a docker `config.json`. */
export type Keyring = readonly { readonly key: string; readonly auth: RegistryAuth }[]

interface Entry { readonly username?: string; readonly password?: string; readonly auth?: string }

const hub = 'index.docker.io'
const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** `https://host/v1/` and `host` are the same; a path is kept. */
function keyOf(name: string): string | undefined {
  const url = /^https?:\/\//.test(name) ? name : `https://${name}`
  const m = /^https?:\/\/([^/?#]+)([^?#]*)/.exec(url)
  if (!m) return undefined
  const path = m[2]!.replace(/^\/v[12](?=\/)/, '')
  return path === '' || path === '/' ? m[1]! : `${m[1]}${path}`
}

/** `auth` is base64 of `user:password` and wins; a password may have colons. */
function authOf(entry: Entry): RegistryAuth | undefined {
  if (!entry.auth) return { username: entry.username ?? '', password: entry.password ?? '' }
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
}

function entries(auths: unknown): Keyring {
  if (!isObject(auths)) return []
  return Object.entries(auths).flatMap(([name, entry]) => {
    const [key, auth] = [keyOf(name), isObject(entry) ? authOf(entry as Entry) : undefined]
    // An entry without a name is what `docker login` leaves where a credential helper has the secret.
    return key === undefined || auth === undefined || (auth.username === '' && auth.password === '') ? [] : [{ key, auth }]
  })
}

/** The text of a `config.json`, or of the older `.dockercfg` that is its `auths` alone. Undefined where it is no such thing. */
export function readKeyring(text: string, form: 'config.json' | '.dockercfg'): Keyring | undefined {
  let parsed: unknown
  try { parsed = JSON.parse(text) } catch { return undefined }
  if (!isObject(parsed)) return undefined
  return entries(form === '.dockercfg' ? parsed : parsed.auths)
}

/** A secret that is no JSON gives none: the pull then fails as unauthorized, which names the image. */
export function secretKeyring(secrets: readonly Secret[]): Keyring {
  return secrets.flatMap((secret) => {
    const [field, form] = secret.type === 'kubernetes.io/dockercfg' ? ['.dockercfg', '.dockercfg'] as const : secret.type === 'kubernetes.io/dockerconfigjson' ? ['.dockerconfigjson', 'config.json'] as const : []
    const text = field && secret.data?.[field]
    return text && form ? readKeyring(Buffer.from(text, 'base64').toString('utf8'), form) ?? [] : []
  })
}

type Glyph = '*' | ((c: string) => boolean)

/** `*`, `?` and sets like `[a-c]` and `[^xy]`, as Go's `path.Match` has them; undefined where a set has no end. */
function glyphs(pattern: string): Glyph[] | undefined {
  const out: Glyph[] = []
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at]!
    if (c === '*') out.push('*')
    else if (c === '?') out.push(() => true)
    else if (c !== '[') out.push((x) => x === c)
    else {
      const m = /^\[(\^?)((?:[^\]-](?:-[^\]-])?)+)\]/.exec(pattern.slice(at))
      if (!m) return undefined
      const ranges = [...m[2]!.matchAll(/(.)(?:-(.))?/g)].map(([, low = '', high = low]) => [low, high] as const)
      const not = m[1] === '^'
      out.push((x) => ranges.some(([low, high]) => x >= low && x <= high) !== not)
      at += m[0].length - 1
    }
  }
  return out
}

/** One part of a host name against one of a pattern. Steps back to the last `*` alone: users write these patterns, and no pattern may take long. */
function partMatches(pattern: string, part: string): boolean {
  const all = glyphs(pattern)
  if (!all) return false
  let [g, at, star, from] = [0, 0, -1, 0]
  while (at < part.length) {
    const glyph = all[g]
    if (glyph === '*') { star = g++; from = at }
    else if (glyph?.(part[at]!)) { g++; at++ }
    else if (star >= 0) { g = star + 1; at = ++from }
    else return false
  }
  return all.slice(g).every((rest) => rest === '*')
}

function split(name: string): { host: readonly string[]; port: string; path: string } {
  const slash = name.indexOf('/')
  const domain = slash < 0 ? name : name.slice(0, slash)
  const m = /^(.*?)(?::(\d+))?$/.exec(domain)
  return { host: (m?.[1] ?? domain).split('.'), port: m?.[2] ?? '', path: slash < 0 ? '' : name.slice(slash) }
}

/** Exported for its test. */
export function matches(key: string, repository: string): boolean {
  const [a, b] = [split(key), split(repository)]
  return a.port === b.port && a.host.length === b.host.length && b.path.startsWith(a.path) && a.host.every((part, i) => partMatches(part, b.host[i]!))
}

/** Registry and whole repository of a well-formed image name: `nginx:1` is `docker.io` and `docker.io/library/nginx`, as engines take it. */
export function repositoryOf(reference: string): { domain: string; repository: string } {
  const name = reference.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(0, slash))
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const domain = !isHost || first === hub ? 'docker.io' : first
  const path = isHost ? name.slice(slash + 1) : name
  return { domain, repository: `${domain}/${domain === 'docker.io' && !path.includes('/') ? `library/${path}` : path}` }
}

/**
 * Those that fit, without repetition: of each keyring the most special name first (`host/team/app` before `host/team` before `host`), the keyrings in the
 * order given. `repository` is normalized and without tag: `registry:5000/team/app`.
 */
export function credentialsFor(repository: string, keyrings: readonly Keyring[]): readonly RegistryAuth[] {
  const found = keyrings.flatMap((keyring) => {
    const fitting = keyring.filter(({ key }) => matches(key, repository)).toSorted((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
    return fitting.length > 0 || !repository.startsWith('docker.io/') ? fitting : keyring.filter(({ key }) => key === hub)
  })
  const seen = new Set<string>()
  return found.map((f) => f.auth).filter((auth) => { const id = JSON.stringify([auth.username, auth.password]); return !seen.has(id) && Boolean(seen.add(id)) })
}
