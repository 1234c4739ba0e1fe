/** Randomness that a seed repeats: what a fuzz run found can be run again. */

export interface Random {
  /** A whole number from 0 up to, without, `below`. */
  below(below: number): number
  /** True once in `n` times. */
  once(n: number): boolean
  pick<T>(from: readonly T[]): T
}

/** mulberry32: 32 bits of state, even enough to choose what to break. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number): number => Math.floor(next() * n)
  return {
    below,
    once: (n) => below(n) === 0,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
  }
}
