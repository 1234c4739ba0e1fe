/** The life of the agent's connection. Pure: no clock, no socket; delays are answered as data. It never gives up. */
import type { Millis } from '../../../shared/base/brands.ts'

export type State =
  | { readonly at: 'idle' }
  /** Between attempts. `attempt` counts failures since the last answer of the control plane. */
  | { readonly at: 'waiting'; readonly attempt: number }
  | { readonly at: 'dialling'; readonly attempt: number }
  /** Connected; greeted, and not yet answered. A broker without a gateway behind it stays here: failures go on counting. */
  | { readonly at: 'greeting'; readonly attempt: number }
  | { readonly at: 'live' }
  | { readonly at: 'stopped' }

export type Input =
  | { readonly on: 'start' }
  | { readonly on: 'connected' }
  /** The attempt failed or the connection ended. */
  | { readonly on: 'lost' }
  /** The delay asked for by `wake` has passed. */
  | { readonly on: 'elapsed' }
  /** A message of this session came: the gateway is there. */
  | { readonly on: 'answered' }
  /** What we have and what is sent do not fit, or the other side does not know us. */
  | { readonly on: 'resync' }
  /** A new certificate is to be used. */
  | { readonly on: 'renewed' }
  | { readonly on: 'stop' }

export type Effect =
  | { readonly do: 'dial' }
  | { readonly do: 'hang-up' }
  | { readonly do: 'greet' }
  /** Give input `elapsed` after this, less up to a half at random: nodes must not come back in step. Replaces an earlier one. */
  | { readonly do: 'wake'; readonly after: Millis }
  | { readonly do: 'cancel-wake' }

/** 1 s doubling to 60 s: a thousand nodes on a returning control plane are then some 20 handshakes a second. */
export const backoff = { first: 1000 as Millis, max: 60_000 as Millis }
/** Without any answer for so long, greet again: the message may have come before the gateway listened. */
export const greetAgain: Millis = 5000

const delay = (attempt: number): Millis => Math.min(backoff.max, backoff.first * 2 ** Math.min(attempt, 16))

export type Result = { readonly next: State; readonly effects: readonly Effect[] } | 'ignored'

function retry(attempt: number, effects: readonly Effect[] = []): Result {
  return { next: { at: 'waiting', attempt: attempt + 1 }, effects: [...effects, { do: 'wake', after: delay(attempt) }] }
}

export function step(state: State, input: Input): Result {
  if (input.on === 'stop') return state.at === 'stopped' ? 'ignored' : { next: { at: 'stopped' }, effects: [{ do: 'cancel-wake' }, { do: 'hang-up' }] }
  switch (state.at) {
    case 'idle': return input.on === 'start' ? { next: { at: 'dialling', attempt: 0 }, effects: [{ do: 'dial' }] } : 'ignored'
    case 'waiting':
      if (input.on === 'elapsed') return { next: { at: 'dialling', attempt: state.attempt }, effects: [{ do: 'dial' }] }
      // A new certificate may be what was missing.
      if (input.on === 'renewed') return { next: { at: 'dialling', attempt: 0 }, effects: [{ do: 'cancel-wake' }, { do: 'dial' }] }
      return 'ignored'
    case 'dialling':
      if (input.on === 'connected') return { next: { at: 'greeting', attempt: state.attempt }, effects: [{ do: 'greet' }, { do: 'wake', after: greetAgain }] }
      if (input.on === 'lost') return retry(state.attempt)
      return 'ignored'
    case 'greeting':
      switch (input.on) {
        case 'answered': return { next: { at: 'live' }, effects: [{ do: 'cancel-wake' }] }
        case 'lost': return retry(state.attempt, [{ do: 'cancel-wake' }])
        // `resync` is ignored here: we have just greeted.
        case 'elapsed': return { next: state, effects: [{ do: 'greet' }, { do: 'wake', after: greetAgain }] }
        case 'renewed': return { next: { at: 'dialling', attempt: 0 }, effects: [{ do: 'cancel-wake' }, { do: 'hang-up' }, { do: 'dial' }] }
        default: return 'ignored'
      }
    case 'live':
      switch (input.on) {
        // The first retry is soon: a control plane that restarts is back within a second or two.
        case 'lost': return retry(0)
        case 'resync': return { next: { at: 'greeting', attempt: 0 }, effects: [{ do: 'greet' }, { do: 'wake', after: greetAgain }] }
        case 'renewed': return { next: { at: 'dialling', attempt: 0 }, effects: [{ do: 'hang-up' }, { do: 'dial' }] }
        default: return 'ignored'
      }
    case 'stopped': return 'ignored'
  }
}
