import type { Clock, Log, LogFields } from '../base/host.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

const quote = (v: string): string => (/^[\w./:@+-]+$/.test(v) ? v : JSON.stringify(v))
const printed = (v: LogFields[string]): string => (v instanceof Error ? quote(v.message) : quote(String(v)))

/** A log of one line an entry: `time level component message key=value ...`. */
export function createLog(options: { level: LogLevel; clock: Pick<Clock, 'now'>; write(line: string): void; component?: string; fields?: LogFields }): Log {
  const { level, clock, write, component = '', fields = {} } = options
  const entry = (l: LogLevel) => (message: string, more: LogFields = {}): void => {
    if (rank[l] < rank[level]) return
    const rest = Object.entries({ ...fields, ...more }).filter(([, v]) => v !== undefined).map(([k, v]) => ` ${k}=${printed(v)}`).join('')
    write(`${new Date(clock.now()).toISOString()} ${l.padEnd(5)} ${component ? `${component}: ` : ''}${message}${rest}\n`)
  }
  return {
    debug: entry('debug'), info: entry('info'), warn: entry('warn'), error: entry('error'),
    child: (name, more = {}) => createLog({ level, clock, write, component: component ? `${component}/${name}` : name, fields: { ...fields, ...more } }),
  }
}

/** A log that says nothing. For tests. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }
