/** Answers that are not JSON: loaded when the first client asks. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { Entry } from '../../store/store.ts'
import type { Encoding } from '../negotiate.ts'
import { PROTOBUF } from '../negotiate.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { loadProtobufEncoder, type ProtobufEncoder } from '../schema/protobuf-encode.ts'
import type { ApiContext } from '../verbs/context.ts'
import type { Listed } from '../verbs/list.ts'
import { inVersion } from '../verbs/versions.ts'

export interface Encoded { readonly bytes: Buffer; readonly contentType: string }

/** JSON for what has no protobuf form, as upstream's raw answers are. */
export async function encoded(value: KubeObject, encoding: Encoding): Promise<Encoded> {
  if (encoding === 'yaml') {
    const { stringify } = await import('yaml')
    // Readers of YAML 1.1, Go's among them, take `yes` and a bare time for more than a text.
    return { bytes: Buffer.from(stringify(value, { version: '1.1', sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false })), contentType: 'application/yaml' }
  }
  const encoder = await loadProtobufEncoder()
  if (encoding === 'protobuf' && value.kind && encoder.knows(value.apiVersion ?? 'v1', value.kind)) return { bytes: encodeWhole(encoder, value), contentType: PROTOBUF }
  return { bytes: Buffer.from(`${JSON.stringify(value)}\n`), contentType: 'application/json' }
}

const encodeWhole = (encoder: ProtobufEncoder, value: KubeObject): Buffer => encoder.encode(value as unknown as Readonly<Record<string, unknown>>)

/** Objects are encoded in turns of about this long, milliseconds: others wait meanwhile. */
const TURN = 5

/** The pieces of a list; the items are held until they are sent. */
export async function protobufList(ctx: ApiContext, definition: ResourceDefinition, { entries, meta }: Pick<Listed, 'meta'> & { readonly entries: readonly Entry[] }): Promise<readonly Buffer[]> {
  const encoder = await loadProtobufEncoder()
  const { clock } = ctx.host
  const apiVersion = apiVersionOf(definition)
  const items: Buffer[] = []
  let began = clock.monotonic()
  for (const entry of entries) {
    const object = await inVersion(definition, ctx.objects.object(entry))
    items.push(encoder.encodeItem(apiVersion, definition.kind, object as unknown as Readonly<Record<string, unknown>>))
    if (clock.monotonic() - began < TURN) continue
    await clock.sleep(0)
    began = clock.monotonic()
  }
  return encoder.encodeList({ apiVersion, kind: definition.listKind, metadata: meta }, items)
}
