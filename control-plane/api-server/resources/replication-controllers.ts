import type { ReplicationController, ReplicationControllerSpec } from '../../../shared/api/core-v1.ts'
import { formatSelector, selectorOfLabels } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { nonNegative, required } from './findings.ts'
import { validateLabels } from './object-meta.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, scaleOfReplicas, validateTemplateFor } from './workload.ts'

function setDefaults(rc: ReplicationController): void {
  const spec = (rc.spec ??= {})
  spec.replicas ??= 1
  const labels = spec.template?.metadata?.labels
  if (labels) {
    if (!Object.keys(spec.selector ?? {}).length) spec.selector = { ...labels }
    if (rc.metadata && !Object.keys(rc.metadata.labels ?? {}).length) rc.metadata.labels = { ...labels }
  }
  defaultPodTemplate(spec.template)
  rc.status ??= { replicas: 0 }
}

function validate(rc: ReplicationController): FieldError[] {
  const spec = rc.spec as ReplicationControllerSpec
  const found = [...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...validateLabels(spec.selector, 'spec.selector')]
  if (!Object.keys(spec.selector ?? {}).length) found.push(required('spec.selector'))
  found.push(...nonNegative('spec.replicas', spec.replicas))
  return [...found, ...validateTemplateFor({ matchLabels: spec.selector ?? {} }, spec.template, 'ReplicationController')]
}

export const replicationControllers = define<ReplicationController>({
  group: '', version: 'v1', resource: 'replicationcontrollers', kind: 'ReplicationController', namespaced: true, schema: 'core-v1.ReplicationController',
  shortNames: ['rc'], categories: ['all'], subresources: { status: true, scale: scaleOfReplicas },
  columns: [
    nameColumn,
    column('Desired', (rc) => rc.spec?.replicas ?? 0, { type: 'integer', description: 'Replicas is the number of desired replicas.' }),
    column('Current', (rc) => rc.status?.replicas ?? 0, { type: 'integer', description: 'Replicas is the most recently observed number of replicas.' }),
    column('Ready', (rc) => rc.status?.readyReplicas ?? 0, { type: 'integer', description: 'The number of ready replicas for this replication controller.' }),
    ageColumn, containersColumn, imagesColumn,
    column('Selector', (rc) => formatSelector(selectorOfLabels(rc.spec?.selector ?? {})) || '<none>', { wide: true, description: 'Selector is a label query over pods that should match the Replicas count.' }),
  ],
  strategy: { default: setDefaults, prepareForCreate: (rc) => startGeneration(rc, { replicas: 0 }), prepareForUpdate: carryOver, validate },
  selectableFields: { 'status.replicas': (rc) => String(rc.status?.replicas ?? 0) },
})
