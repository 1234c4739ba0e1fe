/** Cluster roles that are the sum of others (`pkg/controller/clusterroleaggregation`). Pure. */
import type { ClusterRole, PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'
import { selectsLabels } from '../../../../shared/values/label-selector.ts'

/** Aggregated roles that aggregate aggregated roles settle within as many rounds as the chain is long; a circle ends here too, since rules are only added once. */
const MAX_ROUNDS = 16

const byName = (a: ClusterRole, b: ClusterRole): number => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1)

/** The roles whose rules are not what they should be, with the right ones. */
export function planAggregation<T extends ClusterRole>(stored: readonly T[]): T[] {
  const roles = [...stored].sort(byName)
  const aggregated = roles.filter((r) => r.aggregationRule && !r.metadata?.deletionTimestamp)
  if (!aggregated.length) return []
  const rules = new Map(roles.map((r) => [r, r.rules ?? []]))
  for (let round = 0, settled = false; !settled && round < MAX_ROUNDS; round++) {
    settled = true
    for (const role of aggregated) {
      const sum = sumOf(role, roles, rules)
      if (equalJson(sum, rules.get(role))) continue
      rules.set(role, sum)
      settled = false
    }
  }
  return aggregated.filter((r) => !equalJson(rules.get(r), r.rules ?? [])).map((r) => ({ ...r, rules: rules.get(r) ?? [] }))
}

function sumOf(role: ClusterRole, roles: readonly ClusterRole[], rules: ReadonlyMap<ClusterRole, PolicyRule[]>): PolicyRule[] {
  const sum = new Map<string, PolicyRule>()
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    for (const other of roles) {
      if (other === role || !selectsLabels(selector, other.metadata?.labels)) continue
      for (const rule of rules.get(other) ?? []) {
        const key = JSON.stringify([rule.verbs, rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs])
        if (!sum.has(key)) sum.set(key, rule)
      }
    }
  }
  return [...sum.values()]
}
