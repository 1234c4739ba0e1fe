/** Semantic Versioning 2.0.0: parsing and precedence. Pure. */

export interface Version { readonly major: bigint; readonly minor: bigint; readonly patch: bigint; readonly pre: readonly string[] }

const shape = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/
const MAX_LENGTH = 256

/** `v1.01` as `1.1.0`: what `normalize` lets through besides. */
function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([0-9.]*)([\s\S]*)$/.exec(text) ?? []
  const parts = core.split('.')
  while (parts.length < 3) parts.push('0')
  return parts.map((p) => p.replace(/^0+(?=\d)/, '')).join('.') + rest
}

/** Undefined for text that is none. */
export function parseSemver(text: string, normalize: boolean): Version | undefined {
  const m = text.length > MAX_LENGTH ? null : shape.exec(normalize ? normalized(text) : text)
  if (!m) return undefined
  const pre = m[4]?.split('.') ?? []
  if (pre.some((p) => /^0\d+$/.test(p))) return undefined
  return { major: BigInt(m[1] ?? 0), minor: BigInt(m[2] ?? 0), patch: BigInt(m[3] ?? 0), pre }
}

const order = <T extends bigint | string>(a: T, b: T): -1 | 0 | 1 => (a < b ? -1 : a > b ? 1 : 0)

function comparePart(a: string, b: string): -1 | 0 | 1 {
  const [numberA, numberB] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (numberA && numberB) return order(BigInt(a), BigInt(b))
  return numberA ? -1 : numberB ? 1 : order(a, b)
}

/** By precedence; what was built from it does not count. A version with a pre-release part comes before the one without. */
export function compareSemver(a: Version, b: Version): -1 | 0 | 1 {
  const core = order(a.major, b.major) || order(a.minor, b.minor) || order(a.patch, b.patch)
  if (core) return core
  if (!a.pre.length || !b.pre.length) return a.pre.length === b.pre.length ? 0 : a.pre.length ? -1 : 1
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const found = comparePart(a.pre[i] as string, b.pre[i] as string)
    if (found) return found
  }
  return order(BigInt(a.pre.length), BigInt(b.pre.length))
}
