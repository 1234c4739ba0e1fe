/**
 * Which pod is tried next. A pod is in one place: `active` (ready, highest priority first, then oldest), `backoff` (failed lately), or `unschedulable`
 * (fits nowhere: waits for a change in the world, at most five minutes). Deterministic; time is an argument, monotonic milliseconds.
 */
export interface SchedulingQueue {
  /** Makes a pod known, or tells that it changed: one that fits nowhere is tried again after its back-off. */
  add(key: string, priority: number, now: number): void
  remove(key: string): void
  /** The next pod to try; it is out of the queue until `add` or `failed`. */
  pop(now: number): string | undefined
  /** It fits nowhere, as the world was at `cycle`: a change since then sends it to back-off instead of waiting. */
  failed(key: string, priority: number, cycle: number, now: number): void
  /** It could not be bound: tried again after its back-off. */
  retry(key: string, priority: number, now: number): void
  /** It was placed: its failures are forgotten. */
  done(key: string): void
  /** Something changed that may make room: everything unschedulable is tried again. */
  wake(now: number): void
  /** Counts changes of the world; read it before deciding. */
  readonly cycle: number
  /** When `pop` may next give a pod that it would not give now; undefined: only after a call. */
  nextWake(): number | undefined
  readonly size: { readonly active: number; readonly backoff: number; readonly unschedulable: number }
}

/** Upstream's defaults: 1 s doubling to 10 s; 5 minutes in unschedulable. */
const initialBackoff = 1000
const maxBackoff = 10_000
const maxUnschedulable = 300_000

interface Waiting { readonly priority: number; readonly until: number; readonly since: number }

export function createSchedulingQueue(): SchedulingQueue {
  const active = new Map<number, Set<string>>()
  const priorityOf = new Map<string, number>()
  const backoff = new Map<string, Waiting>()
  const unschedulable = new Map<string, Waiting>()
  const attempts = new Map<string, number>()
  let priorities: number[] = []
  let cycle = 0

  const activate = (key: string, priority: number): void => {
    let keys = active.get(priority)
    if (!keys) {
      active.set(priority, keys = new Set())
      priorities = [...active.keys()].sort((a, b) => b - a)
    }
    keys.add(key)
    priorityOf.set(key, priority)
  }
  const takeOut = (key: string): void => {
    const priority = priorityOf.get(key)
    if (priority !== undefined) { active.get(priority)?.delete(key); priorityOf.delete(key) }
    backoff.delete(key)
    unschedulable.delete(key)
  }
  const delay = (key: string): number => Math.min(maxBackoff, initialBackoff * 2 ** Math.min(30, Math.max(0, (attempts.get(key) ?? 1) - 1)))
  const flush = (now: number): void => {
    for (const [key, w] of backoff) if (w.until <= now) { backoff.delete(key); activate(key, w.priority) }
    for (const [key, w] of unschedulable) if (w.since + maxUnschedulable <= now) { unschedulable.delete(key); activate(key, w.priority) }
  }
  const later = (key: string, w: Waiting, now: number): void => { if (w.until <= now) activate(key, w.priority); else backoff.set(key, w) }

  return {
    add(key, priority, now) {
      const waiting = unschedulable.get(key) ?? backoff.get(key)
      takeOut(key)
      if (waiting) later(key, { ...waiting, priority }, now)
      else activate(key, priority)
    },
    remove(key) { takeOut(key); attempts.delete(key) },
    pop(now) {
      flush(now)
      for (const p of priorities) {
        for (const key of active.get(p) ?? []) {
          takeOut(key)
          attempts.set(key, (attempts.get(key) ?? 0) + 1)
          return key
        }
      }
      return undefined
    },
    failed(key, priority, at, now) {
      const w = { priority, until: now + delay(key), since: now }
      if (at === cycle) unschedulable.set(key, w)
      else backoff.set(key, w)
    },
    retry(key, priority, now) { backoff.set(key, { priority, until: now + delay(key), since: now }) },
    done(key) { takeOut(key); attempts.delete(key) },
    wake(now) {
      cycle++
      for (const [key, w] of unschedulable) later(key, w, now)
      unschedulable.clear()
    },
    get cycle() { return cycle },
    nextWake() {
      let next: number | undefined
      for (const w of backoff.values()) next = Math.min(next ?? Infinity, w.until)
      for (const w of unschedulable.values()) next = Math.min(next ?? Infinity, w.since + maxUnschedulable)
      return next
    },
    get size() { return { active: priorityOf.size, backoff: backoff.size, unschedulable: unschedulable.size } },
  }
}
