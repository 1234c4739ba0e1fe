/**
 * Waits for a promise whose failure is no news here; `why` says so to the reader. Undefined where it rejected. For promises that somebody else
 * awaits as well (Node takes a rejection that nobody awaits yet for unhandled), and for work whose failure shows elsewhere.
 */
export function ignore<T>(promise: Promise<T>, _why: string): Promise<T | undefined> {
  return promise.then((value) => value, () => undefined)
}
