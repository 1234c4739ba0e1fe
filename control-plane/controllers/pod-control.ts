/** Creates and deletes pods for their controllers: in growing batches, with events, and with expectations kept. */
import type { Pod } from '../../shared/api/core-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import { isNotFound, isStatus, messageOf } from '../../shared/base/errors.ts'
import type { ControllerDeps } from './controller.ts'
import type { Expectations } from './expectations.ts'

export interface PodFailure { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string }
export type NewPod = Pod & { metadata: { namespace: string } }

interface Act { readonly deps: ControllerDeps; readonly ref: ResourceRef; readonly owner: Stored<KubeObject>; readonly key: string; readonly expectations: Expectations }

const isTerminating = (e: unknown): boolean => isStatus(e) && Boolean(e.details?.causes?.some((c) => c.reason === 'NamespaceTerminating'))

/** Creates in batches of 1, 2, 4 ...: where the first is refused (quota, admission) the others are not tried. Creations are expected already. */
export async function createPods({ deps: { client, recorder }, ref, owner, key, expectations }: Act, pods: readonly NewPod[]): Promise<PodFailure | undefined> {
  for (let done = 0, size = 1; done < pods.length; size *= 2) {
    const batch = pods.slice(done, done + size)
    const results = await Promise.allSettled(batch.map((pod) => client.create(refs.Pod, pod)))
    done += batch.length
    for (const r of results) if (r.status === 'fulfilled') recorder.event(ref, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${r.value.metadata.name}`)
    const failed = results.filter((r) => r.status === 'rejected')
    if (failed.length === 0) continue
    for (let i = 0; i < failed.length + pods.length - done; i++) expectations.creationObserved(key)
    const reason: unknown = failed[0]?.reason
    if (isTerminating(reason)) return undefined
    recorder.event(ref, owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(reason)}`)
    return { reason: 'FailedCreate', message: messageOf(reason) }
  }
  return undefined
}

/** Deletes all; one that is gone already counts as deleted. Deletions are expected already. */
export async function deletePods({ deps: { client, recorder }, ref, owner, key, expectations }: Act, victims: readonly Stored<Pod>[]): Promise<PodFailure | undefined> {
  let failure: PodFailure | undefined
  await Promise.all(victims.map(async (pod) => {
    try {
      await client.delete(refs.Pod, { namespace: pod.metadata.namespace, name: pod.metadata.name }, { preconditions: { uid: pod.metadata.uid } })
      recorder.event(ref, owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
    } catch (e) {
      expectations.deletionObserved(key, pod.metadata.uid)
      if (isNotFound(e)) return
      recorder.event(ref, owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(e)}`)
      failure ??= { reason: 'FailedDelete', message: messageOf(e) }
    }
  }))
  return failure
}
