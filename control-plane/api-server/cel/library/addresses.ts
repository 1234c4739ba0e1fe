/** IP addresses, networks and URLs in expressions (`k8s.io/apiserver/pkg/cel/library/{ip,cidr,urls}.go`). Pure. */
import type { FunctionEntry } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { CelEntries, CelError, CelList, CelOpaque } from '../values.ts'
import type { Address } from './ip-bits.ts'
import { formatAddress, maskOf, parseAddress, parseNetwork } from './ip-bits.ts'

const IP = 'net.IP'
const CIDR = 'net.CIDR'
const URL_TYPE = 'kubernetes.URL'

class IpValue extends CelOpaque {
  readonly typeName = IP
  readonly address: Address
  constructor(address: Address) {
    super()
    this.address = address
  }
  override equals(other: CelOpaque): boolean { return other instanceof IpValue && other.address.family === this.address.family && other.address.bits === this.address.bits }
}

class CidrValue extends CelOpaque {
  readonly typeName = CIDR
  readonly address: Address
  readonly prefix: number
  constructor(address: Address, prefix: number) {
    super()
    this.address = address
    this.prefix = prefix
  }
  override equals(other: CelOpaque): boolean { return other instanceof CidrValue && other.prefix === this.prefix && other.address.family === this.address.family && other.address.bits === this.address.bits }
}

function ip(text: string): IpValue {
  const address = parseAddress(text)
  if (typeof address === 'string') throw new CelError(address)
  return new IpValue(address)
}

function cidr(text: string): CidrValue {
  const network = parseNetwork(text)
  if (typeof network === 'string') throw new CelError(network)
  return new CidrValue(network.address, network.prefix)
}

function isCanonical(text: string): boolean {
  const address = parseAddress(text)
  if (typeof address === 'string') throw new CelError(address)
  return formatAddress(address) === text
}

const masked = ({ address, prefix }: CidrValue): bigint => address.bits & maskOf(address.family, prefix)
const holdsAddress = (network: CidrValue, { address }: IpValue): boolean => address.family === network.address.family && (address.bits & maskOf(address.family, network.prefix)) === masked(network)
const holdsNetwork = (network: CidrValue, inner: CidrValue): boolean =>
  inner.address.family === network.address.family && inner.prefix >= network.prefix && (inner.address.bits & maskOf(inner.address.family, network.prefix)) === masked(network)

/** Is the address within one of these networks? */
const within = (...networks: string[]): ((v: IpValue) => boolean) => {
  const all = networks.map(cidr)
  return (v) => all.some((n) => holdsAddress(n, v))
}
const multicast = within('224.0.0.0/4', 'ff00::/8')
const linkLocal = within('224.0.0.0/24', 'ff02::/16')
const about = (name: string, holds: (v: IpValue) => boolean): FunctionEntry => fn(name, { [`${IP}.() bool`]: holds })

const isNetwork = (text: string): boolean => typeof parseNetwork(text) !== 'string'

const ips: readonly FunctionEntry[] = [
  fn('ip', { [`(string) ${IP}`]: [ip, 'parse'], [`${CIDR}.() ${IP}`]: (v: CidrValue) => new IpValue(v.address) }),
  fn('isIP', { '(string) bool': (text: string) => typeof parseAddress(text) !== 'string' }, 'parse'), fn('ip.isCanonical', { '(string) bool': isCanonical }, 'parseTwice'),
  fn('family', { [`${IP}.() int`]: (v: IpValue) => BigInt(v.address.family) }),
  about('isUnspecified', within('0.0.0.0/32', '::/128')), about('isLoopback', within('127.0.0.0/8', '::1/128')), about('isLinkLocalMulticast', linkLocal),
  about('isLinkLocalUnicast', within('169.254.0.0/16', 'fe80::/10')), about('isGlobalUnicast', (v) => !multicast(v) && !within('0.0.0.0/32', '255.255.255.255/32', '::/128', '127.0.0.0/8', '::1/128', '169.254.0.0/16', 'fe80::/10')(v)),
  fn('cidr', { [`(string) ${CIDR}`]: cidr }, 'parse'), fn('isCIDR', { '(string) bool': isNetwork }, 'parse'),
  fn('containsIP', { [`${CIDR}.(${IP}) bool`]: [holdsAddress, 'containsIP'], [`${CIDR}.(string) bool`]: [(n: CidrValue, text: string) => holdsAddress(n, ip(text)), 'containsIPText'] }),
  fn('containsCIDR', { [`${CIDR}.(${CIDR}) bool`]: [holdsNetwork, 'containsCIDR'], [`${CIDR}.(string) bool`]: [(n: CidrValue, text: string) => holdsNetwork(n, cidr(text)), 'containsCIDRText'] }),
  fn('prefixLength', { [`${CIDR}.() int`]: (v: CidrValue) => BigInt(v.prefix) }),
  fn('masked', { [`${CIDR}.() ${CIDR}`]: (v: CidrValue) => new CidrValue({ family: v.address.family, bits: masked(v) }, v.prefix) }),
  fn('string', { [`(${IP}) string`]: (v: IpValue) => formatAddress(v.address), [`(${CIDR}) string`]: (v: CidrValue) => `${formatAddress(v.address)}/${v.prefix}` }),
]

class UrlValue extends CelOpaque {
  readonly typeName = URL_TYPE
  readonly url: URL
  /** Of a URL without scheme and host: its path and query alone count. */
  readonly relative: boolean
  constructor(url: URL, relative: boolean) {
    super()
    this.url = url
    this.relative = relative
  }
  override equals(other: CelOpaque): boolean { return other instanceof UrlValue && other.url.href === this.url.href && other.relative === this.relative }
}

const NOWHERE = 'nowhere://nowhere'

/** `url.ParseRequestURI`: absolute, or a path from the root. */
function parsedUrl(text: string): UrlValue | undefined {
  // eslint-disable-next-line no-control-regex -- what Go refuses in a URL
  if (/[\x00-\x20\x7f]/.test(text.replaceAll(/[?#].*$/g, ''))) return undefined
  if (text.startsWith('/')) return URL.canParse(NOWHERE + text) ? new UrlValue(new URL(NOWHERE + text), true) : undefined
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) && URL.canParse(text) ? new UrlValue(new URL(text), false) : undefined
}

function url(text: string): UrlValue {
  const value = parsedUrl(text)
  if (!value) throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`)
  return value
}

function query({ url: { searchParams } }: UrlValue): CelEntries {
  const entries = new CelEntries()
  for (const key of new Set(searchParams.keys())) entries.add(key, CelList.of(searchParams.getAll(key)))
  return entries
}

const read = (name: string, of: (v: URL) => string): FunctionEntry => fn(name, { [`${URL_TYPE}.() string`]: (v: UrlValue) => (v.relative && name !== 'getEscapedPath' ? '' : of(v.url)) })

const urls: readonly FunctionEntry[] = [
  fn('url', { [`(string) ${URL_TYPE}`]: url }, 'url'), fn('isURL', { '(string) bool': (text: string) => parsedUrl(text) !== undefined }, 'url'),
  read('getScheme', (v) => v.protocol.slice(0, -1)), read('getHost', (v) => v.host), read('getHostname', (v) => v.hostname.replace(/^\[|\]$/g, '')), read('getPort', (v) => v.port),
  read('getEscapedPath', (v) => v.pathname), fn('getQuery', { [`${URL_TYPE}.() map(string, list(string))`]: query }),
]

export const addresses: readonly FunctionEntry[] = [...ips, ...urls]
