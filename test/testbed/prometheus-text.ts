/** A strict reader of Prometheus' text format 0.0.4: what it takes, any scraper takes. Throws a sentence with the line otherwise. */

export interface Line { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly at: number | undefined }
export interface Family { readonly name: string; readonly type: string; readonly help: string; readonly lines: readonly Line[] }

const nameOf = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const types = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped'])
const numberOf = (text: string): number => {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  if (text === 'NaN') return NaN
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw new Error(`not a number: ${text}`)
  return Number(text)
}

/** `{a="b",c="d"}` from `at`; returns where it ends. */
function labelsFrom(line: string, at: number): { labels: Record<string, string>; end: number } {
  const labels: Record<string, string> = {}
  let i = at + 1
  while (line[i] !== '}') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/.exec(line.slice(i))
    if (!match?.[1] || match[2] === undefined) throw new Error('labels are broken')
    if (match[1] in labels) throw new Error(`label ${match[1]} twice`)
    labels[match[1]] = match[2].replaceAll(/\\(["\\n])/g, (_, c: string) => (c === 'n' ? '\n' : c))
    i += match[0].length
    if (line[i] === ',') i++
    else if (line[i] !== '}') throw new Error('labels are broken')
  }
  return { labels, end: i + 1 }
}

function sampleOf(line: string): Line & { readonly name: string } {
  const end = line.search(/[{ ]/)
  const name = line.slice(0, end)
  if (!nameOf.test(name)) throw new Error('a name is broken')
  const { labels, end: after } = line[end] === '{' ? labelsFrom(line, end) : { labels: {}, end }
  const [value = '', at, ...rest] = line.slice(after).replace(/^ /, '').split(' ')
  if (rest.length || (at !== undefined && !/^-?\d+$/.test(at))) throw new Error('what follows the value is no time')
  return { name, labels, value: numberOf(value), at: at === undefined ? undefined : Number(at) }
}

/** Whether a sample of this name belongs to the family. */
const belongs = (sample: string, name: string, type: string): boolean => sample === name || ((type === 'histogram' || type === 'summary') && [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample))

function checkHistogram({ name, lines }: { name: string; lines: readonly (Line & { name: string })[] }): void {
  const series = Map.groupBy(lines.filter((l) => l.name === `${name}_bucket`), ({ labels }) => JSON.stringify(Object.fromEntries(Object.entries(labels).filter(([name]) => name !== 'le'))))
  for (const [key, buckets] of series) {
    if (buckets.at(-1)?.labels.le !== '+Inf') throw new Error(`${name}: the last bucket is not +Inf`)
    if (buckets.some((b, i) => i > 0 && b.value < (buckets[i - 1]?.value ?? 0))) throw new Error(`${name}: buckets shrink`)
    const count = lines.find((l) => l.name === `${name}_count` && JSON.stringify(l.labels) === key)
    if (count?.value !== buckets.at(-1)?.value) throw new Error(`${name}: the count is not the last bucket's`)
  }
}

/** Families by name, each with a HELP, a TYPE and samples, told once and in one piece; no sample twice. */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end')
  const found = new Map<string, { name: string; type: string; help: string; lines: (Line & { name: string })[] }>()
  const seen = new Set<string>()
  let help: [name: string, text: string] | undefined
  let current: { name: string; type: string; help: string; lines: (Line & { name: string })[] } | undefined
  for (const [i, line] of text.split('\n').slice(0, -1).entries()) {
    try {
      const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
      if (comment) {
        const [, what, name = '', rest = ''] = comment
        if (!nameOf.test(name)) throw new Error('a name is broken')
        if (what === 'HELP') { help = [name, rest]; current = undefined; continue }
        if (help?.[0] !== name || !types.has(rest) || found.has(name)) throw new Error('TYPE without its HELP, of an unknown kind, or twice')
        found.set(name, (current = { name, type: rest, help: help[1], lines: [] }))
        continue
      }
      const sample = sampleOf(line)
      if (!current || !belongs(sample.name, current.name, current.type)) throw new Error('a sample outside its family')
      const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
      if (seen.has(key)) throw new Error('a sample twice')
      seen.add(key)
      if (current.type === 'counter' && !(sample.value >= 0)) throw new Error('a counter below zero')
      current.lines.push(sample)
    } catch (e) {
      throw new Error(`line ${i + 1}: ${(e as Error).message}: ${line}`, { cause: e })
    }
  }
  for (const family of found.values()) {
    if (!family.lines.length) throw new Error(`${family.name} has no sample`)
    if (family.type === 'histogram') checkHistogram(family)
  }
  return found
}
