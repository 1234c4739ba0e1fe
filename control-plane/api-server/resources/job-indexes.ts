/** Lists of indexes of an Indexed Job, `1,3-5,7` (`validateIndexesFormat`). Pure. */

type Interval = readonly [number, number]
/** What is wrong with a list, as upstream words it. */
type Problem = string

const integer = /^[+-]?\d+$/

function parseInterval(text: string, completions: number): Interval | Problem {
  const parts = text.split('-')
  if (parts.length > 2) return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`
  for (const part of parts) {
    if (!integer.test(part)) return `cannot convert string to integer for index: ${JSON.stringify(part)}`
    if (Number(part) >= completions) return `too large index: ${JSON.stringify(part)}`
  }
  const [from, to = from] = parts.map(Number) as [number, number?]
  return parts.length === 2 && from >= to ? `non-increasing order, previous: ${from}, current: ${to}` : [from, to]
}

/** How many indexes the list has, all below `completions`; or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | Problem {
  if (text === '') return 0
  let last: number | undefined
  let total = 0
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions)
    if (typeof interval === 'string') return interval
    const [from, to] = interval
    if (last !== undefined && last >= from) return `non-increasing order, previous: ${last}, current: ${from}`
    total += to - from + 1
    last = to
  }
  return total
}

/** The first index that is in both lists; intervals that cannot be read are another finding's business. */
export function firstCommonIndex(a: string, b: string, completions: number): number | undefined {
  const intervals = (text: string): Interval[] => text.split(',').map((p) => parseInterval(p, completions)).filter((i): i is Interval => typeof i !== 'string')
  if (a === '' || b === '') return undefined
  const [left, right] = [intervals(a), intervals(b)]
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    const [x, y] = [left[i] as Interval, right[j] as Interval]
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0])
    if (x[0] <= y[0]) i++
    else j++
  }
  return undefined
}
