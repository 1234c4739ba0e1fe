/**
 * The receiving end of the desired-state stream, as a pure function: parts in, whole transfers out. Whatever is lost, repeated or out of
 * order ends in `resync`: the receiver greets again with the position it has, and the sender starts from there.
 */
import type { KubeObject } from '../api/object.ts'
import type { DesiredKindName, ObjectId, Position, StateMessage } from './messages.ts'

/** A whole transfer, ready to be stored in one transaction. */
export interface Transfer {
  /** Drop everything first: this is a snapshot. */
  readonly replace: boolean
  readonly to: Position
  readonly put: readonly (readonly [DesiredKindName, KubeObject])[]
  readonly del: readonly ObjectId[]
}

/** Parts received so far of one transfer; undefined between transfers. */
export type Assembly = { readonly first: StateMessage; readonly parts: readonly StateMessage[] } | undefined

export type Received =
  | { readonly assembly: Assembly; readonly outcome: 'more' }
  | { readonly assembly: undefined; readonly outcome: 'apply'; readonly transfer: Transfer }
  /** Already stored: acknowledge again. */
  | { readonly assembly: undefined; readonly outcome: 'repeat' }
  /** Does not continue what we have. */
  | { readonly assembly: undefined; readonly outcome: 'resync'; readonly why: string }

export const samePosition = (a: Position | null, b: Position | null): boolean =>
  a === b || (a !== null && b !== null && a.incarnation === b.incarnation && a.revision === b.revision)

/** `position` is what is stored; the caller moves it to `transfer.to` before the next message. */
export function receive(assembly: Assembly, position: Position | null, message: StateMessage): Received {
  const resync = (why: string): Received => ({ assembly: undefined, outcome: 'resync', why })
  if (message.part === 0) {
    if (samePosition(message.to, position)) return message.last ? { assembly: undefined, outcome: 'repeat' } : { assembly: { first: message, parts: [message] }, outcome: 'more' }
    if (message.from !== null && !samePosition(message.from, position)) return resync('delta does not start where we are')
    return complete([message], message)
  }
  if (!assembly) return resync('first part missing')
  if (!samePosition(assembly.first.to, message.to) || !samePosition(assembly.first.from, message.from)) return resync('part of another transfer')
  if (message.part !== assembly.parts.length) return resync(`part ${message.part} instead of ${assembly.parts.length}`)
  if (message.last && samePosition(message.to, position)) return { assembly: undefined, outcome: 'repeat' }
  return complete([...assembly.parts, message], message)
}

function complete(parts: readonly StateMessage[], newest: StateMessage): Received {
  const first = parts[0] as StateMessage
  if (!newest.last) return { assembly: { first, parts }, outcome: 'more' }
  return { assembly: undefined, outcome: 'apply', transfer: { replace: first.from === null, to: first.to, put: parts.flatMap((p) => p.put), del: parts.flatMap((p) => p.del) } }
}
