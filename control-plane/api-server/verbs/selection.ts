/** Which objects a list or a watch is about: label and field selectors as one test. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { badRequest, messageOf } from '../../../shared/base/errors.ts'
import { parseFieldSelector } from '../../../shared/values/field-selector.ts'
import { matchesLabels, parseSelector } from '../../../shared/values/selector.ts'
import type { ResourceDefinition } from '../resources/definition.ts'

export interface Selection {
  /** Undefined: everything. */
  readonly matches: ((object: KubeObject) => boolean) | undefined
  /** Set where the field selector names one object: a lookup instead of a walk. */
  readonly name: string | undefined
}

const EVERYTHING: Selection = { matches: undefined, name: undefined }

/** BadRequest for a selector that cannot be parsed, or a field that this resource does not select by. */
export function selectionOf(definition: ResourceDefinition, options: { labelSelector?: string | undefined; fieldSelector?: string | undefined }): Selection {
  if (!options.labelSelector && !options.fieldSelector) return EVERYTHING
  const tests: ((object: KubeObject) => boolean)[] = []
  if (options.labelSelector) {
    const selector = attempt(() => parseSelector(options.labelSelector ?? ''), 'labelSelector')
    tests.push((object) => matchesLabels(selector, object.metadata?.labels ?? {}))
  }
  let name: string | undefined
  for (const { field, operator, value } of options.fieldSelector ? attempt(() => parseFieldSelector(options.fieldSelector ?? ''), 'fieldSelector') : []) {
    const read = fieldReader(definition, field)
    if (field === 'metadata.name' && operator === '=') name = value
    tests.push((object) => (read(object) === value) === (operator === '='))
  }
  return { matches: tests.length ? (object) => tests.every((test) => test(object)) : undefined, name }
}

function fieldReader(definition: ResourceDefinition, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata?.name ?? ''
  if (field === 'metadata.namespace' && definition.namespaced) return (object) => object.metadata?.namespace ?? ''
  const read = definition.selectableFields?.[field]
  if (!read) throw badRequest(`field label not supported: ${field}`)
  return read
}

function attempt<T>(parse: () => T, what: string): T {
  try {
    return parse()
  } catch (e) {
    throw badRequest(`unable to parse requirement of ${what}: ${messageOf(e)}`)
  }
}
