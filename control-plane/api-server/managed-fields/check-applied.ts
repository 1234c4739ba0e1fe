/** Whether an applied document fits its schema, in the words of upstream's `structured-merge-diff/typed` validation. Pure. */
import { isRecord, memberOf } from '../../../shared/values/json-value.ts'
import type { FieldType } from './field-type.ts'
import { memberType } from './field-type.ts'
import { ElementError, stepText, stepTo } from './path-element.ts'

/** Findings as `.spec.foo: field not declared in schema`, in document order; empty where it fits. */
export function checkApplied(type: FieldType, value: unknown): string[] {
  const found: string[] = []
  visit(type, value, '', found)
  return found
}

/** One finding as it is, several under each other, as upstream's `ValidationErrors` prints them. */
export const findingsText = (found: readonly string[]): string => (found.length === 1 ? found[0] ?? '' : ['errors:', ...found.map((f) => `  ${f}`)].join('\n'))

const at = (path: string, text: string): string => (path ? `${path}: ${text}` : text)

function visit(type: FieldType, value: unknown, path: string, found: string[]): void {
  if (value === null || value === undefined || type.form === 'any') return
  if (type.form === 'scalar') {
    const wrong = wrongScalar(type.scalar, value)
    if (wrong) found.push(at(path, wrong))
  } else if (type.form === 'list') {
    if (Array.isArray(value)) visitList(type, value, path, found)
    else found.push(at(path, `expected list, got ${shown(value)}`))
  } else if (isRecord(value)) visitMap(type, value, path, found)
  else found.push(at(path, `expected map, got ${shown(value)}`))
}

const goTypes: Readonly<Record<string, string>> = { string: 'string', boolean: 'bool', number: 'int64', object: 'map[string]interface {}' }
const shown = (value: unknown): string => `&{${typeof value === 'string' ? value : JSON.stringify(value)}}`
const goValue = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' ? goTypes.object ?? '' : String(value))

function wrongScalar(scalar: FieldType['scalar'], value: unknown): string | undefined {
  const is = typeof value
  switch (scalar) {
    case 'numeric': return is === 'number' ? undefined : `expected numeric (int or float), got ${Array.isArray(value) ? '[]interface {}' : goTypes[is] ?? is}`
    case 'string': return is === 'string' ? undefined : `expected string, got &value.valueUnstructured{Value:${goValue(value)}}`
    case 'boolean': return is === 'boolean' ? undefined : `expected boolean, got ${shown(value)}`
    case 'untyped': return is === 'object' ? `expected any scalar, got ${shown(value)}` : undefined
  }
}

function visitMap(type: FieldType, map: Record<string, unknown>, path: string, found: string[]): void {
  for (const key of Object.keys(map)) {
    const member = memberType(type, key)
    if (member) visit(member, memberOf(map, key), `${path}.${key}`, found)
    else found.push(at(`${path}.${key}`, 'field not declared in schema'))
  }
}

function visitList(type: FieldType, list: readonly unknown[], path: string, found: string[]): void {
  const seen = new Set<string>()
  list.forEach((item, i) => {
    let step = `i:${i}`
    if (!type.atomic) {
      try {
        step = stepTo(type, item)
      } catch (e) {
        if (!(e instanceof ElementError)) throw e
        found.push(at(path, `element ${i}: ${e.message}`))
        return
      }
      if (seen.has(step)) found.push(at(path, `duplicate entries for key ${stepText(step)}`))
      seen.add(step)
    }
    if (type.element) visit(type.element, item, path + stepText(step), found)
  })
}
