import type { Deployment, DeploymentSpec } from '../../../shared/api/apps-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegative, notSupported } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, isOver100Percent, isZero, scaleOfReplicas, selectorColumn, validateIntOrPercent, validateTemplateFor, validateWorkloadSelector } from './workload.ts'

function setDefaults(d: Deployment): void {
  const spec = (d.spec ??= { selector: undefined as never, template: undefined as never })
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  const strategy = (spec.strategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {})
    rolling.maxUnavailable ??= '25%'
    rolling.maxSurge ??= '25%'
  }
  if (!spec.selector) delete (spec as Partial<DeploymentSpec>).selector
  if (!spec.template) delete (spec as Partial<DeploymentSpec>).template
  defaultPodTemplate(spec.template)
  d.status ??= {}
}

function validateStrategy(spec: DeploymentSpec): FieldError[] {
  const { type, rollingUpdate } = spec.strategy ?? {}
  const field = 'spec.strategy'
  if (type === 'Recreate') return rollingUpdate ? [forbidden(`${field}.rollingUpdate`, 'may not be specified when strategy `type` is \'Recreate\'')] : []
  if (type !== 'RollingUpdate') return [notSupported(`${field}.type`, type ?? '', ['Recreate', 'RollingUpdate'])]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  const at = `${field}.rollingUpdate`
  const found = [...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`), ...validateIntOrPercent(maxSurge, `${at}.maxSurge`)]
  if (isZero(maxUnavailable) && isZero(maxSurge)) found.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
  if (isOver100Percent(maxUnavailable)) found.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'))
  return found
}

function validate(d: Deployment): FieldError[] {
  const spec = d.spec as DeploymentSpec
  const found = [...nonNegative('spec.replicas', spec.replicas), ...validateWorkloadSelector(spec.selector, 'deployment')]
  if (found.every((f) => !f.field.startsWith('spec.selector'))) found.push(...validateTemplateFor(spec.selector, spec.template, 'ReplicaSet'))
  found.push(...validateStrategy(spec), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit))
  const deadline = spec.progressDeadlineSeconds
  if (deadline !== undefined) {
    found.push(...nonNegative('spec.progressDeadlineSeconds', deadline))
    if (deadline <= (spec.minReadySeconds ?? 0)) found.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'))
  }
  return found
}

export const deployments = define<Deployment>({
  group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true, schema: 'apps-v1.Deployment', shortNames: ['deploy'], categories: ['all'],
  subresources: { status: true, scale: scaleOfReplicas },
  columns: [
    nameColumn,
    column('Ready', (d) => `${d.status?.readyReplicas ?? 0}/${d.spec?.replicas ?? 0}`, { description: 'Number of the pod with ready state' }),
    column('Up-to-date', (d) => d.status?.updatedReplicas ?? 0, { description: 'Total number of non-terminated pods targeted by this deployment that have the desired template spec.' }),
    column('Available', (d) => d.status?.availableReplicas ?? 0, { description: 'Total number of available pods (ready for at least minReadySeconds) targeted by this deployment.' }),
    ageColumn, containersColumn, imagesColumn, selectorColumn,
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate: (d) => startGeneration(d),
    prepareForUpdate: carryOver,
    validate,
    validateUpdate: (d, old, { subresource }) => (subresource === 'status' ? [] : unchanged('spec.selector', d.spec?.selector, old.spec?.selector)),
  },
})
