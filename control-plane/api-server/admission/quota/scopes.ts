/** Which objects a quota is about, by its scopes (`pkg/quota/v1/evaluator/core.podMatchesScopeFunc`). Only pods have scopes. Pure. */
import type { Pod, ResourceQuota, ScopedResourceSelectorRequirement } from '../../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { qosClassOf } from '../../resources/pod-qos.ts'
import type { Counted } from './usage.ts'

type Requirement = Pick<ScopedResourceSelectorRequirement, 'scopeName' | 'operator' | 'values'>

const requirementsOf = ({ spec }: ResourceQuota): Requirement[] =>
  [...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })), ...(spec?.scopeSelector?.matchExpressions ?? [])]

export function inScope(quota: ResourceQuota, kind: Counted, object: KubeObject): boolean {
  const requirements = requirementsOf(quota)
  if (!requirements.length) return true
  if (kind.group !== '' || kind.resource !== 'pods') return false
  return requirements.every((r) => podMeets(object as Pod, r))
}

function podMeets(pod: Pod, { scopeName, operator, values }: Requirement): boolean {
  const deadline = pod.spec?.activeDeadlineSeconds
  switch (scopeName) {
    case 'Terminating': return deadline !== undefined && deadline >= 0
    case 'NotTerminating': return deadline === undefined || deadline < 0
    case 'BestEffort': return pod.spec !== undefined && qosClassOf(pod.spec) === 'BestEffort'
    case 'NotBestEffort': return pod.spec !== undefined && qosClassOf(pod.spec) !== 'BestEffort'
    case 'PriorityClass': return meets(pod.spec?.priorityClassName, operator, values ?? [])
    case 'CrossNamespacePodAffinity': return crossesNamespaces(pod)
    default: return false
  }
}

function meets(value: string | undefined, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'Exists': return Boolean(value)
    case 'DoesNotExist': return !value
    case 'In': return values.includes(value ?? '')
    case 'NotIn': return !values.includes(value ?? '')
    default: return false
  }
}

function crossesNamespaces({ spec }: Pod): boolean {
  const terms = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((a) => [
    ...(a?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...(a?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((w) => w.podAffinityTerm),
  ])
  return terms.some((t) => Boolean(t.namespaces?.length) || t.namespaceSelector !== undefined)
}
