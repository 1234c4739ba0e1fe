/**
 * Decides whether an event is new, a repetition, one of many alike, or one too many (client-go `tools/record/events_cache.go`).
 * Bounded: the least recently used of 4096 entries are forgotten.
 */
import type { Event } from '../api/core-v1.ts'
import type { Millis } from '../base/brands.ts'

export type Correlation =
  | { readonly kind: 'new'; readonly key: string; readonly message: string; readonly count: number }
  | { readonly kind: 'repeat'; readonly key: string; readonly name: string; readonly message: string; readonly count: number }
  | { readonly kind: 'suppress' }

const maxEntries = 4096
/** More than this many messages of one reason about one object within the interval are combined (upstream: 10 in 600 s). */
const maxSimilar = 10
const similarInterval: Millis = 600_000
/** Per source and object: a burst of 25, then one per 5 minutes. */
const burst = 25
const refill: Millis = 300_000

/** A map that forgets what was not touched for longest. */
function recent<V>() {
  const map = new Map<string, V>()
  return {
    get(key: string): V | undefined {
      const value = map.get(key)
      if (value !== undefined) { map.delete(key); map.set(key, value) }
      return value
    },
    set(key: string, value: V): void {
      map.delete(key)
      map.set(key, value)
      if (map.size > maxEntries) for (const oldest of map.keys()) { map.delete(oldest); break }
    },
  }
}

export interface EventCorrelator {
  /** `now` is monotonic. Counts the event. */
  observe(event: Event, now: Millis): Correlation
  /** The event of this key is stored under `name`. */
  created(key: string, name: string): void
}

export function createEventCorrelator(): EventCorrelator {
  const seen = recent<{ name: string | undefined; count: number }>()
  const similar = recent<{ messages: Set<string>; last: Millis }>()
  const buckets = recent<{ tokens: number; at: Millis }>()

  const allowed = (key: string, now: Millis): boolean => {
    const b = buckets.get(key) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, b.tokens + (now - b.at) / refill)
    const ok = tokens >= 1
    buckets.set(key, { tokens: ok ? tokens - 1 : tokens, at: now })
    return ok
  }

  return {
    observe(event, now) {
      const o = event.involvedObject
      const about = [event.source?.component, event.source?.host, o.kind, o.namespace, o.name, o.uid, o.apiVersion].join('|')
      if (!allowed(about, now)) return { kind: 'suppress' }
      const group = [about, o.fieldPath, event.type, event.reason].join('|')
      const known = similar.get(group)
      const alike = known && now - known.last <= similarInterval ? known : { messages: new Set<string>(), last: now }
      alike.messages.add(event.message ?? '')
      const combined = alike.messages.size > maxSimilar
      // Enough to know there are too many: the set need not grow further.
      if (alike.messages.size > maxSimilar + 1) alike.messages.delete(event.message ?? '')
      similar.set(group, { messages: alike.messages, last: now })
      const message = combined ? `(combined from similar events): ${event.message ?? ''}` : event.message ?? ''
      const key = combined ? `${group}|combined` : `${group}|${event.message}`
      const before = seen.get(key)
      const count = (before?.count ?? 0) + 1
      seen.set(key, { name: before?.name, count })
      return before?.name === undefined ? { kind: 'new', key, message, count } : { kind: 'repeat', key, name: before.name, message, count }
    },
    created(key, name) {
      const entry = seen.get(key)
      seen.set(key, { count: entry?.count ?? 1, name })
    },
  }
}
