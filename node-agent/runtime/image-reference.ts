/**
 * Image names as people write them, made whole the way Docker and containerd do (`github.com/distribution/reference`):
 * `nginx` is `docker.io/library/nginx:latest`. Pure.
 */
import { RuntimeError } from './runtime.ts'

export interface ImageReference {
  /** Registry host, with its port where one is given. */
  readonly domain: string
  /** Repository within the registry. */
  readonly path: string
  /** Undefined where a digest names the image: it wins over a tag, as in containerd's CRI. */
  readonly tag: string | undefined
  readonly digest: string | undefined
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const pathPattern = new RegExp(`^${component}(?:/${component})*$`)
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const tagPattern = /^[\w][\w.-]{0,127}$/
const digestPattern = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/
const bareId = /^[0-9a-f]{64}$/

/** A content id, with or without its algorithm, which names an image without a registry. */
export const isImageId = (text: string): boolean => bareId.test(text) || /^sha256:[0-9a-f]{64}$/.test(text)

/** `sha256:<hex>` of an image id. */
export const canonicalId = (text: string): string => (bareId.test(text) ? `sha256:${text}` : text)

/** Throws `invalid-image-name` with the text Docker has for it. */
export function parseImageReference(text: string): ImageReference {
  const refuse = (why: string): never => { throw new RuntimeError('invalid-image-name', `couldn't parse image name "${text}": ${why}`) }
  if (bareId.test(text)) refuse('invalid repository name, cannot specify 64-byte hexadecimal strings')
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !digestPattern.test(digest)) refuse('invalid reference format')
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon < 0 ? undefined : named.slice(colon + 1)
  if (tag !== undefined && !tagPattern.test(tag)) refuse('invalid reference format')
  const { domain, path } = splitDomain(colon < 0 ? named : named.slice(0, colon))
  if (!domainPattern.test(domain)) refuse('invalid reference format')
  if (!pathPattern.test(path)) refuse(pathPattern.test(path.toLowerCase()) ? 'invalid reference format: repository name must be lowercase' : 'invalid reference format')
  if (domain.length + path.length + 1 > 255) refuse('repository name must not be more than 255 characters')
  return { domain, path, tag: digest === undefined ? tag ?? 'latest' : undefined, digest }
}

/** The first part is a registry only if it could not be a folder on Docker Hub: it has a dot, a port or capitals, or is `localhost`. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  const domain = isHost ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io'
  const rest = isHost ? name.slice(slash + 1) : name
  return { domain, path: domain === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest }
}

/** The whole name: `docker.io/library/nginx:latest`, `registry:5000/a/b@sha256:...`. */
export const formatReference = (r: ImageReference): string => `${r.domain}/${r.path}${r.digest === undefined ? `:${r.tag}` : `@${r.digest}`}`

/** `nginx` to `docker.io/library/nginx:latest`. Throws `invalid-image-name`. */
export const normalizeReference = (text: string): string => formatReference(parseImageReference(text))
