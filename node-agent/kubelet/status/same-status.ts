/** Whether two JSON values are equal, whatever the order of their keys. Pure. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a).filter(([, v]) => v !== undefined)
  const right = b as Record<string, unknown>
  return left.length === Object.values(b).filter((v) => v !== undefined).length && left.every(([k, v]) => deepEqual(v, right[k]))
}
