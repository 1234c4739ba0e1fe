/** Printed columns of custom resources (`apiextensions-apiserver/pkg/registry/customresource/tableconvertor`). Pure. */
import type { CustomResourceColumnDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { since } from '../../../shared/values/duration.ts'
import { ageColumn, nameColumn } from '../resources/define.ts'
import type { Column } from '../resources/definition.ts'
import { parsePath, valuesAt } from './json-path.ts'

export function columnsOf(given: readonly CustomResourceColumnDefinition[] | undefined): readonly Column<KubeObject>[] {
  if (!given?.length) return [nameColumn, { ...ageColumn, type: 'date' }]
  return [nameColumn, ...given.map((column): Column<KubeObject> => {
    const path = parsePath(column.jsonPath)
    return {
      name: column.name, type: column.type as Column<KubeObject>['type'], format: (column.format ?? '') as '', priority: (column.priority ?? 0) as 0,
      description: column.description || `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
      value: (object, { now }) => cell(column.type, valuesAt(object, path)[0], now),
    }
  })]
}

/** Null: nothing there, or nothing that this type can show. */
function cell(type: string, value: unknown, now: number): string | number | boolean | null {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer': return typeof value === 'number' ? Math.trunc(value) : null
    case 'number': return typeof value === 'number' ? value : null
    case 'boolean': return typeof value === 'boolean' ? value : null
    case 'date': return typeof value === 'string' ? (Number.isNaN(Date.parse(value)) ? '<invalid>' : since(value, now)) : null
    default: return typeof value === 'string' ? value : JSON.stringify(value)
  }
}
