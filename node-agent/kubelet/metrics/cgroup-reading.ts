/** What a cgroup's files say, of version 1 (a tree for each controller) and version 2 (one tree). Pure. */

export interface Pressure { readonly avg10: number; readonly avg60: number; readonly avg300: number; /** Microseconds. */ readonly total: number }
export interface Pressures { readonly some?: Pressure; readonly full?: Pressure }

export interface AllPressures { readonly cpu?: Pressures; readonly memory?: Pressures; readonly io?: Pressures }

export interface CgroupReading {
  readonly cpuNanos: number
  /** Undefined where it was not read. */
  readonly throttling?: { readonly periods: number; readonly throttledPeriods: number; readonly throttledNanos: number }
  readonly memoryBytes: number
  /** Without file pages that the kernel would drop first, as the kubelet counts. */
  readonly workingSetBytes: number
  readonly rssBytes: number
  readonly cacheBytes: number
  readonly mappedFileBytes: number
  readonly pageFaults: number
  readonly majorPageFaults: number
  readonly swapBytes: number
  /** Undefined where there is none, or it was not read. */
  readonly memoryLimitBytes?: number
  readonly failures?: number
  readonly processes?: number
  readonly cpuQuotaMicros?: number
  readonly cpuPeriodMicros?: number
  readonly cpuShares?: number
  readonly pressure?: AllPressures
}

/** Content by name; undefined for a file that is not there. */
export type CgroupFiles = Readonly<Record<string, string | undefined>>

/** Read for every question, and beside them where more than cpu and memory is asked for. `controller/file` in version 1. */
export const filesOf = {
  1: {
    core: ['cpuacct/cpuacct.usage', 'memory/memory.usage_in_bytes', 'memory/memory.stat'],
    more: ['cpu/cpu.stat', 'cpu/cpu.shares', 'cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us', 'memory/memory.limit_in_bytes', 'memory/memory.failcnt', 'pids/pids.current'],
  },
  2: {
    core: ['cpu.stat', 'memory.current', 'memory.stat', 'memory.swap.current'],
    more: ['cpu.weight', 'cpu.max', 'memory.max', 'memory.events', 'pids.current', 'cpu.pressure', 'memory.pressure', 'io.pressure'],
  },
} as const

/** Above this a limit of version 1 is none: the kernel's greatest, rounded down to a page. */
const noLimit = 2 ** 62

const fieldsOf = (text: string | undefined): ReadonlyMap<string, number> =>
  new Map((text ?? '').split('\n').filter(Boolean).map((line) => { const at = line.indexOf(' '); return [line.slice(0, at), Number(line.slice(at + 1))] as const }))
const numberIn = (text: string | undefined): number | undefined => (text === undefined || text.trim() === '' || text.trim() === 'max' ? undefined : Number(text))
/** A property that is there only with a value. */
const optional = <K extends string>(name: K, value: number | undefined): { readonly [P in K]?: number } => (value === undefined ? {} : { [name]: value } as { readonly [P in K]?: number })

export function parseV1(files: CgroupFiles): CgroupReading | undefined {
  const cpu = numberIn(files['cpuacct/cpuacct.usage'])
  if (cpu === undefined) return undefined
  const memory = fieldsOf(files['memory/memory.stat'])
  const of = (name: string): number => memory.get(`total_${name}`) ?? memory.get(name) ?? 0
  const usage = numberIn(files['memory/memory.usage_in_bytes']) ?? 0
  const [limit, quota] = [numberIn(files['memory/memory.limit_in_bytes']), numberIn(files['cpu/cpu.cfs_quota_us'])]
  const throttled = files['cpu/cpu.stat'] === undefined ? undefined : fieldsOf(files['cpu/cpu.stat'])
  return {
    cpuNanos: cpu, memoryBytes: usage, workingSetBytes: Math.max(0, usage - of('inactive_file')), rssBytes: of('rss'), cacheBytes: of('cache'), mappedFileBytes: of('mapped_file'),
    pageFaults: of('pgfault'), majorPageFaults: of('pgmajfault'), swapBytes: of('swap'),
    ...(throttled ? { throttling: { periods: throttled.get('nr_periods') ?? 0, throttledPeriods: throttled.get('nr_throttled') ?? 0, throttledNanos: throttled.get('throttled_time') ?? 0 } } : {}),
    ...optional('memoryLimitBytes', limit !== undefined && limit < noLimit ? limit : undefined), ...optional('failures', numberIn(files['memory/memory.failcnt'])), ...optional('processes', numberIn(files['pids/pids.current'])),
    ...optional('cpuQuotaMicros', quota !== undefined && quota > 0 ? quota : undefined), ...optional('cpuPeriodMicros', numberIn(files['cpu/cpu.cfs_period_us'])), ...optional('cpuShares', numberIn(files['cpu/cpu.shares'])),
  }
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, a line each of `some` and `full`. */
export function parsePressure(text: string | undefined): Pressures | undefined {
  const lines = [...(text ?? '').matchAll(/^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm)]
  return lines.length ? Object.fromEntries(lines.map(([, kind, a, b, c, total]) => [kind, { avg10: Number(a), avg60: Number(b), avg300: Number(c), total: Number(total) }])) : undefined
}

/** The three files together; undefined where the kernel counts none. */
export function allPressures(text: (kind: 'cpu' | 'memory' | 'io') => string | undefined): AllPressures | undefined {
  const found = (['cpu', 'memory', 'io'] as const).flatMap((kind) => { const p = parsePressure(text(kind)); return p ? [[kind, p] as const] : [] })
  return found.length ? Object.fromEntries(found) : undefined
}

export function parseV2(files: CgroupFiles): CgroupReading | undefined {
  if (files['cpu.stat'] === undefined) return undefined
  const [cpu, memory] = [fieldsOf(files['cpu.stat']), fieldsOf(files['memory.stat'])]
  const of = (name: string): number => memory.get(name) ?? 0
  const usage = numberIn(files['memory.current']) ?? 0
  const [quota, period] = (files['cpu.max'] ?? '').trim().split(' ')
  const weight = numberIn(files['cpu.weight'])
  const pressure = allPressures((kind) => files[`${kind}.pressure`])
  return {
    cpuNanos: (cpu.get('usage_usec') ?? 0) * 1000, memoryBytes: usage, workingSetBytes: Math.max(0, usage - of('inactive_file')), rssBytes: of('anon'), cacheBytes: of('file'), mappedFileBytes: of('file_mapped'),
    pageFaults: of('pgfault'), majorPageFaults: of('pgmajfault'), swapBytes: numberIn(files['memory.swap.current']) ?? 0,
    ...(cpu.has('nr_periods') ? { throttling: { periods: cpu.get('nr_periods') ?? 0, throttledPeriods: cpu.get('nr_throttled') ?? 0, throttledNanos: (cpu.get('throttled_usec') ?? 0) * 1000 } } : {}),
    ...optional('memoryLimitBytes', numberIn(files['memory.max'])), ...optional('failures', files['memory.events'] === undefined ? undefined : fieldsOf(files['memory.events']).get('max')),
    ...optional('processes', numberIn(files['pids.current'])), ...optional('cpuQuotaMicros', numberIn(quota)), ...optional('cpuPeriodMicros', numberIn(period)),
    // The inverse of how shares become a weight.
    ...optional('cpuShares', weight === undefined ? undefined : Math.round(2 + ((weight - 1) * 262_142) / 9999)),
    ...(pressure ? { pressure } : {}),
  }
}
