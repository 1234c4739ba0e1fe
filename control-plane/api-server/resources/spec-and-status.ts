/** The split of spec and status that most kinds share, and `metadata.generation`. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { StrategyContext } from './definition.ts'

type Split = KubeObject & { spec?: unknown; status?: unknown }

/** On create: status is not the creator's to set; generation starts at 1. */
export function startGeneration(object: KubeObject, status: unknown = {}): void {
  ;(object as Split).status = status
  if (object.metadata) object.metadata.generation = 1
}

/** On a spec write the status stays, and a change of the spec bumps the generation; on a status write all but the status stays. */
export function carryOver(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  carryOverParts(object, old, context)
  if (context.subresource === 'status' || !object.metadata) return
  const generation = old.metadata?.generation ?? 0
  const deleting = !old.metadata?.deletionTimestamp && object.metadata.deletionTimestamp
  object.metadata.generation = deleting || !equalJson((object as Split).spec, (old as Split).spec) ? generation + 1 : generation
}

/** The same for kinds without generations. */
export function carryOverParts(object: KubeObject, old: KubeObject, { subresource }: StrategyContext): void {
  const [next, last] = [object as Split, old as Split]
  if (subresource === 'status') {
    next.spec = last.spec
    if (last.spec === undefined) delete next.spec
    if (next.metadata && last.metadata) {
      const { labels, ownerReferences, generation } = last.metadata
      setOrDelete(next.metadata, 'labels', labels)
      setOrDelete(next.metadata, 'ownerReferences', ownerReferences)
      setOrDelete(next.metadata, 'generation', generation)
    }
    return
  }
  if (last.status === undefined) delete next.status
  else next.status = last.status
}

function setOrDelete<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key]
  else target[key] = value
}

/** For kinds with generations but without a status. */
export function firstGeneration(object: KubeObject): void {
  if (object.metadata) object.metadata.generation = 1
}
export function countSpecChanges(object: KubeObject, old: KubeObject): void {
  if (!object.metadata) return
  const generation = old.metadata?.generation ?? 0
  object.metadata.generation = equalJson((object as Split).spec, (old as Split).spec) ? generation : generation + 1
}
