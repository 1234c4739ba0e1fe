/** The lines of a watch as events. Pure but for reading the stream it is given. */
import type { KubeObject, Stored } from '../api/object.ts'
import type { Status } from '../api/meta-v1.ts'
import { StatusError } from '../base/errors.ts'
import type { WatchEvent } from './api-client.ts'

/** No object is larger than the server's body limit of 3 MiB; a line beyond this is not ours. */
const MAX_LINE_BYTES = 8 << 20

/** Complete lines of a stream of bytes, without their newline; an unfinished last line is dropped: a cut connection is no event. */
export async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let rest: Buffer[] = []
  let size = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const piece = chunk.subarray(from, end)
      yield rest.length ? Buffer.concat([...rest, piece]) : piece
      rest = []
      size = 0
      from = end + 1
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from))
      size += chunk.length - from
      if (size > MAX_LINE_BYTES) throw new StatusError('ServiceUnavailable', `a watch event of more than ${MAX_LINE_BYTES} bytes`)
    }
  }
}

/** Throws the error of an ERROR event; `Expired` where the server's history does not reach back. */
export function decodeEvent<T extends KubeObject>(line: Buffer): WatchEvent<T> | undefined {
  if (!line.length) return undefined
  let event: { type?: string; object?: unknown }
  try {
    event = JSON.parse(line.toString()) as typeof event
  } catch (e) {
    throw new StatusError('ServiceUnavailable', 'a watch event that is no JSON', { cause: e })
  }
  switch (event.type) {
    case 'ADDED': case 'MODIFIED': case 'DELETED': return { type: event.type, object: event.object as Stored<T> }
    case 'BOOKMARK': return { type: 'BOOKMARK', object: event.object as { metadata: { resourceVersion: string } } }
    case 'ERROR': throw StatusError.from(event.object as Status)
    default: throw new StatusError('ServiceUnavailable', `a watch event of unknown type ${JSON.stringify(event.type)}`)
  }
}
