/**
 * Crash-loop and image-pull back-off. Pure. Source: upstream `k8s.io/client-go/util/flowcontrol/backoff.go` with the kubelet's 10 s to 5 min.
 * The first restart is at once and leaves an entry of 10 s; each further one waits out its entry, counted from the exit, and doubles it.
 * All times are monotonic milliseconds.
 */
import type { Millis } from '../../../shared/base/brands.ts'

export interface BackoffEntry { readonly delay: Millis; readonly lastUpdate: Millis }

export const firstDelay: Millis = 10_000
export const maxDelay: Millis = 300_000

/** Forgotten after twice the maximum without use: a container that ran for 10 minutes starts over. */
const isForgotten = (entry: BackoffEntry, eventAt: Millis): boolean => eventAt - entry.lastUpdate > 2 * maxDelay

/** When something that ended at `eventAt` may be tried again; not later than now where there is no back-off. */
export const retryAt = (entry: BackoffEntry | undefined, eventAt: Millis): Millis => (!entry || isForgotten(entry, eventAt) ? eventAt : eventAt + entry.delay)

/** The entry after one more try at `now` of something that ended at `eventAt`. */
export const advance = (entry: BackoffEntry | undefined, eventAt: Millis, now: Millis): BackoffEntry =>
  ({ delay: !entry || isForgotten(entry, eventAt) ? firstDelay : Math.min(maxDelay, entry.delay * 2), lastUpdate: now })

/** A span as Go prints it: `10s`, `1m20s`, `5m0s`. Whole seconds. */
export function goDuration(ms: Millis): string {
  const seconds = Math.round(ms / 1000)
  const h = Math.floor(seconds / 3600)
  const m = Math.floor((seconds % 3600) / 60)
  const s = `${seconds % 60}s`
  return h > 0 ? `${h}h${m}m${s}` : m > 0 ? `${m}m${s}` : s
}
