import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from '../../../shared/api/apps-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { maskTrailingDash, validateDns1123Label } from '../../../shared/values/names.ts'
import { matchesLabels, selectorOf } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegative, notSupported, notSupportedInOrder, required } from './findings.ts'
import { validateAnnotations, validateLabels } from './object-meta.ts'
import { defaultClaim } from './claim-rules.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, isOver100Percent, isZero, nonNegativeFields, notDecremented, notOver, scaleOfReplicas, validateIntOrPercent, validateWorkloadSelector } from './workload.ts'

function setDefaults(set: StatefulSet): void {
  const spec = (set.spec ??= {} as StatefulSetSpec)
  spec.podManagementPolicy ||= 'OrderedReady'
  const strategy = (spec.updateStrategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') (strategy.rollingUpdate ??= {}).partition ??= 0
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {})
  retention.whenDeleted ||= 'Retain'
  retention.whenScaled ||= 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.serviceName ??= ''
  defaultPodTemplate(spec.template)
  spec.volumeClaimTemplates?.forEach((claim) => {
    claim.apiVersion = 'v1'
    claim.kind = 'PersistentVolumeClaim'
    defaultClaim(claim)
  })
  set.status ??= { replicas: 0 }
  set.status.availableReplicas ??= 0
}

function validateStrategy(strategy: StatefulSetUpdateStrategy): FieldError[] {
  const { type, rollingUpdate } = strategy
  const field = 'spec.updateStrategy'
  if (type === 'OnDelete') return rollingUpdate ? [invalidValue(`${field}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")] : []
  if (type !== 'RollingUpdate') return [invalidValue(field, strategy, "must be 'RollingUpdate' or 'OnDelete'")]
  const { partition, maxUnavailable } = rollingUpdate ?? {}
  const found = nonNegative(`${field}.rollingUpdate.partition`, partition)
  if (maxUnavailable === undefined) return found
  found.push(...validateIntOrPercent(maxUnavailable, `${field}.rollingUpdate.maxUnavailable`))
  if (isZero(maxUnavailable)) found.push(invalidValue(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, 'cannot be 0'))
  if (isOver100Percent(maxUnavailable)) found.push(invalidValue(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'))
  return found
}

const retentions = ['Retain', 'Delete']

/** The pods' spec is not judged here: the volumes its mounts name come from the claims. Upstream leaves it to the creation of pods as well. */
function validateTemplate({ selector, template }: StatefulSetSpec): FieldError[] {
  const found: FieldError[] = []
  const labels = template?.metadata?.labels ?? {}
  const wanted = selectorOf(selector)
  if (wanted?.length && !matchesLabels(wanted, labels)) found.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  found.push(...validateLabels(template?.metadata?.labels, 'spec.template.labels'), ...validateAnnotations(template?.metadata?.annotations, 'spec.template.annotations'))
  return found
}

function validate(set: StatefulSet): FieldError[] {
  const spec = set.spec as StatefulSetSpec
  const { podManagementPolicy: policy, persistentVolumeClaimRetentionPolicy: retention, template } = spec
  const found: FieldError[] = []
  if (!policy) found.push(required('spec.podManagementPolicy'))
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') found.push(invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"))
  found.push(...validateStrategy(spec.updateStrategy ?? {}))
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    if (!retentions.includes(retention?.[when] ?? '')) found.push(notSupportedInOrder(`spec.persistentVolumeClaimRetentionPolicy.${when}`, retention?.[when] ?? '', retentions))
  }
  found.push(...nonNegative('spec.replicas', spec.replicas), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...nonNegative('spec.ordinals.start', spec.ordinals?.start))
  const selectorFindings = validateWorkloadSelector(spec.selector, 'statefulset')
  found.push(...selectorFindings, ...(selectorFindings.length ? [] : validateTemplate(spec)))
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {}
  if (restartPolicy !== 'Always') found.push(notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']))
  if (activeDeadlineSeconds !== undefined) found.push(forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in StatefulSet is not Supported'))
  return found
}

const mutable = ['replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy', 'minReadySeconds'] as const
const listed = `${mutable.slice(0, -1).map((f) => `'${f}'`).join(', ')} and 'minReadySeconds'`

function validateChange(set: StatefulSet, old: StatefulSet): FieldError[] {
  const [next, last] = [{ ...set.spec }, { ...old.spec }]
  for (const f of mutable) {
    delete next[f]
    delete last[f]
  }
  return equalJson(next, last) ? [] : [forbidden('spec', `updates to statefulset spec for fields other than ${listed} are forbidden`)]
}

function validateStatus(set: StatefulSet, old: StatefulSet): FieldError[] {
  const { status } = set
  return [
    ...nonNegativeFields(status, ['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas', 'observedGeneration', 'collisionCount']),
    ...notOver(status, ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'], 'replicas'), ...notOver(status, ['availableReplicas'], 'readyReplicas'),
    ...notDecremented('status.collisionCount', status?.collisionCount, old.status?.collisionCount),
  ]
}

export const statefulSets = define<StatefulSet>({
  group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet', namespaced: true, schema: 'apps-v1.StatefulSet', shortNames: ['sts'], categories: ['all'],
  subresources: { status: true, scale: scaleOfReplicas },
  columns: [
    nameColumn, column('Ready', (s) => `${s.status?.readyReplicas ?? 0}/${s.spec?.replicas ?? 0}`, { description: 'Number of the pod with ready state' }), ageColumn, containersColumn, imagesColumn,
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate: (set) => startGeneration(set, { replicas: 0, availableReplicas: 0 }),
    prepareForUpdate: carryOver,
    validate,
    validateUpdate: (set, old, { subresource }) => (subresource === 'status' ? validateStatus(set, old) : validateChange(set, old)),
    validateName: (name, prefix) => validateDns1123Label(prefix ? maskTrailingDash(name) : name),
  },
})
