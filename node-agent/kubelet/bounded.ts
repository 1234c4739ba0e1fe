/** Runs at most `limit` pieces of work at a time, in the order they came. */
export function bounded(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try { return await work() } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
