import type { DaemonSet, DaemonSetSpec, DaemonSetStatus, DaemonSetUpdateStrategy } from '../../../shared/api/apps-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { formatSelector, matchesLabels, selectorOf, selectorOfLabels } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegative, notSupported, notSupportedInOrder, required } from './findings.ts'
import { unchanged, validateLabelSelector } from './object-meta.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { validatePodTemplate } from './pod-spec/validate.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { containersColumn, imagesColumn, isOver100Percent, isZero, notDecremented, nonNegativeFields, selectorColumn, validateIntOrPercent } from './workload.ts'

/** What `spec.templateGeneration` of older versions became in apps/v1. */
const templateGeneration = 'deprecated.daemonset.template.generation'
const noStatus = (): DaemonSetStatus => ({ currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 })

function setDefaults(ds: DaemonSet): void {
  const spec = (ds.spec ??= {} as DaemonSetSpec)
  const strategy = (spec.updateStrategy ??= {})
  strategy.type ||= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {})
    rolling.maxUnavailable ??= 1
    rolling.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  defaultPodTemplate(spec.template)
  ds.status = { ...noStatus(), ...ds.status }
}

function markTemplate(ds: DaemonSet, generation: number): void {
  const meta = (ds.metadata ??= {})
  meta.annotations = { ...meta.annotations, [templateGeneration]: String(generation) }
}

function validateStrategy({ type, rollingUpdate }: DaemonSetUpdateStrategy, field: string): FieldError[] {
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') return [notSupportedInOrder(field, { type, ...(rollingUpdate ? { rollingUpdate } : {}) }, ['RollingUpdate', 'OnDelete'])]
  const at = `${field}.rollingUpdate`
  if (!rollingUpdate) return [required(at)]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  const found: FieldError[] = []
  for (const [name, value] of [['maxUnavailable', maxUnavailable], ['maxSurge', maxSurge]] as const) found.push(...validateIntOrPercent(value, `${at}.${name}`))
  for (const [name, value] of [['maxUnavailable', maxUnavailable], ['maxSurge', maxSurge]] as const) if (isOver100Percent(value)) found.push(invalidValue(`${at}.${name}`, value, 'must not be greater than 100%'))
  if (!isZero(maxUnavailable) && !isZero(maxSurge)) found.push(invalidValue(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'))
  else if (isZero(maxUnavailable) && isZero(maxSurge)) found.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return found
}

function validate(ds: DaemonSet): FieldError[] {
  const { selector, template, updateStrategy = {}, minReadySeconds, revisionHistoryLimit } = ds.spec as DaemonSetSpec
  const found = validateLabelSelector(selector, 'spec.selector')
  const labels = template?.metadata?.labels ?? {}
  const wanted = found.length ? undefined : selectorOf(selector)
  if (found.length === 0 && !(wanted && matchesLabels(wanted, labels))) found.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  if (selector && wanted?.length === 0) found.push(invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset'))
  found.push(...validatePodTemplate(template, 'spec.template'))
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {}
  if (restartPolicy !== 'Always') found.push(notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']))
  if (activeDeadlineSeconds !== undefined) found.push(forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in DaemonSet is not Supported'))
  found.push(...nonNegative('spec.minReadySeconds', minReadySeconds), ...validateStrategy(updateStrategy, 'spec.updateStrategy'))
  return [...found, ...nonNegative('spec.revisionHistoryLimit', revisionHistoryLimit)]
}

const counts = [
  'currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady', 'observedGeneration', 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'collisionCount',
] as const

export const daemonSets = define<DaemonSet>({
  group: 'apps', version: 'v1', resource: 'daemonsets', kind: 'DaemonSet', namespaced: true, schema: 'apps-v1.DaemonSet', shortNames: ['ds'], categories: ['all'], subresources: { status: true },
  columns: [
    nameColumn,
    column('Desired', (ds) => ds.status?.desiredNumberScheduled ?? 0, { type: 'integer', description: 'The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod).' }),
    column('Current', (ds) => ds.status?.currentNumberScheduled ?? 0, { type: 'integer', description: 'The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod.' }),
    column('Ready', (ds) => ds.status?.numberReady ?? 0, { type: 'integer', description: 'The number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.' }),
    column('Up-to-date', (ds) => ds.status?.updatedNumberScheduled ?? 0, { type: 'integer', description: 'The total number of nodes that are running updated daemon pod' }),
    column('Available', (ds) => ds.status?.numberAvailable ?? 0, { type: 'integer', description: 'The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)' }),
    column('Node Selector', (ds) => formatSelector(selectorOfLabels(ds.spec?.template?.spec?.nodeSelector ?? {})) || '<none>', { description: "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node." }),
    ageColumn, containersColumn, imagesColumn, selectorColumn,
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate(ds) {
      startGeneration(ds, noStatus())
      markTemplate(ds, Math.max(1, Number(ds.metadata?.annotations?.[templateGeneration]) || 1))
    },
    prepareForUpdate(ds, old, context) {
      carryOver(ds, old, context)
      if (context.subresource === 'status') return
      const before = Number(old.metadata?.annotations?.[templateGeneration]) || 0
      markTemplate(ds, equalJson(ds.spec?.template, old.spec?.template) ? before : before + 1)
    },
    validate,
    validateUpdate: (ds, old, { subresource }) => (subresource === 'status'
      ? [...nonNegativeFields(ds.status, counts), ...notDecremented('status.collisionCount', ds.status?.collisionCount, old.status?.collisionCount)]
      : unchanged('spec.selector', ds.spec?.selector, old.spec?.selector)),
  },
})
