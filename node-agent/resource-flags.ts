/** Flags of what pods may have of a node, and of when images make room. */
import { parseDuration } from '../shared/values/duration.ts'
import { parseQuantity, QuantityError, quantityMilli, quantityValue } from '../shared/values/quantity.ts'
import type { Watermarks } from './kubelet/images/gc/plan.ts'
import type { Enforcement } from './kubelet/resources/node-allocatable.ts'

/** A flag that cannot be used, in a sentence for the person who typed it. */
export class FlagError extends Error { override readonly name = 'FlagError' }

/** Millicores, bytes, bytes and process ids. */
export interface Reserved { readonly cpuMilli: number; readonly memoryBytes: number; readonly diskBytes: number; readonly pids: number }

const fields = { cpu: 'cpuMilli', memory: 'memoryBytes', 'ephemeral-storage': 'diskBytes', pid: 'pids' } as const

function reservedBy(flag: string, list: string): Record<keyof Reserved, number> {
  const out = { cpuMilli: 0, memoryBytes: 0, diskBytes: 0, pids: 0 }
  for (const entry of list.split(',').filter(Boolean)) {
    const [name = '', text = ''] = entry.split('=')
    let amount
    try { amount = parseQuantity(text) } catch (e) { if (!(e instanceof QuantityError)) throw e }
    if (!amount || amount.nano < 0n || !Object.hasOwn(fields, name)) throw new FlagError(`--${flag} ${entry}: QUANTITY of one of ${Object.keys(fields).join(', ')}, as in cpu=250m`)
    out[fields[name as keyof typeof fields]] = name === 'cpu' ? quantityMilli(amount) : quantityValue(amount)
  }
  return out
}

/** What the system and the agent have together: pods may not have it, whosever it is. */
export function reservedOf(system = '', kube = ''): Reserved {
  const [a, b] = [reservedBy('system-reserved', system), reservedBy('kube-reserved', kube)]
  return { cpuMilli: a.cpuMilli + b.cpuMilli, memoryBytes: a.memoryBytes + b.memoryBytes, diskBytes: a.diskBytes + b.diskBytes, pids: a.pids + b.pids }
}

export function enforcementOf(text = 'pods'): Enforcement {
  if (text === 'pods' || text === 'none') return text
  throw new FlagError(/(system|kube)-reserved/.test(text) ? `--enforce-node-allocatable ${text}: the cgroups of the system and of the agent are left to the machine; pods or none` : `--enforce-node-allocatable ${text}: pods or none`)
}

/** Undefined for no limit. */
export function podPidsOf(text = '-1'): number | undefined {
  if (text === '-1') return undefined
  if (!/^\d{1,7}$/.test(text) || Number(text) < 1 || Number(text) > 4_194_304) throw new FlagError(`--pod-max-pids ${text}: a number from 1 to 4194304, or -1 for no limit`)
  return Number(text)
}

export function cgroupRootOf(text = 'bramble'): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/.test(text)) throw new FlagError(`--cgroup-root ${text}: one name of at most 63 letters, digits, "_" and "-"`)
  return text
}

export function watermarksOf(high = '85', low = '80', ttl = '2m'): Watermarks {
  const percent = (flag: string, text: string): number => {
    if (!/^\d{1,3}$/.test(text) || Number(text) > 100) throw new FlagError(`--${flag} ${text}: a number from 0 to 100`)
    return Number(text)
  }
  const [upper, lower] = [percent('image-gc-high-threshold', high), percent('image-gc-low-threshold', low)]
  if (lower >= upper) throw new FlagError(`--image-gc-low-threshold ${low}: must be below --image-gc-high-threshold ${high}`)
  const minAge = parseDuration(ttl)
  if (minAge === undefined || minAge < 0) throw new FlagError(`--minimum-image-ttl-duration ${ttl}: a duration like 90s or 1m30s`)
  // 100 turns it off, upstream's rule.
  return { high: upper === 100 ? Infinity : upper / 100, low: lower / 100, minAge }
}
