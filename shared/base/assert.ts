/** Fails to compile where a union has a member that the switch before it does not handle. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}

/** Throws where an invariant of our own code does not hold. Bad input is refused with a {@link StatusError} instead. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
