/** Is a node there? Decided from its connection alone: greeting, last will, and time. Pure. */
import type { Millis } from '../../../../shared/base/brands.ts'

export const grace = {
  /**
   * After a connection is lost: an agent that restarts or a link that blinks is back within this. A dead link was noticed by keepalive after 45 s
   * at most (1.5 x 30 s), so a silent node is Unknown after some 65 s (upstream: node-monitor-grace-period, 50 s after the last heartbeat).
   */
  lost: 20_000 as Millis,
  /** After the control plane starts: agents reconnect with a back-off of up to 60 s. */
  unseen: 75_000 as Millis,
}

export type State =
  /** Known from its Node object only; nothing heard since the control plane started. */
  | { readonly at: 'unseen' }
  | { readonly at: 'online'; readonly session: string }
  | { readonly at: 'lost'; readonly session: string }
  | { readonly at: 'unknown' }

export type Input =
  | { readonly on: 'seen' }
  | { readonly on: 'hello'; readonly session: string }
  | { readonly on: 'offline'; readonly session: string }
  /** The time asked for by `wake` has passed. */
  | { readonly on: 'elapsed' }

export type Effect = { readonly do: 'wake'; readonly after: Millis } | { readonly do: 'cancel-wake' } | { readonly do: 'mark-online' } | { readonly do: 'mark-unknown' }

/** `undefined` is a node never heard of. `ignored`: the input says nothing new. */
export function step(state: State | undefined, input: Input): { readonly next: State; readonly effects: readonly Effect[] } | 'ignored' {
  switch (input.on) {
    case 'seen': return state === undefined ? { next: { at: 'unseen' }, effects: [{ do: 'wake', after: grace.unseen }] } : 'ignored'
    case 'hello': {
      const next: State = { at: 'online', session: input.session }
      if (state?.at === 'online') return state.session === input.session ? 'ignored' : { next, effects: [] }
      return { next, effects: [{ do: 'cancel-wake' }, { do: 'mark-online' }] }
    }
    // The will of a connection that a newer one replaced comes late: it says nothing about the newer one.
    case 'offline':
      return state?.at === 'online' && state.session === input.session ? { next: { at: 'lost', session: input.session }, effects: [{ do: 'wake', after: grace.lost }] } : 'ignored'
    case 'elapsed':
      return state?.at === 'lost' || state?.at === 'unseen' ? { next: { at: 'unknown' }, effects: [{ do: 'mark-unknown' }] } : 'ignored'
  }
}
