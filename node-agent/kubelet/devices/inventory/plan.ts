/** What is on this node, from what was seen of it: devices and the names they are offered under. Pure. */
import { isSingle, type DeviceClass } from '../classes.ts'

export interface Numbers { readonly type: 'c' | 'b'; readonly major: number; readonly minor: number }

/** One path that a class matched. */
export interface Seen {
  readonly class: DeviceClass
  /** Of the node itself, links followed. */
  readonly path: string
  /** The link that names it for good, where there is one. */
  readonly stable: string | undefined
  readonly numbers: Numbers
  readonly usb?: UsbFacts
}

/** Of sysfs. `vendor` and `product`: four hexadecimal digits each. `port`: where it is plugged in, `1-1.2`. */
export interface UsbFacts { readonly vendor: string; readonly product: string; readonly serial: string | undefined; readonly port: string }

export interface DeviceFile { readonly path: string; readonly stable: string | undefined; /** `c188:0`. */ readonly numbers: string }

export interface Device {
  /** The same after a reboot and in another socket, as far as the device tells. */
  readonly id: string
  /** Resources without domain; the first is its own. */
  readonly names: readonly string[]
  readonly slots: number
  readonly files: readonly DeviceFile[]
}

/** FNV-1a, 32 bits: tells long names apart. */
function digest(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash.toString(16).padStart(8, '0')
}

/** A name that a resource may have: at most 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit. */
export function slug(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
  return clean.length <= 63 ? clean : `${clean.slice(0, 54).replace(/[^A-Za-z0-9]+$/, '')}-${digest(text)}`
}

export const numbersOf = (n: Numbers): string => `${n.type}${n.major}:${n.minor}`
const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Its own name, then those it shares. */
function namesOf({ class: c, path, stable, usb }: Seen): string[] {
  if (usb) {
    const model = `usb-${usb.vendor}-${usb.product}`
    return [slug(`${model}-${usb.serial ?? usb.port}`), model]
  }
  if (c.together || isSingle(c.paths)) return [c.name]
  const base = baseName(stable ?? path)
  const isPooled = c.pool !== undefined && [path, stable].some((p) => p !== undefined && c.pool?.test(p))
  return [slug(base.startsWith(c.name) ? base : `${c.name}-${base}`), ...(isPooled ? [c.name] : [])]
}

interface Draft { id: string; names: string[]; slots: number; files: DeviceFile[] }

/**
 * In the order of `seen`. What several classes match is one device with the names of all: shared as the first says, and known by the name that the last
 * gives it, so that a class that an operator adds does not make another of it.
 */
export function inventory(seen: readonly Seen[]): { readonly devices: readonly Device[]; readonly clashes: readonly string[] } {
  const byKey = new Map<string, Draft>()
  const owner = new Map<string, Draft>()
  const clashes: string[] = []
  for (const one of seen) {
    const [wanted = '', ...pools] = namesOf(one)
    // Cheap ones are all sold with the same serial number.
    const own = one.usb && owner.has(wanted) ? slug(`${pools[0]}-${one.usb.port}`) : wanted
    const numbers = numbersOf(one.numbers)
    const file: DeviceFile = { path: one.path, stable: one.stable, numbers }
    const key = one.class.together ? one.class.name : numbers
    const draft: Draft = byKey.get(key) ?? { id: own, names: [], slots: one.class.slots, files: [] }
    const other = owner.get(own)
    // Two of a kind without anything of their own would be one and the same to a pod.
    if (own === '' || (other && other !== draft)) { clashes.push(`${one.path}: another device has the name ${JSON.stringify(own)}`); continue }
    byKey.set(key, draft)
    owner.set(own, draft)
    draft.id = own
    for (const name of [own, ...pools]) if (!draft.names.includes(name)) draft.names.push(name)
    const before = draft.files.findIndex((f) => f.numbers === numbers)
    if (before < 0) draft.files.push(file)
    else if (draft.files[before]?.stable === undefined) draft.files[before] = file
  }
  return { devices: [...byKey.values()], clashes }
}
