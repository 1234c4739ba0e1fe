/** What to send a node next. Pure: a conversation's state and the history at hand in, the next step out. */
import type { Position } from '../../../../shared/mqtt/messages.ts'

/**
 * One transfer is under way at a time: what changes meanwhile goes into the next one, which makes a slow node's deltas fewer and larger, and
 * bounds what waits for it in the broker.
 */
export type Outbox =
  /** It has greeted and waits for a first answer, even if that is "nothing new". */
  | { readonly at: 'greeted'; readonly position: Position | null }
  /** It was asked what it has. */
  | { readonly at: 'asked' }
  | { readonly at: 'sending'; readonly to: Position }
  /** It has stored everything up to `position`. */
  | { readonly at: 'settled'; readonly position: Position }

/** The history at hand for one node. */
export interface History {
  readonly incarnation: string
  /** Revision of the last change for this node. */
  readonly revision: number
  /** Changes after this are known. */
  readonly compacted: number
}

export type Step = { readonly do: 'wait' } | { readonly do: 'snapshot' } | { readonly do: 'ask' } | { readonly do: 'delta'; readonly from: Position }

const wait: Step = { do: 'wait' }

export function nextStep(outbox: Outbox, history: History): Step {
  if (outbox.at === 'asked' || outbox.at === 'sending') return wait
  const { position } = outbox
  if (position === null) return { do: 'snapshot' }
  // A position from before a restart of the control plane, or from before what is remembered: ask, and send the difference only.
  if (position.incarnation !== history.incarnation || position.revision < history.compacted || position.revision > Math.max(history.revision, history.compacted)) return { do: 'ask' }
  if (outbox.at === 'settled' && position.revision >= history.revision) return wait
  return { do: 'delta', from: position }
}

/** The node acknowledges `position`. `stale`: not what was sent; it must greet again. */
export function acknowledged(outbox: Outbox, position: Position): Outbox | 'stale' | 'ignored' {
  switch (outbox.at) {
    case 'sending': return outbox.to.incarnation === position.incarnation && outbox.to.revision === position.revision ? { at: 'settled', position } : 'stale'
    case 'settled': return 'ignored'
    case 'greeted': case 'asked': return 'ignored'
  }
}

/** The difference between what a node has (key to digest) and what it should have. */
export function difference<E extends { readonly digest: string }>(has: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, E>): { put: E[]; del: string[] } {
  const put: E[] = []
  for (const [key, entry] of wanted) if (has.get(key) !== entry.digest) put.push(entry)
  return { put, del: [...has.keys()].filter((key) => !wanted.has(key)) }
}
