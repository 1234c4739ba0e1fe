/** Which objects a list or a watch is about: label and field selectors as one test. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { badRequest, messageOf } from '../../../shared/base/errors.ts'
import { parseFieldSelector } from '../../../shared/values/field-selector.ts'
import { matchesLabels, parseSelector } from '../../../shared/values/selector.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { labelTest } from './label-scan.ts'

export interface Selection {
  /** Undefined: everything. */
  readonly matches: ((object: KubeObject) => boolean) | undefined
  /** Set where the field selector names one object: a lookup instead of a walk. */
  readonly name: string | undefined
  /** The same test on stored bytes, where labels alone decide. */
  readonly matchesBytes?: (bytes: Buffer) => boolean
}

const EVERYTHING: Selection = { matches: undefined, name: undefined }

/** BadRequest for a selector that cannot be parsed, or a field that this resource does not select by. */
export function selectionOf(definition: ResourceDefinition, options: { labelSelector?: string | undefined; fieldSelector?: string | undefined }): Selection {
  if (!options.labelSelector && !options.fieldSelector) return EVERYTHING
  const tests: ((object: KubeObject) => boolean)[] = []
  if (options.labelSelector) {
    const selector = attempt(() => parseSelector(options.labelSelector ?? ''))
    tests.push((object) => matchesLabels(selector, object.metadata?.labels ?? {}))
  }
  let matchesBytes: ((bytes: Buffer) => boolean) | undefined
  if (options.labelSelector && !options.fieldSelector) matchesBytes = labelTest(attempt(() => parseSelector(options.labelSelector ?? '')))
  let name: string | undefined
  for (const { field, operator, value } of options.fieldSelector ? attempt(() => parseFieldSelector(options.fieldSelector ?? '')) : []) {
    const read = fieldReader(definition, field)
    if (field === 'metadata.name' && operator === '=') name = value
    tests.push((object) => (read(object) === value) === (operator === '='))
  }
  return { matches: tests.length ? (object) => tests.every((test) => test(object)) : undefined, name, ...(matchesBytes ? { matchesBytes } : {}) }
}

function fieldReader(definition: ResourceDefinition, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata?.name ?? ''
  const { selectableFields } = definition
  // Kinds without fields of their own have upstream's `DefaultMetaV1FieldSelectorConversion`, which knows the namespace wherever they live.
  if (field === 'metadata.namespace' && (definition.namespaced || !selectableFields)) return (object) => object.metadata?.namespace ?? ''
  const read = selectableFields?.[field]
  if (read) return read
  throw badRequest(selectableFields ? notSelectable(definition, field) : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`)
}

const notSelectable = ({ group, resource }: ResourceDefinition, field: string): string =>
  (group === 'batch' && resource === 'jobs' ? `field label ${JSON.stringify(field)} not supported for Job` : `field label not supported: ${field}`)

/** What `parse` makes of a client's selector; BadRequest with its words where it throws. */
export function attempt<T>(parse: () => T): T {
  try {
    return parse()
  } catch (e) {
    throw badRequest(messageOf(e))
  }
}
