/** What becomes of an object when its owners go (upstream `pkg/controller/garbagecollector`). Pure. */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** `waiting`: the owner is being deleted in the foreground and waits for its dependents. */
export type OwnerState = 'solid' | 'dangling' | 'waiting'

export const ownerState = (owner: Stored<KubeObject> | undefined, uid: string): OwnerState => {
  if (owner?.metadata.uid !== uid) return 'dangling'
  return owner.metadata.deletionTimestamp && owner.metadata.finalizers?.includes(foregroundFinalizer) ? 'waiting' : 'solid'
}

export type Plan =
  | { readonly do: 'nothing' }
  /** Some owners stay: the references to the others are taken away. */
  | { readonly do: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly do: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' }

export interface PlanInput {
  readonly object: Stored<KubeObject>
  /** By uid of the owner reference. */
  readonly owners: ReadonlyMap<string, OwnerState>
  readonly hasDependents: boolean
}

export function planObject({ object, owners, hasDependents }: PlanInput): Plan {
  if (object.metadata.deletionTimestamp || owners.size === 0) return { do: 'nothing' }
  const going = [...owners].filter(([, state]) => state !== 'solid')
  if (going.length === 0) return { do: 'nothing' }
  if (going.length < owners.size) return { do: 'dropOwners', uids: going.map(([uid]) => uid) }
  // The owner waits: this one waits for its own dependents in turn.
  if (hasDependents && going.some(([, state]) => state === 'waiting')) return { do: 'delete', policy: 'Foreground' }
  const finalizers = object.metadata.finalizers ?? []
  return { do: 'delete', policy: finalizers.includes(orphanFinalizer) ? 'Orphan' : finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background' }
}

/** Dependents that hold up the foreground deletion of `owner`. */
export const blocking = (owner: Stored<KubeObject>, dependents: readonly Stored<KubeObject>[]): Stored<KubeObject>[] =>
  dependents.filter((d) => d.metadata.ownerReferences?.some((o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion))
