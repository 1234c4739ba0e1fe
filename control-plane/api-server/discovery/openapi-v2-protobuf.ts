/**
 * The OpenAPI v2 document as protobuf: `openapi.v2.Document` of gnostic (`openapiv2/OpenAPIv2.proto`), which kubectl before 1.28
 * needs for `explain` and takes for merge keys. Only the messages and fields our documents use. Pure.
 */

/** The media type kubectl asks for; the answer says `.v1.0+protobuf` where the question says `@v1.0+protobuf`. */
export const openApiV2Protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
export const openApiV2ProtobufAnswer = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

type Json = Readonly<Record<string, unknown>>

function varint(n: number): Buffer {
  const bytes: number[] = []
  let rest = n
  while (rest > 127) { bytes.push((rest & 127) | 128); rest = Math.floor(rest / 128) }
  bytes.push(rest)
  return Buffer.from(bytes)
}
/** A length-delimited field: a string or an embedded message. */
function field(number: number, value: Buffer | string | undefined): Buffer {
  if (value === undefined || value === '') return Buffer.alloc(0)
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}
const flag = (number: number, value: unknown): Buffer => (value === true ? Buffer.concat([varint(number * 8), varint(1)]) : Buffer.alloc(0))
const strings = (number: number, values: unknown): Buffer[] => ((values as string[] | undefined) ?? []).map((v) => field(number, v))
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Members `x-...` as `NamedAny`; JSON is YAML, which is what `Any.yaml` holds. */
const extensions = (number: number, of: Json): Buffer[] =>
  Object.keys(of).filter((k) => k.startsWith('x-')).map((k) => field(number, Buffer.concat([field(1, k), field(2, field(2, `${JSON.stringify(of[k])}\n`))])))

function schema(s: Json): Buffer {
  return Buffer.concat([
    field(1, text(s.$ref)), field(2, text(s.format)), field(4, text(s.description)), ...strings(19, s.required),
    s.additionalProperties === true ? field(21, flag(2, true)) : s.additionalProperties ? field(21, field(1, schema(s.additionalProperties as Json))) : Buffer.alloc(0),
    s.type ? field(22, field(1, text(s.type))) : Buffer.alloc(0),
    s.items ? field(23, field(1, schema(s.items as Json))) : Buffer.alloc(0),
    s.properties ? field(25, Buffer.concat(named(1, s.properties as Json))) : Buffer.alloc(0),
    ...extensions(31, s),
  ])
}
const named = (number: number, schemas: Json): Buffer[] => Object.keys(schemas).map((name) => field(number, Buffer.concat([field(1, name), field(2, schema(schemas[name] as Json))])))

function parameter(p: Json): Buffer {
  if (p.in === 'body') {
    return field(1, Buffer.concat([field(2, text(p.name)), field(3, 'body'), flag(4, p.required), field(5, schema(p.schema as Json))]))
  }
  const common = Buffer.concat([flag(1, p.required), field(2, text(p.in)), field(3, text(p.description)), field(4, text(p.name))])
  return field(2, p.in === 'query' ? field(3, Buffer.concat([common, field(6, text(p.type))])) : field(4, Buffer.concat([common, field(5, text(p.type))])))
}
const parameters = (number: number, list: unknown): Buffer[] => ((list as Json[] | undefined) ?? []).map((p) => field(number, field(1, parameter(p))))

function operation(o: Json): Buffer {
  return Buffer.concat([
    ...strings(1, o.tags), field(5, text(o.operationId)), ...strings(6, o.produces), ...strings(7, o.consumes), ...parameters(8, o.parameters), ...strings(10, o.schemes), ...extensions(13, o),
  ])
}
const methods = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const

function pathItem(item: Json): Buffer {
  const operations = Object.entries(methods).map(([method, number]) => (item[method] ? field(number, operation(item[method] as Json)) : Buffer.alloc(0)))
  return Buffer.concat([...operations, ...parameters(9, item.parameters)])
}

/** Encodes the document of `openapi-v2.ts`. */
export function encodeOpenApiV2(document: Json): Buffer {
  const info = document.info as Json
  const paths = document.paths as Json
  return Buffer.concat([
    field(1, '2.0'), field(2, Buffer.concat([field(1, text(info.title)), field(2, text(info.version))])),
    field(8, Buffer.concat(Object.keys(paths).map((name) => field(2, Buffer.concat([field(1, name), field(2, pathItem(paths[name] as Json))]))))),
    field(9, Buffer.concat(named(1, document.definitions as Json))),
  ])
}
