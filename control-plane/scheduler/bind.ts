/** What a decision does to the world: bind the pod, or say on it why it waits. */
import type { Binding, Pod, PodCondition } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { podCondition } from '../../shared/api/pod-phase.ts'
import { refs } from '../../shared/api/refs.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import { timestamp } from '../../shared/values/timestamp.ts'

const keyFor = (pod: Stored<Pod>) => ({ namespace: pod.metadata.namespace, name: pod.metadata.name })

/** Binds; rejects with Conflict where the pod is bound already, NotFound where it is gone. The uid keeps it from binding a successor of the same name. */
export async function bind(client: Pick<ApiClient, 'post'>, pod: Stored<Pod>, node: string): Promise<void> {
  const body: Binding = {
    apiVersion: 'v1', kind: 'Binding', metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace ?? '', uid: pod.metadata.uid },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  }
  await client.post(refs.Pod, keyFor(pod), 'binding', body)
}

/** Writes PodScheduled=False where it does not say so already. Returns whether it wrote. */
export async function explain(client: Pick<ApiClient, 'patch'>, pod: Stored<Pod>, reason: string, message: string, now: number): Promise<boolean> {
  const before = podCondition(pod, 'PodScheduled')
  if (before?.status === 'False' && before.reason === reason && before.message === message) return false
  const condition: PodCondition = {
    type: 'PodScheduled', status: 'False', reason, message,
    lastTransitionTime: before?.status === 'False' && before.lastTransitionTime ? before.lastTransitionTime : timestamp(now),
  }
  await client.patch(refs.Pod, keyFor(pod), 'application/strategic-merge-patch+json', { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } }, { subresource: 'status' })
  return true
}
