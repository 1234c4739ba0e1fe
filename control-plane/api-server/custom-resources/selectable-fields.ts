/** Field selectors that a custom resource declares (`spec.versions[*].selectableFields`). Pure. */
import type { SelectableField } from '../../../shared/api/apiextensions-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { FieldError } from '../resources/definition.ts'
import { duplicate, invalidValue, required } from '../resources/findings.ts'
import { parsePath, valuesAt } from './json-path.ts'
import type { Schema } from './schema.ts'

/** Upstream's `MaxSelectableFields`. */
const MAX = 8
const NOT_SCALAR = 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'

export function validateSelectableFields(fields: readonly SelectableField[], schema: Schema | undefined, at: string): FieldError[] {
  const found: FieldError[] = []
  if (fields.length > MAX) found.push({ type: 'TooMany', field: at, value: fields.length, detail: `must have at most ${MAX} items` })
  for (const [i, { jsonPath }] of fields.entries()) {
    const field = `${at}[${i}].jsonPath`
    if (!jsonPath) { found.push(required(field)); continue }
    const why = problemOf(jsonPath, schema)
    if (why) found.push(invalidValue(field, jsonPath, why))
    if (fields.findIndex((f) => f.jsonPath === jsonPath) < i) found.push(duplicate(field, jsonPath))
  }
  return found
}

function problemOf(path: string, schema: Schema | undefined): string | undefined {
  if (!path.startsWith('.')) return 'is an invalid path: does not start with .'
  let steps: ReturnType<typeof parsePath>
  try {
    steps = parsePath(path)
  } catch (e) {
    return `is an invalid path: ${(e as Error).message}`
  }
  let at = schema
  for (const step of steps) {
    if (step.do !== 'field') return 'is an invalid path: does not refer to a valid field'
    at = at?.properties?.[step.name]
    if (step === steps[0] && step.name === 'metadata') return 'must not point to fields in metadata'
    if (!at) return 'is an invalid path: does not refer to a valid field'
  }
  return at?.type === 'string' || at?.type === 'boolean' || at?.type === 'integer' ? undefined : NOT_SCALAR
}

/** `spec.color` to a reader of its text. */
export function selectableReaders(fields: readonly SelectableField[]): Record<string, (object: KubeObject) => string> {
  const readers: Record<string, (object: KubeObject) => string> = {}
  for (const { jsonPath } of fields) {
    const path = parsePath(jsonPath)
    readers[jsonPath.replace(/^\./, '')] = (object) => {
      const [value] = valuesAt(object, path)
      return value === undefined || value === null ? '' : String(value)
    }
  }
  return readers
}
