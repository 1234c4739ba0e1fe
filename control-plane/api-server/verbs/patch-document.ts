/** A patch as it comes in: its type, its text, and what upstream says of one that does not fit (`endpoints/handlers/patch.go`). Pure. */
import { badRequest, messageOf, StatusError } from '../../../shared/base/errors.ts'
import { isRecord } from '../../../shared/values/json-value.ts'
import { invalid } from '../encode/validation-status.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../patch/strategic-merge.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { FieldValidation } from '../schema/decode.ts'
import { duplicateFields } from '../schema/duplicate-keys.ts'
import { readJson } from '../schema/read-json.ts'
import { readYaml, YamlError } from '../schema/read-yaml.ts'

export const APPLY = 'application/apply-patch+yaml'
const JSON_PATCH = 'application/json-patch+json'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'

export const PATCH_TYPES = [JSON_PATCH, MERGE, STRATEGIC, APPLY] as const
export type PatchType = (typeof PATCH_TYPES)[number]
/** Kinds without a generated schema have no merge keys. */
const WITHOUT_STRATEGIC = [JSON_PATCH, MERGE, APPLY] as const

/** 415 for a media type that is no patch of the kind; apply as CBOR is one of them, as upstream's where that is off. */
export function patchType(contentType: string, definition?: Pick<ResourceDefinition, 'codec'>): PatchType {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  const types: readonly PatchType[] = definition?.codec ? WITHOUT_STRATEGIC : PATCH_TYPES
  const known = types.find((t) => t === type)
  if (known) return known
  throw new StatusError('UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`)
}

export interface PatchDocument {
  readonly value: unknown
  /** Of the text: `duplicate field "spec.x"`; for an apply `line 3: key "x" already set in map`. */
  readonly complaints: readonly string[]
}

/** 400 for what is no JSON (for an apply: no YAML object). Complaints are looked for unless validation is `Ignore`. */
export function readPatch(type: PatchType, body: Uint8Array, fieldValidation: FieldValidation): PatchDocument {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  if (type === APPLY) return readApplied(text)
  let value: unknown
  try {
    value = readJson(text)
  } catch (e) {
    throw badRequest(`error decoding patch: ${messageOf(e)}`)
  }
  if (fieldValidation === 'Ignore') return { value, complaints: [] }
  return { value, complaints: type === JSON_PATCH ? operationComplaints(value, text) : duplicateFields(text).map((field) => `duplicate field ${JSON.stringify(field)}`) }
}

const operationFields = new Set(['op', 'path', 'from', 'value'])

function operationComplaints(patch: unknown, text: string): string[] {
  const found = duplicateFields(text).map((field) => ({ at: Number(/^\[(\d+)\]/.exec(field)?.[1] ?? 0), text: `json patch duplicate field ${JSON.stringify(field)}` }))
  if (Array.isArray(patch)) {
    patch.forEach((operation: unknown, at) => {
      for (const key of isRecord(operation) ? Object.keys(operation) : []) if (!operationFields.has(key)) found.push({ at, text: `json patch unknown field ${JSON.stringify(`[${at}].${key}`)}` })
    })
  }
  return found.sort((a, b) => a.at - b.at).map((f) => f.text)
}

/** JSON is YAML: it is read as JSON, which is quicker, unless it says a key twice. */
function readApplied(text: string): PatchDocument {
  const json = quickly(text)
  let read: { value: unknown; duplicates: readonly string[] }
  try {
    read = json === undefined || duplicateFields(text).length ? readYaml(text) : { value: json, duplicates: [] }
  } catch (e) {
    if (e instanceof YamlError) throw badRequest(`error decoding YAML: error converting YAML to JSON: ${e.message}`)
    throw e
  }
  const { value, duplicates } = read
  if (value !== null && !isRecord(value)) {
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type map[string]interface {}`)
  }
  return { value: value ?? {}, complaints: duplicates }
}

function quickly(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    return readJson(text)
  } catch {
    return undefined // it may be YAML's flow form
  }
}

/** The patched document, not yet decoded. */
export function patched(definition: Pick<ResourceDefinition, 'schema'>, type: PatchType, document: unknown, patch: unknown): unknown {
  switch (type) {
    case JSON_PATCH: return applyJsonPatch(document, patch)
    case MERGE: return applyMergePatch(document, patch)
    case STRATEGIC: return applyStrategicMergePatch(definition, document, patch)
    case APPLY: throw new Error('an applied document is not a patch of the object alone')
  }
}

/** Whether the patch may say something of `managedFields`; all that does not leaves them as they are. */
export function touchesManaged(type: PatchType, patch: unknown): boolean {
  if (type !== JSON_PATCH) return isRecord(patch) && (patch.$patch !== undefined || (isRecord(patch.metadata) && (patch.metadata.managedFields !== undefined || patch.metadata.$patch !== undefined || patch.metadata.$retainKeys !== undefined)))
  const near = (path: unknown): boolean => typeof path === 'string' && (path === '' || path === '/metadata' || path.startsWith('/metadata/managedFields'))
  return !Array.isArray(patch) || patch.some((o: unknown) => isRecord(o) && (near(o.path) || near(o.from)))
}

/** The 422 for a patch whose result is no object of the kind. `why` as the decoder says it. */
export function misfit(type: PatchType, { patch, result }: { patch: unknown; result: unknown }, why: string): StatusError {
  const value = type === STRATEGIC ? goText(patch) : JSON.stringify(result)
  return invalid({ group: '', kind: '' }, '', [{ type: 'Invalid', field: 'patch', value, detail: type === STRATEGIC ? fromUnstructured(why) : why }])
}

/** A value as Go's `%+v` prints it. */
function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isRecord(value)) return `map[${Object.keys(value).sort().map((k) => `${k}:${goText(value[k])}`).join(' ')}]`
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const goKinds: Readonly<Record<string, string>> = { object: 'map', array: 'slice', number: 'int64' }

/** A strategic merge is decoded without JSON, by a decoder with words of its own. */
function fromUnstructured(why: string): string {
  const found = /^json: cannot unmarshal (\w+)(?: [^ ]+)? into Go .* of type (\S+)$/.exec(why)
  if (!found) return why
  const [, what = '', type = ''] = found
  const kind = goKinds[what] ?? what
  if (type.startsWith('[]')) return `cannot restore slice from ${kind}`
  if (type.startsWith('map[')) return `cannot restore map from ${kind}`
  return /^(string|bool|int32|int64|float64)$/.test(type) ? `unrecognized type: ${type}` : `cannot restore struct from: ${kind}`
}
