/** The conditions of a namespace being deleted (upstream `pkg/controller/namespace/deletion/status_condition_utils.go`). Pure. */
import type { NamespaceCondition } from '../../../shared/api/core-v1.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'

export interface Remaining { readonly resource: string; readonly group: string; readonly count: number; readonly finalizers: readonly string[] }
export interface ConditionInput {
  readonly remaining: readonly Remaining[]
  readonly failure: string | undefined
  readonly previous: readonly NamespaceCondition[]
  readonly now: number
}

/** All five conditions, in upstream's order; `lastTransitionTime` moves only with the status. */
export function terminationConditions({ remaining, failure, previous, now }: ConditionInput): NamespaceCondition[] {
  const finalizers = new Map<string, number>()
  for (const r of remaining) for (const f of r.finalizers) finalizers.set(f, (finalizers.get(f) ?? 0) + 1)
  const left = remaining.filter((r) => r.count > 0).map((r) => `${r.resource}.${r.group} has ${r.count} resource instances`).sort()
  const held = [...finalizers].map(([f, n]) => `${f} in ${n} resource instances`).sort()
  const wanted: Omit<NamespaceCondition, 'lastTransitionTime'>[] = [
    { type: 'NamespaceDeletionDiscoveryFailure', status: 'False', reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    { type: 'NamespaceDeletionGroupVersionParsingFailure', status: 'False', reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    failure === undefined
      ? { type: 'NamespaceDeletionContentFailure', status: 'False', reason: 'ContentDeleted', message: 'All content successfully deleted, may be waiting on finalization' }
      : { type: 'NamespaceDeletionContentFailure', status: 'True', reason: 'ContentDeletionFailed', message: `Failed to delete all resource types, 1 remaining: ${failure}` },
    left.length === 0
      ? { type: 'NamespaceContentRemaining', status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' }
      : { type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${left.join(', ')}` },
    held.length === 0
      ? { type: 'NamespaceFinalizersRemaining', status: 'False', reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' }
      : { type: 'NamespaceFinalizersRemaining', status: 'True', reason: 'SomeFinalizersRemain', message: `Some content in the namespace has finalizers remaining: ${held.join(', ')}` },
  ]
  const types = new Set(wanted.map((c) => c.type))
  return [...previous.filter((c) => !types.has(c.type)), ...wanted.map((c): NamespaceCondition => {
    const before = previous.find((p) => p.type === c.type)
    return { ...c, lastTransitionTime: before?.status === c.status && before.lastTransitionTime ? before.lastTransitionTime : timestamp(now) }
  })]
}
