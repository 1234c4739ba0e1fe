/** Events of a watch in protobuf: each a length and a `meta.v1.WatchEvent` whose object is in an envelope of its own (`serializer/protobuf`, its stream form). */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Entry } from '../../store/store.ts'
import { loadProtobufEncoder } from '../schema/protobuf-encode.ts'
import type { Frames } from './stream.ts'

/** States whose bytes are kept for the next watcher: a change reaches all of them within moments. */
const KEPT = 64

const recent = new Map<Entry, Buffer>()

export async function protobufFrames(): Promise<Frames> {
  const encoder = await loadProtobufEncoder()
  const encode = (object: KubeObject): Buffer => encoder.encode(object as unknown as Readonly<Record<string, unknown>>)
  const kept = (object: KubeObject, entry: Entry): Buffer => {
    let bytes = recent.get(entry)
    if (!bytes) {
      bytes = encode(object)
      recent.set(entry, bytes)
      const [oldest] = recent.keys()
      if (recent.size > KEPT && oldest) recent.delete(oldest)
    }
    return bytes
  }
  return { frame: (type, object, shared) => encoder.frame(type, shared ? kept(object, shared) : encode(object)) }
}
