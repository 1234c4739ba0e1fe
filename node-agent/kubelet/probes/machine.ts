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
