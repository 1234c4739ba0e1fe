/** Runs at most `limit` pieces of work at a time: those that finish something begun (`first`) before those that begin something, each kind in the order it came. */
export interface Slots {
  <T>(work: () => Promise<T>): Promise<T>
  first<T>(work: () => Promise<T>): Promise<T>
}

export function bounded(limit: number): Slots {
  let running = 0
  const [urgent, waiting]: [(() => void)[], (() => void)[]] = [[], []]
  const run = async <T>(work: () => Promise<T>, queue: (() => void)[]): Promise<T> => {
    if (running >= limit) await new Promise<void>((resolve) => queue.push(resolve))
    else running++
    try { return await work() } finally {
      const next = urgent.shift() ?? waiting.shift()
      if (next) next()
      else running--
    }
  }
  return Object.assign(<T>(work: () => Promise<T>) => run(work, waiting), { first: <T>(work: () => Promise<T>) => run(work, urgent) })
}
