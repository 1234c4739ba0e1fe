/** Served kinds as types of CEL: built-in ones from their field tables, custom ones from their schemas. Pure. */
import type { CelType, ObjectField } from '../../cel/cel-type.ts'
import { BOOL, BYTES, DOUBLE, DYN, INT, listOf, mapOf, STRING, TIMESTAMP } from '../../cel/cel-type.ts'
import type { TypedSchema } from '../../cel/schema-type.ts'
import { escapeProperty, schemaType } from '../../cel/schema-type.ts'
import type { ResourceDefinition } from '../../resources/definition.ts'
import { parseType, tableOf } from '../../schema/tables.ts'

const scalars: Readonly<Record<string, CelType>> = {
  string: STRING, quantity: STRING, boolean: BOOL, int32: INT, int64: INT, double: DOUBLE, number: DOUBLE, byte: BYTES, time: TIMESTAMP, microtime: TIMESTAMP, any: DYN, 'int-or-string': DYN,
}

function tableType(schema: string, known: Map<string, CelType>): CelType {
  const found = known.get(schema)
  if (found) return found
  const table = tableOf(schema)
  if (!table) return DYN
  const fields = new Map<string, ObjectField>()
  // Known before its fields are: schemas hold themselves.
  const type: CelType = { kind: 'object', name: schema, fields }
  known.set(schema, type)
  for (const [property, text] of Object.entries(table)) {
    const { container, element, required } = parseType(text)
    const inner = scalars[element] ?? tableType(element, known)
    const name = escapeProperty(property)
    if (name !== undefined) fields.set(name, { type: container === '[]' ? listOf(inner) : container === '{}' ? mapOf(STRING, inner) : inner, required, ...(name === property ? {} : { property }) })
  }
  return type
}

/** dyn where nothing is known of the kind. */
export function typeOfKind(definition: ResourceDefinition): CelType {
  if (!definition.codec) return tableType(definition.schema, new Map())
  return (definition.codec.openApi && schemaType(definition.codec.openApi as TypedSchema, true)) ?? DYN
}
