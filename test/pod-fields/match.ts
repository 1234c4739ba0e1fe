/** What a row expects of a status: parts of objects; list elements by their type, else by place; `{ matches: /x/ }` for a text. */
interface Matches { readonly matches: RegExp }
const isMatches = (x: unknown): x is Matches => typeof x === 'object' && x !== null && 'matches' in x && (x as Matches).matches instanceof RegExp
const typeOf = (x: unknown): string | undefined => (typeof x === 'object' && x !== null && 'type' in x ? String((x as { type: unknown }).type) : undefined)

/** Where `actual` is not what was expected; undefined where it is. */
export function mismatch(actual: unknown, expected: unknown, at = 'status'): string | undefined {
  if (isMatches(expected)) return expected.matches.test(String(actual)) ? undefined : `${at} is ${JSON.stringify(actual)}, expected ${String(expected.matches)}`
  if (Array.isArray(expected)) {
    const list: readonly unknown[] = Array.isArray(actual) ? actual : []
    for (const [i, e] of expected.entries()) {
      const type = typeOf(e)
      const problem = mismatch(type === undefined ? list[i] : list.find((a) => typeOf(a) === type), e, `${at}[${type ?? i}]`)
      if (problem) return problem
    }
    return undefined
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return `${at} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`
    for (const [key, e] of Object.entries(expected)) {
      const problem = mismatch((actual as Record<string, unknown>)[key], e, `${at}.${key}`)
      if (problem) return problem
    }
    return undefined
  }
  return actual === expected ? undefined : `${at} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`
}
