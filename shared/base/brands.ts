/** Branded primitives: the compiler keeps a revision from being passed where a time is wanted. */

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Milliseconds: a wall-clock time since the epoch, or a span, as the name of the value says. */
export type Millis = number

/** A position in the history of a store; larger is later. Safe as a number: 2^53 revisions at 10,000 a second last 28,000 years. */
export type Revision = Brand<number, 'Revision'>

export const revision = (n: number): Revision => n as Revision
