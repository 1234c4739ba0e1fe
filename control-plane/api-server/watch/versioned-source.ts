/** A watch in another version than the stored one: items are converted as they are pulled, each change once for all who watch that version. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Entry } from '../../store/store.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { allInVersion } from '../verbs/versions.ts'
import type { ObjectCache } from './cache.ts'
import type { WatchSource } from './source.ts'
import type { WatchItem } from './transition.ts'

/** Conversions kept for the other watchers of the same change; watchers of one resource are seldom further apart. */
const KEPT = 64

const kept = new WeakMap<ResourceDefinition, Map<Entry, Promise<Entry>>>()

async function convert(definition: ResourceDefinition, objects: ObjectCache, entries: readonly Entry[]): Promise<readonly Entry[]> {
  const converted: readonly KubeObject[] = await allInVersion(definition, entries.map((entry) => objects.object(entry)))
  return entries.map((entry, i) => {
    const object = converted[i] as KubeObject
    if (object === objects.object(entry)) return entry
    const value = Buffer.from(JSON.stringify(object))
    objects.adopt(value, object)
    return { ...entry, value }
  })
}

async function converted(definition: ResourceDefinition, objects: ObjectCache, items: readonly WatchItem[]): Promise<readonly WatchItem[]> {
  let cache = kept.get(definition)
  if (!cache) kept.set(definition, (cache = new Map()))
  const known = cache
  const missing = [...new Set(items.map((item) => item.entry))].filter((entry) => !known.has(entry))
  if (missing.length > KEPT) return withEntries(items, missing, await convert(definition, objects, missing), known)
  if (missing.length) {
    const all = convert(definition, objects, missing)
    for (const [i, entry] of missing.entries()) known.set(entry, all.then((entries) => entries[i] as Entry))
    for (const entry of missing) known.get(entry)?.catch(() => known.delete(entry))
  }
  const out: WatchItem[] = []
  for (const item of items) out.push({ ...item, entry: await (known.get(item.entry) as Promise<Entry>) })
  for (const oldest of known.keys()) {
    if (known.size <= KEPT) break
    known.delete(oldest)
  }
  return out
}

/** A large first state: not worth keeping. */
async function withEntries(items: readonly WatchItem[], entries: readonly Entry[], forms: readonly Entry[], known: ReadonlyMap<Entry, Promise<Entry>>): Promise<WatchItem[]> {
  const byEntry = new Map(entries.map((entry, i) => [entry, forms[i] as Entry]))
  const out: WatchItem[] = []
  for (const item of items) out.push({ ...item, entry: byEntry.get(item.entry) ?? await (known.get(item.entry) as Promise<Entry>) })
  return out
}

/** `source` as it is where the version asked for is what is stored. Closes it where the conversion of its first state fails. */
export async function inVersionAsked(definition: ResourceDefinition, objects: ObjectCache, source: WatchSource): Promise<WatchSource> {
  if (!definition.storage) return source
  try {
    const initial = await converted(definition, objects, source.initial)
    return {
      initial, marksInitialEnd: source.marksInitialEnd,
      get progress() { return source.progress },
      next: async (signal) => converted(definition, objects, await source.next(signal)),
      close: () => source.close(),
    }
  } catch (e) {
    source.close()
    throw e
  }
}
