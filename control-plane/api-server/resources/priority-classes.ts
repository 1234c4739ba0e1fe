import type { PriorityClass } from '../../../shared/api/scheduling-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, notSupported } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { firstGeneration } from './spec-and-status.ts'

/** Upstream's `HighestUserDefinablePriority`. */
const highestOfUsers = 1_000_000_000
const policies = ['Never', 'PreemptLowerPriority']

/** The classes of the system's own pods; every cluster has them, with these values. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-node-critical' }, value: 2_000_001_000, description: 'Used for system critical pods that must not be moved from their current node.', preemptionPolicy: 'PreemptLowerPriority',
  },
  {
    metadata: { name: 'system-cluster-critical' }, value: 2_000_000_000, preemptionPolicy: 'PreemptLowerPriority',
    description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

function validateSystem(c: PriorityClass): FieldError[] {
  const known = systemPriorityClasses.find((s) => s.metadata?.name === c.metadata?.name)
  const why = !known ? `${c.metadata?.name} is not a known system priority class` : known.value !== c.value ? `value of ${c.metadata?.name} PriorityClass must be ${known.value}`
    : c.globalDefault ? `globalDefault of ${c.metadata?.name} PriorityClass must be false` : undefined
  return why === undefined ? [] : [forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`)]
}

function validate(c: PriorityClass): FieldError[] {
  const found = c.metadata?.name?.startsWith('system-') ? validateSystem(c)
    : c.value > highestOfUsers ? [forbidden('value', `maximum allowed value of a user defined priority is ${highestOfUsers}`)] : []
  return c.preemptionPolicy !== undefined && !policies.includes(c.preemptionPolicy) ? [...found, notSupported('preemptionPolicy', c.preemptionPolicy, policies)] : found
}

export const priorityClasses = define<PriorityClass>({
  group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses', kind: 'PriorityClass', namespaced: false, schema: 'scheduling-v1.PriorityClass', shortNames: ['pc'],
  columns: [
    nameColumn, column('Value', (c) => c.value ?? 0, { type: 'integer', description: 'value represents the integer value of this priority class.' }),
    column('Global-Default', (c) => c.globalDefault ?? false, { type: 'boolean', description: 'globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class.' }), ageColumn,
    column('PreemptionPolicy', (c) => c.preemptionPolicy ?? 'PreemptLowerPriority', { description: 'preemptionPolicy is the Policy for preempting pods with lower priority.' }),
  ],
  strategy: {
    default(c) {
      c.value ??= 0
      c.preemptionPolicy ??= 'PreemptLowerPriority'
    },
    prepareForCreate: firstGeneration, validate,
    validateUpdate: (c, old) => [...(c.value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]), ...unchanged('preemptionPolicy', c.preemptionPolicy, old.preemptionPolicy)],
  },
})
