/** From single probe outcomes to a result, by thresholds. Pure. Source: upstream `pkg/kubelet/prober/worker.go`. */
export type Outcome = 'success' | 'failure'
export interface ProbeState { readonly result: 'unknown' | Outcome; readonly last: Outcome | undefined; /** Equal outcomes in a row. */ readonly run: number }
export interface Thresholds { readonly success: number; readonly failure: number }

export const initialState = (result: ProbeState['result']): ProbeState => ({ result, last: undefined, run: 0 })

export function step(state: ProbeState, outcome: Outcome, thresholds: Thresholds): ProbeState {
  const run = state.last === outcome ? state.run + 1 : 1
  const result = run >= (outcome === 'success' ? thresholds.success : thresholds.failure) ? outcome : state.result
  return { result, last: outcome, run }
}

/**
 * When a probe that was due at `due` is next to be made: a period later, on the beat of all whose period is of that length. A hundred pods' probes that come one by one wake the
 * processor a hundred times, and each finds its caches cold; on the beat they share what it costs. A period's first probe may so come up to a tenth of it early, later ones are
 * exactly a period apart. What was missed (a stopped process, a suspended machine) is not caught up with, as with upstream's ticker. All in milliseconds of the monotonic clock.
 */
export function nextDue(due: number, now: number, period: number): number {
  const beat = Math.min(1000, period / 10)
  const next = Math.floor((due + period) / beat) * beat
  return next > now ? next : Math.floor((now + period) / beat) * beat
}
