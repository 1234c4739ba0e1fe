/**
 * Bytes (or an object of an in-process client) to an object of one kind: upstream's decoder with its field validation, table-driven.
 * The result is a fresh object that shares nothing mutable with the input but untyped JSON (`FieldsV1`, raw extensions). Pure.
 */
import type { KubeObject } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import { badRequest, messageOf } from '../../../shared/base/errors.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { DecodeError, decoderOf } from './compile.ts'
import type { DecodeContext } from './compile.ts'
import { duplicateFields } from './duplicate-keys.ts'
import { readJson } from './read-json.ts'
import { readYaml, YamlError } from './read-yaml.ts'

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

/** What the decoder asks of a definition; bodies of subresources (`Binding`, `Scale`, `DeleteOptions`) have such a record too. */
export type Decodable = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'schema' | 'codec'>

export interface Decoded<T extends KubeObject = KubeObject> {
  readonly object: T
  /** Texts for `Warning:` headers: unknown and duplicate fields under `Warn`. */
  readonly warnings: string[]
}

/**
 * Decodes and checks `body`. Throws 400 `BadRequest` with upstream's messages: bad syntax, wrong types, another kind or version than the
 * definition's, and under `Strict` unknown or duplicate fields. A missing apiVersion or kind is filled in.
 */
export function decodeObject<T extends KubeObject = KubeObject>(
  definition: Decodable, body: Uint8Array | unknown, mediaType: 'json' | 'yaml', fieldValidation: FieldValidation,
): Decoded<T> {
  const complaints: string[] = []
  const raw = body instanceof Uint8Array ? parse(definition, body, mediaType, fieldValidation === 'Ignore' ? undefined : complaints) : body
  const kind = checkHeader(definition, raw)
  try {
    const { object, unknown } = decodeValue<T>(definition, raw as object, fieldValidation !== 'Ignore')
    for (const field of unknown) complaints.push(`unknown field ${JSON.stringify(field)}`)
    if (complaints.length && fieldValidation === 'Strict') throw cannotHandle(definition, kind, `strict decoding error: ${complaints.join(', ')}`)
    return { object, warnings: complaints }
  } catch (e) {
    if (e instanceof DecodeError) throw cannotHandle(definition, kind, e.message)
    throw e
  }
}

/** The object of a kind that a value is, whatever kind it says. `unknown`: paths of unknown fields, where `look` asks for them. Throws `DecodeError`. */
export function decodeValue<T extends KubeObject = KubeObject>(definition: Decodable, raw: object, look: boolean): { object: T; unknown: readonly string[] } {
  const context: DecodeContext = { path: [], struct: definition.kind, unknown: look ? [] : undefined }
  const object = (definition.codec ? definition.codec.decode(raw, context) : decoderOf(definition.schema)(raw, context)) as T
  object.apiVersion = apiVersionOf(definition)
  object.kind = definition.kind
  return { object, unknown: context.unknown ?? [] }
}

const cannotHandle = (definition: Decodable, kind: string, why: string) =>
  badRequest(`${kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: ${why}`)

/** Refuses another kind or version; returns the kind the body names. */
export function checkHeader(definition: Decodable, raw: unknown): string {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    const what = raw === null ? 'null' : Array.isArray(raw) ? 'array' : typeof raw
    throw unrecognized(definition, `couldn't get version/kind; json parse error: json: cannot unmarshal ${what} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`, '')
  }
  const { apiVersion, kind } = raw as { apiVersion?: unknown; kind?: unknown }
  for (const [field, value] of [['apiVersion', apiVersion], ['kind', kind]] as const) {
    if (value !== undefined && value !== null && typeof value !== 'string') {
      throw unrecognized(definition, `couldn't get version/kind; json parse error: json: cannot unmarshal ${typeof value} into Go struct field .${field} of type string`, '')
    }
  }
  const expected = apiVersionOf(definition)
  const givenKind = (kind as string | null | undefined) || definition.kind
  const givenVersion = (apiVersion as string | null | undefined) || expected
  if (givenVersion !== expected) throw badRequest(`the API version in the data (${givenVersion}) does not match the expected API version (${expected})`)
  if (givenKind !== definition.kind) {
    const v = definition.version
    throw badRequest(`${givenKind} in version ${JSON.stringify(v)} cannot be handled as a ${definition.kind}: converting (${v}.${givenKind}) to (${v}.${definition.kind}): unknown conversion`)
  }
  return givenKind
}

const unrecognized = (definition: Decodable, why: string, sample: string) =>
  badRequest(`the object provided is unrecognized (must be of type ${definition.kind}): ${why}${sample ? ` (${sample})` : ''}`)

const hex = (body: Uint8Array): string => {
  const head = Buffer.from(body.subarray(0, 30)).toString('hex')
  return body.length > 30 ? `${head} ...` : head
}

/** Parses the text; duplicate fields are added to `complaints` where that is given. */
function parse(definition: Decodable, body: Uint8Array, mediaType: 'json' | 'yaml', complaints: string[] | undefined): unknown {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  if (mediaType === 'yaml') return parseYaml(definition, text, body, complaints)
  let value: unknown
  try {
    value = readJson(text)
  } catch (e) {
    const why = messageOf(e)
    throw unrecognized(definition, `couldn't get version/kind; json parse error: ${why.charAt(0).toLowerCase()}${why.slice(1)}`, hex(body))
  }
  if (complaints) for (const field of duplicateFields(text)) complaints.push(`duplicate field ${JSON.stringify(field)}`)
  return value
}

function parseYaml(definition: Decodable, text: string, body: Uint8Array, complaints: string[] | undefined): unknown {
  try {
    const { value, duplicates } = readYaml(text)
    complaints?.push(...duplicates)
    return value
  } catch (e) {
    if (e instanceof YamlError) throw unrecognized(definition, e.message, hex(body))
    throw e
  }
}
