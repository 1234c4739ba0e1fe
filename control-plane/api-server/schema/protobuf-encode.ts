/**
 * Objects as `application/vnd.kubernetes.protobuf`, for clients that ask for it (client-go's typed ones, the kubelet). The numbers of the fields are
 * those the decoder uses. What is absent in JSON is absent here too, where Go writes zeros: both read as the same.
 */
import { loadProtobufTables, type ProtobufTables, schemaOf, unions } from './protobuf-tables.ts'
import { ProtobufWriter } from './protobuf-writer.ts'

type Json = Readonly<Record<string, unknown>>
type Write = (value: unknown) => void
interface Field { readonly name: string; readonly tag: number; readonly container: '' | '[]' | '{}' | '~'; readonly write: Write }

/** `k8s\0` before `runtime.Unknown` (`k8s.io/apimachinery/pkg/runtime/serializer/protobuf`). */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00])
/** Empty contentEncoding and contentType, as Go writes them. */
const UNKNOWN_TAIL = Buffer.from([0x1a, 0x00, 0x22, 0x00])

/** Wire types by element; messages and whatever has a length are 2. */
const wireOf: Readonly<Record<string, number>> = { bool: 0, int32: 0, int64: 0, double: 1 }

export interface ProtobufEncoder {
  /** Whether objects of this kind have a protobuf form. */
  knows(apiVersion: string, kind: string): boolean
  /** The object in its envelope. Throws for a kind that it does not know. */
  encode(object: Json): Buffer
  /** A list of objects that are encoded one by one, in order; the pieces make up one body. */
  encodeList(list: { readonly apiVersion: string; readonly kind: string; readonly metadata: unknown }, items: readonly Buffer[]): readonly Buffer[]
  /** An item of a list: the object without an envelope. */
  encodeItem(apiVersion: string, kind: string, object: Json): Buffer
  /** A frame of a watch: its length in four bytes, then `meta.v1.WatchEvent`. `object`: in its envelope. */
  frame(type: string, object: Buffer): Buffer
}

let loaded: Promise<ProtobufEncoder> | undefined

export function loadProtobufEncoder(): Promise<ProtobufEncoder> {
  return (loaded ??= loadProtobufTables().then((tables) => new Encoder(tables)))
}

class Encoder implements ProtobufEncoder {
  readonly #tables: ProtobufTables
  readonly #messages = new Map<string, readonly Field[]>()
  readonly #out = new ProtobufWriter()

  constructor(tables: ProtobufTables) { this.#tables = tables }

  knows(apiVersion: string, kind: string): boolean { return schemaOf(this.#tables, apiVersion, kind) !== undefined }

  encode(object: Json): Buffer {
    const { apiVersion = 'v1', kind = '' } = object as { apiVersion?: string; kind?: string }
    return this.#written(() => {
      this.#out.raw(UNKNOWN_TAIL)
      const before = this.#out.length
      this.#message(this.#known(apiVersion, kind), object)
      this.#lengthSince(before, 2)
      this.#typeMeta(apiVersion, kind)
    })
  }

  encodeItem(apiVersion: string, kind: string, object: Json): Buffer {
    return this.#written(() => this.#message(this.#known(apiVersion, kind), object))
  }

  encodeList({ apiVersion, kind, metadata }: { readonly apiVersion: string; readonly kind: string; readonly metadata: unknown }, items: readonly Buffer[]): readonly Buffer[] {
    const meta = this.#written(() => {
      const before = this.#out.length
      this.#message('meta-v1.ListMeta', metadata as Json)
      this.#lengthSince(before, 1)
    })
    const heads = items.map((item) => this.#written(() => this.#head(item.length, 2)))
    const size = meta.length + items.reduce((sum, item, i) => sum + item.length + (heads[i]?.length ?? 0), 0)
    const envelope = this.#written(() => { this.#head(size, 2); this.#typeMeta(apiVersion, kind) })
    return [envelope, meta, ...items.flatMap((item, i) => [heads[i] ?? MAGIC, item]), UNKNOWN_TAIL]
  }

