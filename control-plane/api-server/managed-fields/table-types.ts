/** Types of the built-in kinds for ownership: the field tables with the list rules of `schema/overlay.ts`. Made on first use, once. Pure. */
import { atomicObjects, embeddedObjects, fieldDefaults, listRules } from '../schema/overlay.ts'
import type { ListRule } from '../schema/overlay.ts'
import { parseType, tableOf } from '../schema/tables.ts'
import type { FieldType } from './field-type.ts'
import { anyType, asAtomic, atomicList, keyedList, mapType, scalarType, structType } from './field-type.ts'

const string = scalarType('string')
const numeric = scalarType('numeric')
const untyped = scalarType('untyped')
/** Untyped JSON: an object of members that are each owned whole. */
const untypedObject = mapType(asAtomic(anyType))

const scalars: Readonly<Record<string, FieldType>> = {
  string, byte: string, time: untyped, microtime: untyped, int32: numeric, int64: numeric, double: numeric, number: numeric, boolean: scalarType('boolean'),
  'int-or-string': untyped, quantity: untyped, any: untypedObject, raw: untypedObject,
  json: anyType, 'json-or-list': anyType, 'json-or-boolean': anyType, 'json-or-strings': anyType,
}
const zeros: Readonly<Record<string, unknown>> = { string: '', byte: '', boolean: false, int32: 0, int64: 0, double: 0, number: 0, 'int-or-string': 0, quantity: '0', time: null, microtime: null }

const made = new Map<string, FieldType>()

/** The type of a schema of the tables, `core-v1.Pod`. */
export function tableType(schema: string): FieldType {
  const known = scalars[schema] ?? made.get(schema)
  if (known) return known
  const table = tableOf(schema)
  if (!table) throw new Error(`no field table for ${schema}`)
  const rules = listRules[schema]
  const fields = new Map<string, FieldType>()
  const type = structType({
    atomic: atomicObjects.has(schema),
    // Types refer to each other and to themselves: each field's is made when it is asked for.
    field(name) {
      const had = fields.get(name)
      if (had) return had
      const text = Object.hasOwn(table, name) ? table[name] : undefined
      if (text === undefined) return undefined
      const field = fieldTypeOf(text, rules?.[name])
      fields.set(name, field)
      return field
    },
    defaultOf: (name) => defaultOf(schema, name, table[name]),
  })
  made.set(schema, type)
  return type
}

function fieldTypeOf(text: string, rule: ListRule | undefined): FieldType {
  const { container, element } = parseType(text)
  if (container === '[]') {
    const inner = parseType(element).container ? fieldTypeOf(element, undefined) : tableType(element)
    if (rule?.listType === 'map') return keyedList(rule.listMapKeys ?? [], inner)
    return rule?.listType === 'set' ? keyedList([], inner) : atomicList(inner)
  }
  const type = container === '{}' ? mapType(parseType(element).container ? fieldTypeOf(element, undefined) : tableType(element)) : tableType(element)
  if (rule?.mapType === 'atomic') return asAtomic(type)
  return rule?.mapType === 'granular' && type.atomic ? { ...type, atomic: false } : type
}

/** What Go takes a field for that is not there: only fields that are always written have such a value. */
function defaultOf(schema: string, name: string, text: string | undefined): unknown {
  const own = fieldDefaults[schema]?.[name]
  if (own !== undefined || text === undefined || !text.endsWith('!')) return own
  return zeros[text.slice(0, -1)] ?? undefined
}

const empties = new Map<string, Readonly<Record<string, unknown>>>()

/**
 * What Go writes for a new object of a schema: objects that are part of it, and what is required, as zeros. Against this the first write is
 * compared, so that its author does not own `spec` itself but what he put there. Frozen.
 */
export function emptyObject(schema: string): Readonly<Record<string, unknown>> {
  const known = empties.get(schema)
  if (known) return known
  const out: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(tableOf(schema) ?? {})) {
    const { container, element, required } = parseType(text)
    if (name === 'apiVersion' || name === 'kind') continue
    const inner = container === '' && element.includes('.')
    if (inner && (required || name === 'metadata' || name === 'spec' || name === 'status' || embeddedObjects[schema]?.includes(name))) out[name] = emptyObject(element)
    else if (required) out[name] = container || inner ? null : zeros[element] ?? null
  }
  const frozen = Object.freeze(out)
  empties.set(schema, frozen)
  return frozen
}
