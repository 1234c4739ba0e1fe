/**
 * Parsed forms of stored values. Whoever needs an object rather than its bytes (informers in this process, selectors, admission) asks here,
 * so that one change is parsed once however many look at it. Bounded by the bytes parsed; the oldest go first.
 */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import { freezeJson } from '../../../shared/values/json-value.ts'
import type { Entry } from '../../store/store.ts'

/** 2 MiB of JSON is about 700 pods, some 8 MB parsed: enough for every informer to meet the change its neighbour just parsed. */
const MAX_BYTES = 2 << 20

export class ObjectCache {
  readonly #objects = new Map<Buffer, KubeObject>()
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes = MAX_BYTES) { this.#maxBytes = maxBytes }

  /** The object an entry holds, frozen and shared. */
  object(entry: Entry): Stored<KubeObject> {
    let object = this.#objects.get(entry.value)
    if (!object) {
      object = JSON.parse(entry.value.toString()) as KubeObject
      this.#keep(entry.value, object)
    }
    return freezeJson(object) as Stored<KubeObject>
  }

  /** The object an entry holds with another resourceVersion: what a DELETED event shows is the last state with the revision of the event. */
  objectAt(entry: Entry, at: Revision): Stored<KubeObject> {
    const last = this.object(entry)
    return freezeJson({ ...last, metadata: { ...last.metadata, resourceVersion: String(at) } })
  }

  /** Keeps the object that is being stored as `value`, so that its first reader need not parse it. The caller gives it up. */
  adopt(value: Buffer, object: KubeObject): void { this.#keep(value, object) }

  #keep(value: Buffer, object: KubeObject): void {
    this.#objects.set(value, object)
    this.#bytes += value.length
    for (const oldest of this.#objects.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#objects.delete(oldest)
      this.#bytes -= oldest.length
    }
  }
}
