/** Prometheus' text format, version 0.0.4, of samples that carry their own time. Pure. */

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

export interface Sample { readonly labels: Readonly<Record<string, string>>; readonly value: number; /** Wall clock, milliseconds; undefined: when it is scraped. */ readonly at?: number }

const escaped = (value: string): string => value.replaceAll(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
const printed = (value: number): string => (value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value))

/** Nothing for a family without samples. Labels in the order of their names, as upstream's. */
export function family(name: string, kind: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  if (!samples.length) return ''
  const lines = samples.map(({ labels, value, at }) => {
    const text = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}="${escaped(v)}"`).join(',')
    return `${name}${text && `{${text}}`} ${printed(value)}${at === undefined ? '' : ` ${Math.round(at)}`}\n`
  })
  return `# HELP ${name} ${help.replaceAll(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'))}\n# TYPE ${name} ${kind}\n${lines.join('')}`
}
