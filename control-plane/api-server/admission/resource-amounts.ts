/** Arithmetic on resource lists (`apiserver/pkg/quota/v1/resources.go`): names to exact amounts. Pure. */
import type { Quantity } from '../../../shared/values/quantity.ts'
import { addQuantity, compareQuantity, formatQuantity, parseQuantity, subtractQuantity, zeroQuantity } from '../../../shared/values/quantity.ts'

export type Amounts = ReadonlyMap<string, Quantity>
export type ResourceList = Readonly<Record<string, string>>

export const amountsOf = (list: ResourceList | undefined): Map<string, Quantity> => new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]))

/** Sorted by name, as upstream's JSON is. */
export const listOf = (amounts: Amounts): Record<string, string> => Object.fromEntries([...amounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, q]) => [name, formatQuantity(q)]))

export const count = (n: number): Quantity => parseQuantity(String(n))

export function addInto(target: Map<string, Quantity>, more: Amounts): Map<string, Quantity> {
  for (const [name, q] of more) target.set(name, addQuantity(target.get(name) ?? { nano: 0n, format: q.format }, q))
  return target
}

export function maxInto(target: Map<string, Quantity>, other: Amounts): Map<string, Quantity> {
  for (const [name, q] of other) {
    const had = target.get(name)
    if (!had || compareQuantity(had, q) < 0) target.set(name, q)
  }
  return target
}

/** `a - b` by name; what only `b` has comes out negative. */
export function subtract(a: Amounts, b: Amounts): Map<string, Quantity> {
  const out = new Map(a)
  for (const [name, q] of b) out.set(name, subtractQuantity(a.get(name) ?? { nano: 0n, format: q.format }, q))
  return out
}

export const masked = (amounts: Amounts, names: Iterable<string>): Map<string, Quantity> => {
  const out = new Map<string, Quantity>()
  for (const name of names) {
    const q = amounts.get(name)
    if (q) out.set(name, q)
  }
  return out
}

export const withoutZeros = (amounts: Amounts): Map<string, Quantity> => new Map([...amounts].filter(([, q]) => q.nano !== 0n))

/** Names in `a` that are over what `b` has for them. */
export const over = (a: Amounts, b: Amounts): string[] => [...a].filter(([name, q]) => { const limit = b.get(name); return limit !== undefined && compareQuantity(q, limit) > 0 }).map(([name]) => name)

/** `cpu=100m,memory=1Gi`, sorted. */
export const printed = (amounts: Amounts): string => [...amounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, q]) => `${name}=${formatQuantity(q)}`).join(',')

export const zero = zeroQuantity
