import type { KubeObject } from '../../../shared/api/object.ts'

/** The last finalizer of an object whose grace is over takes the object with it (upstream `ShouldDeleteDuringUpdate`). */
export function goneWith(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata ?? {}
  if (!deletionTimestamp || deletionGracePeriodSeconds || finalizers?.length) return false
  const held = object.kind === 'Namespace' ? (object as { spec?: { finalizers?: string[] } }).spec?.finalizers : undefined
  return !held?.length
}
