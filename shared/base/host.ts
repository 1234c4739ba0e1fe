/**
 * What the outside world offers to our code: made once in a `main.ts`, passed down as parameters, so that a decision never
 * reaches for a clock and a test never has to patch a module.
 */
import type { Millis } from './brands.ts'
import type { Metrics } from './metrics.ts'

/** Time. `now` may jump (a Pi boots in 1970 and NTP moves it); intervals are measured with `monotonic` only. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. */
  now(): Millis
  /** Milliseconds since an arbitrary start; never goes back, unaffected by changes of the wall clock. */
  monotonic(): Millis
  /** Resolves after `ms`; rejects with the signal's reason when aborted. Does not keep the process alive by itself. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>
  /** Calls `fn` once after `ms` unless disposed before. */
  after(ms: Millis, fn: () => void): Disposable
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  bytes(n: number): Uint8Array
  /** RFC 4122 version 4. */
  uuid(): string
}

/** Structured log: one line an entry. Never given secrets. `fields` are printed as key=value. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose entries carry `component` and these fields. */
  child(component: string, fields?: LogFields): Log
}
export type LogFields = Readonly<Record<string, string | number | boolean | undefined | null | Error>>

export interface Host {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Where this process counts; nobody does without. */
  readonly metrics?: Metrics
}
