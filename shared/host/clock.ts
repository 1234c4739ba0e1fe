import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/host.ts'

/** The machine's clocks. Timers are unreferenced: waiting never keeps a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    timer.unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

/** Keeps a process alive that waits on nothing but unreferenced timers, until disposed. */
export function keepAlive(): Disposable {
  const timer = setInterval(() => undefined, 2 ** 31 - 1)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
