import type { Condition } from '../../../shared/api/meta-v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus } from '../../../shared/api/policy-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, notSupported } from './findings.ts'
import { validateConditions, validateLabelSelector } from './object-meta.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'
import { isOver100Percent, nonNegativeFields, validateIntOrPercent } from './workload.ts'

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget']
const noStatus = (): PodDisruptionBudgetStatus => ({ currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 })

function validate({ spec: given }: PodDisruptionBudget): FieldError[] {
  const spec: PodDisruptionBudgetSpec = given ?? {}
  const found: FieldError[] = spec.minAvailable !== undefined && spec.maxUnavailable !== undefined ? [invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set')] : []
  for (const f of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[f]
    if (value === undefined) continue
    found.push(...validateIntOrPercent(value, `spec.${f}`))
    if (isOver100Percent(value)) found.push(invalidValue(`spec.${f}`, value, 'must not be greater than 100%'))
  }
  found.push(...validateLabelSelector(spec.selector, 'spec.selector'))
  const policy = spec.unhealthyPodEvictionPolicy
  if (policy !== undefined && !evictionPolicies.includes(policy)) found.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies))
  return found
}

const text = (value: number | string | undefined): string => (value === undefined ? 'N/A' : String(value))

export const podDisruptionBudgets = define<PodDisruptionBudget>({
  group: 'policy', version: 'v1', resource: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', namespaced: true, schema: 'policy-v1.PodDisruptionBudget', shortNames: ['pdb'], subresources: { status: true },
  // An eviction spends what the status allows: spent is spent, whatever happens next.
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Min Available', (b) => text(b.spec?.minAvailable), { description: 'The minimum number of pods that must be available.' }),
    column('Max Unavailable', (b) => text(b.spec?.maxUnavailable), { description: 'The maximum number of pods that may be unavailable.' }),
    column('Allowed Disruptions', (b) => b.status?.disruptionsAllowed ?? 0, { type: 'integer', description: 'Calculated number of pods that may be disrupted at this time.' }), ageColumn,
  ],
  strategy: {
    default(b) {
      b.spec ??= {}
      b.status = { ...noStatus(), ...b.status }
    },
    prepareForCreate: (b) => startGeneration(b, noStatus()), prepareForUpdate: carryOver, validate, allowUnconditionalUpdate: false,
    validateUpdate: (b, _old, { subresource }) => (subresource !== 'status' ? [] : [
      ...validateConditions(b.status?.conditions as readonly Condition[] | undefined, 'status.conditions'),
      ...nonNegativeFields(b.status, ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods']),
    ]),
  },
})
