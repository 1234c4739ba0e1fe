/** Freezes a JSON value in depth and returns it. What is frozen at the top is taken as frozen below: caches freeze whole objects only. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const child of Object.values(value)) deepFreeze(child)
  return value
}
