import type { ReplicaSet, ReplicaSetSpec } from '../../../shared/api/apps-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { nonNegative } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, scaleOfReplicas, selectorColumn, validateTemplateFor, validateWorkloadSelector } from './workload.ts'

function setDefaults(rs: ReplicaSet): void {
  const spec = (rs.spec ??= { selector: undefined as never })
  spec.replicas ??= 1
  if (!spec.selector) delete (spec as Partial<ReplicaSetSpec>).selector
  defaultPodTemplate(spec.template)
  rs.status ??= { replicas: 0 }
}

function validate(rs: ReplicaSet): FieldError[] {
  const spec = rs.spec as ReplicaSetSpec
  const found = [...nonNegative('spec.replicas', spec.replicas), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...validateWorkloadSelector(spec.selector, 'deployment')]
  if (found.every((f) => !f.field.startsWith('spec.selector'))) found.push(...validateTemplateFor(spec.selector, spec.template, 'ReplicaSet'))
  return found
}

export const replicaSets = define<ReplicaSet>({
  group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true, schema: 'apps-v1.ReplicaSet', shortNames: ['rs'], categories: ['all'],
  subresources: { status: true, scale: scaleOfReplicas },
  columns: [
    nameColumn,
    column('Desired', (rs) => rs.spec?.replicas ?? 0, { type: 'integer', description: 'Replicas is the number of desired pods.' }),
    column('Current', (rs) => rs.status?.replicas ?? 0, { type: 'integer', description: 'Replicas is the most recently observed number of non-terminating pods.' }),
    column('Ready', (rs) => rs.status?.readyReplicas ?? 0, { type: 'integer', description: 'The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.' }),
    ageColumn, containersColumn, imagesColumn, selectorColumn,
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate: (rs) => startGeneration(rs, { replicas: 0 }),
    prepareForUpdate: carryOver,
    validate,
    validateUpdate: (rs, old, { subresource }) => (subresource === 'status' ? [] : unchanged('spec.selector', rs.spec?.selector, old.spec?.selector)),
  },
  selectableFields: { 'status.replicas': (rs) => String(rs.status?.replicas ?? 0) },
})
