/**
 * Default roles and bindings as they should be, given what is there (`k8s.io/component-helpers/auth/rbac/reconciliation`): what somebody added
 * stays, what is missing comes back, and what is marked as not to be updated is left alone. Pure.
 */
import type { AggregationRule, PolicyRule, RoleRef, Subject } from '../../../../shared/api/rbac-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'
import { uncovered } from '../rbac/escalation-rules.ts'

export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'

export type Role = KubeObject & { rules?: PolicyRule[]; aggregationRule?: AggregationRule }
export type Binding = KubeObject & { roleRef: RoleRef; subjects?: Subject[] }

export type Plan<T> = { readonly do: 'nothing' } | { readonly do: 'create' | 'update' | 'replace'; readonly object: T }

const isProtected = (object: KubeObject): boolean => object.metadata?.annotations?.[AUTOUPDATE] === 'false'

/** The stored metadata with the labels and annotations it lacks; what is set otherwise stays. Undefined where nothing lacks. */
function completed(expected: KubeObject, existing: KubeObject): KubeObject['metadata'] | undefined {
  const labels = { ...expected.metadata?.labels, ...existing.metadata?.labels }
  const annotations = { ...expected.metadata?.annotations, ...existing.metadata?.annotations }
  const same = equalJson(labels, existing.metadata?.labels ?? {}) && equalJson(annotations, existing.metadata?.annotations ?? {})
  return same ? undefined : { ...existing.metadata, labels, annotations }
}

export function planRole<T extends Role>(expected: T, existing: T | undefined): Plan<T> {
  if (!existing) return { do: 'create', object: expected }
  if (isProtected(existing)) return { do: 'nothing' }
  const metadata = completed(expected, existing)
  const held = existing.rules ?? []
  // The rules of an aggregated role are its controller's.
  const missing = expected.aggregationRule ? [] : (expected.rules ?? []).filter((rule) => uncovered(held, [rule]).length > 0)
  const had = existing.aggregationRule?.clusterRoleSelectors ?? []
  const selectors = (expected.aggregationRule?.clusterRoleSelectors ?? []).filter((s) => !had.some((h) => equalJson(h, s)))
  if (!metadata && !missing.length && !selectors.length) return { do: 'nothing' }
  return {
    do: 'update',
    object: {
      ...existing, ...(metadata ? { metadata } : {}), rules: [...held, ...missing],
      ...(selectors.length ? { aggregationRule: { clusterRoleSelectors: [...had, ...selectors] } } : {}),
    },
  }
}

export function planBinding<T extends Binding>(expected: T, existing: T | undefined): Plan<T> {
  if (!existing) return { do: 'create', object: expected }
  if (isProtected(existing)) return { do: 'nothing' }
  // A roleRef cannot be changed: the binding is made anew.
  if (!equalJson(expected.roleRef, existing.roleRef)) return { do: 'replace', object: expected }
  const metadata = completed(expected, existing)
  const had = existing.subjects ?? []
  const missing = (expected.subjects ?? []).filter((s) => !had.some((h) => h.kind === s.kind && h.name === s.name && (h.namespace ?? '') === (s.namespace ?? '')))
  if (!metadata && !missing.length) return { do: 'nothing' }
  return { do: 'update', object: { ...existing, ...(metadata ? { metadata } : {}), ...(had.length + missing.length ? { subjects: [...had, ...missing] } : {}) } }
}
