import type { RuntimeClass } from '../../../shared/api/node-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Label } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidFor } from './findings.ts'
import { unchanged, validateLabels } from './object-meta.ts'
import { validateOverhead } from './pod-spec/resources.ts'
import { validateTolerations } from './pod-spec/validate.ts'

function validate({ handler = '', overhead, scheduling }: RuntimeClass): FieldError[] {
  const found = [...invalidFor('handler', handler, validateDns1123Label(handler)), ...validateOverhead(overhead?.podFixed, 'overhead')]
  if (!scheduling) return found
  const tolerations = scheduling.tolerations ?? []
  found.push(...validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector'), ...validateTolerations(tolerations, 'scheduling.tolerations'))
  tolerations.forEach((t, i) => { if (tolerations.slice(0, i).some((o) => equalJson(o, t))) found.push(duplicate(`scheduling.tolerations[${i}]`, t)) })
  return found
}

export const runtimeClasses = define<RuntimeClass>({
  group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses', kind: 'RuntimeClass', namespaced: false, schema: 'node-v1.RuntimeClass',
  columns: [nameColumn, column('Handler', (c) => c.handler ?? '', { description: 'handler specifies the underlying runtime and configuration that the CRI implementation will use to handle pods of this class.' }), ageColumn],
  strategy: { validate, allowUnconditionalUpdate: false, validateUpdate: (c, old) => unchanged('handler', c.handler, old.handler) },
})
