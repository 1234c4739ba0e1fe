import { setImmediate } from 'node:timers/promises'

/** Resolves after the I/O events that are ready now were handled: what arrives together can be handled together. Costs no time when idle. */
export const nextTurn = (): Promise<void> => setImmediate(undefined)
