/** Conditions of a CustomResourceDefinition (`apiextensions-apiserver/pkg/apis/apiextensions/v1/helpers.go`). Pure. */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '../../../shared/api/apiextensions-v1.ts'

export type ConditionType = 'NamesAccepted' | 'Established' | 'Terminating' | 'KubernetesAPIApprovalPolicyConformant'
export type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime' | 'type'> & { readonly type: ConditionType }

export const conditionOf = (crd: CustomResourceDefinition, type: ConditionType): CustomResourceDefinitionCondition | undefined => crd.status?.conditions?.find((c) => c.type === type)
export const isTrue = (crd: CustomResourceDefinition, type: ConditionType): boolean => conditionOf(crd, type)?.status === 'True'

/** Replaces or appends in place; the time moves only with the status. `now` as RFC 3339. */
export function setCondition(crd: CustomResourceDefinition, wanted: Condition, now: string): void {
  const conditions = ((crd.status ??= {}).conditions ??= [])
  const at = conditions.findIndex((c) => c.type === wanted.type)
  const before = conditions[at]
  const next = { ...wanted, lastTransitionTime: before?.status === wanted.status && before.lastTransitionTime ? before.lastTransitionTime : now }
  if (at < 0) conditions.push(next)
  else conditions[at] = next
}

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'
