/**
 * Counters, gauges and histograms in Prometheus' text format. Whoever counts holds on to a cell: counting is an addition, nothing is looked up
 * or allocated. Label values must come from a bounded set: there is nothing that forgets them.
 */

export interface Counter { inc(by?: number): void }
export interface Gauge { set(value: number): void; inc(by?: number): void }
export interface Histogram { observe(value: number): void }
type Kind = 'counter' | 'gauge' | 'histogram'

/** A metric with labels; `labels` gives the cell for these values, in the order of their names, always the same for the same values. */
export interface Family<C> { labels(...values: readonly string[]): C }

export interface Sample { readonly labels: readonly string[]; readonly value: number }

interface Rendered { readonly name: string; render(out: string[]): void }

/** Upstream's default buckets (`prometheus.DefBuckets`), in seconds. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const escapeValue = (text: string): string => text.replaceAll(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
const printed = (value: number): string => (value === Infinity ? '+Inf' : String(value))

function labelText(names: readonly string[], values: readonly string[], more = ''): string {
  const parts = names.map((name, i) => `${name}="${escapeValue(values[i] ?? '')}"`)
  if (more) parts.push(more)
  return parts.length ? `{${parts.join(',')}}` : ''
}

const head = (name: string, help: string, kind: Kind): string => `# HELP ${name} ${help.replaceAll('\n', ' ')}\n# TYPE ${name} ${kind}\n`

class Cell implements Counter, Gauge {
  value = 0
  inc(by = 1): void { this.value += by }
  set(value: number): void { this.value = value }
}

class HistogramCell implements Histogram {
  readonly #bounds: readonly number[]
  readonly counts: Float64Array
  sum = 0
  constructor(bounds: readonly number[]) { this.#bounds = bounds; this.counts = new Float64Array(bounds.length + 1) }

  observe(value: number): void {
    this.sum += value
    let i = 0
    while (i < this.#bounds.length && value > (this.#bounds[i] ?? Infinity)) i++
    this.counts[i] = (this.counts[i] ?? 0) + 1
  }
}

class CellFamily<C> implements Family<C>, Rendered {
  readonly name: string
  readonly #cells = new Map<string, { readonly values: readonly string[]; readonly cell: C }>()
  readonly #options: { help: string; kind: Kind; names: readonly string[]; make: () => C; print: (cell: C, values: readonly string[], out: string[]) => void }

  constructor(name: string, options: { help: string; kind: Kind; names: readonly string[]; make: () => C; print: (cell: C, values: readonly string[], out: string[]) => void }) {
    this.name = name
    this.#options = options
  }

  labels(...values: readonly string[]): C {
    const key = values.join('\u0000')
    let found = this.#cells.get(key)
    if (!found) this.#cells.set(key, (found = { values, cell: this.#options.make() }))
    return found.cell
  }

  render(out: string[]): void {
    if (!this.#cells.size) return
    out.push(head(this.name, this.#options.help, this.#options.kind))
    for (const { cell, values } of this.#cells.values()) this.#options.print(cell, values, out)
  }
}

/** All metrics of a process. Asking twice for a name gives the same metric: components need not know of each other. */
export class Metrics {
  readonly #families = new Map<string, Rendered>()

  #family<C>(name: string, make: () => CellFamily<C>): CellFamily<C> {
    let family = this.#families.get(name) as CellFamily<C> | undefined
    if (!family) this.#families.set(name, (family = make()))
    return family
  }

  #numbers(name: string, help: string, kind: Kind, names: readonly string[]): CellFamily<Cell> {
    return this.#family(name, () => new CellFamily<Cell>(name, {
      help, kind, names, make: () => new Cell(), print: (cell, values, out) => { out.push(`${name}${labelText(names, values)} ${printed(cell.value)}\n`) },
    }))
  }

  counter(name: string, help: string, ...labels: readonly string[]): Family<Counter> { return this.#numbers(name, help, 'counter', labels) }
  gauge(name: string, help: string, ...labels: readonly string[]): Family<Gauge> { return this.#numbers(name, help, 'gauge', labels) }

  histogram(name: string, help: string, options: { readonly buckets?: readonly number[]; readonly labels?: readonly string[] } = {}): Family<Histogram> {
    const { buckets = DEFAULT_BUCKETS, labels: names = [] } = options
    return this.#family(name, () => new CellFamily<HistogramCell>(name, {
      help, kind: 'histogram', names, make: () => new HistogramCell(buckets),
      print: (cell, values, out) => {
        let count = 0
        cell.counts.forEach((n, i) => {
          count += n
          out.push(`${name}_bucket${labelText(names, values, `le="${printed(buckets[i] ?? Infinity)}"`)} ${count}\n`)
        })
        out.push(`${name}_sum${labelText(names, values)} ${cell.sum}\n`, `${name}_count${labelText(names, values)} ${count}\n`)
      },
    }))
  }

  /** A metric that is read when somebody asks: `read` gives the samples of that moment. A later one of the same name takes its place. */
  collected(name: string, options: { readonly kind: 'counter' | 'gauge'; readonly help: string; readonly labels?: readonly string[]; read(): Iterable<Sample> }): void {
    const { help, kind, labels: names = [] } = options
    this.#families.set(name, {
      name,
      render(out) {
        let first = true
        for (const { labels: values, value } of options.read()) {
          if (first) out.push(head(name, help, kind))
          first = false
          out.push(`${name}${labelText(names, values)} ${printed(value)}\n`)
        }
      },
    })
  }

  /** The text format, version 0.0.4, sorted by name. */
  render(): string {
    const out: string[] = []
    for (const family of [...this.#families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) family.render(out)
    return out.join('')
  }
}
