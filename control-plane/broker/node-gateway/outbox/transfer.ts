/** Cuts a transfer into messages of a size that neither the event loop nor the broker minds. */
import type { KubeObject } from '../../../../shared/api/object.ts'
import { limits } from '../../../../shared/mqtt/codec.ts'
import type { ObjectId, Position } from '../../../../shared/mqtt/messages.ts'
import { projected } from '../../../../shared/mqtt/projection.ts'

export interface Transfer {
  readonly session: string
  readonly from: Position | null
  readonly to: Position
  readonly put: readonly { readonly id: ObjectId; readonly object: KubeObject }[]
  readonly del: readonly ObjectId[]
}

/** An object as JSON; the caller may remember it, for what goes to many nodes is then written once. */
export type Serialize = (object: KubeObject) => string

export const serialize: Serialize = (object) => JSON.stringify(projected(object))

/** The `state` messages of a transfer as JSON, in order; at least one. */
export function* partsOf(transfer: Transfer, toJson: Serialize): Generator<string> {
  const { session, from, to } = transfer
  const head = `{"type":"state","session":${JSON.stringify(session)},"from":${JSON.stringify(from)},"to":${JSON.stringify(to)}`
  let part = 0
  let put: string[] = []
  let del: string[] = []
  let size = 0
  const message = (last: boolean): string => {
    const json = `${head},"part":${part++},"last":${last},"put":[${put.join(',')}],"del":[${del.join(',')}]}`
    put = []
    del = []
    size = 0
    return json
  }
  for (const id of transfer.del) {
    const json = JSON.stringify(id)
    if (size > 0 && size + json.length > limits.part) yield message(false)
    del.push(json)
    size += json.length
  }
  for (const { id, object } of transfer.put) {
    const json = `[${JSON.stringify(id[0])},${toJson(object)}]`
    if (size > 0 && size + json.length > limits.part) yield message(false)
    put.push(json)
    size += json.length
  }
  yield message(true)
}
