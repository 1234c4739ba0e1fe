/** Plain JSON values: copy, compare, freeze. Pure. */

/** A copy that shares nothing with the original. Undefined members are left out. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((v: unknown) => copyJson(v)) as T
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const v = (value as Record<string, unknown>)[key]
    if (v !== undefined) setMember(out, key, copyJson(v))
  }
  return out as T
}

/** Sets an own member whatever its name, `__proto__` too. */
export function setMember(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/** The own member of an object, undefined for what it inherits. */
export const memberOf = (target: object, key: string): unknown => (Object.hasOwn(target, key) ? (target as Record<string, unknown>)[key] : undefined)

/** Equal as JSON: order of members does not count, undefined members are absent. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => equalJson(v, b[i]))
  }
  let members = 0
  for (const key of Object.keys(a)) {
    const v = (a as Record<string, unknown>)[key]
    if (v === undefined) continue
    members++
    if (!equalJson(v, memberOf(b, key))) return false
  }
  let others = 0
  for (const key of Object.keys(b)) if ((b as Record<string, unknown>)[key] !== undefined) others++
  return members === others
}

/** Freezes the value and all it holds; returns it. */
export function freezeJson<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const v of Object.values(value)) freezeJson(v)
  }
  return value
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