  frame(type: string, object: Buffer): Buffer {
    return this.#written(() => {
      this.#out.bytes(object)
      this.#out.varint(10)
      this.#lengthSince(0, 2)
      this.#out.string(type)
      this.#out.varint(10)
      const head = Buffer.allocUnsafe(4)
      head.writeUInt32BE(this.#out.length)
      this.#out.raw(head)
    })
  }

  #known(apiVersion: string, kind: string): string {
    const schema = schemaOf(this.#tables, apiVersion, kind)
    if (!schema) throw new Error(`${apiVersion} ${kind} has no protobuf form`)
    return schema
  }

  /** The writer is shared: nothing between is asynchronous, and a failure leaves nothing in it. */
  #written(write: () => void): Buffer {
    try {
      write()
      return this.#out.take()
    } finally {
      this.#out.reset()
    }
  }

  /** Closes a message whose content was written since `before`. */
  #lengthSince(before: number, number: number): void { this.#head(this.#out.length - before, number) }

  #head(length: number, number: number): void {
    this.#out.varint(length)
    this.#out.varint(number * 8 + 2)
  }

  #typeMeta(apiVersion: string, kind: string): void {
    const before = this.#out.length
    this.#out.string(kind)
    this.#out.varint(18)
    this.#out.string(apiVersion)
    this.#out.varint(10)
    this.#lengthSince(before, 1)
    this.#out.raw(MAGIC)
  }

  /** The fields of a message, the last first. */
  #fields(schema: string): readonly Field[] {
    let fields = this.#messages.get(schema)
    if (!fields) {
      const lines = this.#tables[schema]
      if (!lines) throw new Error(`no such message: ${schema}`)
      fields = lines.map((line) => {
        const [number = '', name = '', type = ''] = line.split(' ')
        const container = /^(\[\]|\{\}|~)?/.exec(type)?.[0] as Field['container']
        const element = type.slice(container.length)
        return { name, container, tag: Number(number) * 8 + (container === '{}' ? 2 : wireOf[element] ?? 2), write: this.#writerOf(element) }
      }).sort((a, b) => b.tag - a.tag)
      this.#messages.set(schema, fields)
    }
    return fields
  }

  #message(schema: string, object: Json): void {
    for (const { name, container, tag, write } of this.#fields(schema)) {
      if (container === '~') {
        write(object)
        this.#out.varint(tag)
        continue
      }
      const value = object[name]
      if (value === undefined || value === null) continue
      if (container === '') {
        write(value)
        this.#out.varint(tag)
      } else if (container === '[]') {
        for (let i = (value as unknown[]).length - 1; i >= 0; i--) {
          write((value as unknown[])[i])
          this.#out.varint(tag)
        }
      } else this.#map(value as Json, tag, write)
    }
  }

  /** Go sorts keys. */
  #map(value: Json, tag: number, write: Write): void {
    for (const key of Object.keys(value).sort().reverse()) {
      const before = this.#out.length
      if (value[key] !== null) {
        write(value[key])
        this.#out.varint(18)
      }
      this.#out.string(key)
      this.#out.varint(10)
      this.#out.varint(this.#out.length - before)
      this.#out.varint(tag)
    }
  }

  #writerOf(element: string): Write {
    const out = this.#out
    const nested = (write: Write): Write => (value) => {
      const before = out.length
      write(value)
      out.varint(out.length - before)
    }
    switch (element) {
      case 'string': return (v) => out.string(String(v))
      case 'bytes': return (v) => out.bytes(Buffer.from(String(v), 'base64'))
      case 'bool': return (v) => out.varint(v === true ? 1 : 0)
      case 'int32': case 'int64': return (v) => out.varint(Number(v))
      case 'double': return (v) => out.double(Number(v))
      case 'meta-v1.Time': case 'meta-v1.MicroTime': return nested((v) => this.#time(String(v)))
      case 'resource.Quantity': return nested((v) => { out.string(String(v)); out.varint(10) })
      case 'intstr.IntOrString': return nested((v) => this.#intOrString(v))
      case 'runtime.RawExtension': case 'meta-v1.FieldsV1': case unions.json: return nested((v) => { out.string(JSON.stringify(v)); out.varint(10) })
      case unions.orArray: return nested((v) => this.#message(element, Array.isArray(v) ? { jSONSchemas: v as unknown[] } : { schema: v }))
      case unions.orBool: return nested((v) => this.#message(element, typeof v === 'boolean' ? { allows: v } : { allows: true, schema: v }))
      case unions.orStrings: return nested((v) => this.#message(element, Array.isArray(v) ? { property: v as unknown[] } : { schema: v }))
      default: {
        const lines = this.#tables[element]
        // Named slices (`ExtraValue`, `Verbs`) are messages with one list.
        if (lines?.length === 1 && lines[0] === '1 items []string') return nested((v) => this.#message(element, { items: v }))
        return nested((v) => this.#message(element, v as Json))
      }
    }
  }

  #time(text: string): void {
    const ms = Date.parse(text)
    if (Number.isNaN(ms)) throw new Error(`not a time: ${JSON.stringify(text)}`)
    const seconds = Math.floor(ms / 1000)
    // To the microsecond, which JavaScript's dates do not hold.
    const nanos = Number((/\.(\d{1,9})/.exec(text)?.[1] ?? '').padEnd(9, '0'))
    this.#out.varint(nanos)
    this.#out.varint(16)
    this.#out.varint(seconds)
    this.#out.varint(8)
  }

  #intOrString(value: unknown): void {
    const isText = typeof value === 'string'
    this.#out.string(isText ? value : '')
    this.#out.varint(26)
    this.#out.varint(isText ? 0 : Number(value))
    this.#out.varint(16)
    this.#out.varint(isText ? 1 : 0)
    this.#out.varint(8)
  }
}
