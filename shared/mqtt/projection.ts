/**
 * What of an object a node is sent, and which changes of it matter to a node. A node's own reports come back as changes of its pods and its
 * Node object: those are not sent down again, or each status would cross the link twice and be written to the node's flash.
 */
import { createHash } from 'node:crypto'
import type { Pod, PodStatus } from '../api/core-v1.ts'
import type { KubeObject } from '../api/object.ts'
import type { DesiredKindName } from './messages.ts'

/** The object as it is sent: without managedFields, which say who wrote what and are often half of it. */
export function projected(object: KubeObject): KubeObject {
  if (!object.metadata || object.metadata.managedFields === undefined) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** Pod conditions that the kubelet writes (`PodConditionByKubelet`, `pkg/kubelet/types/pod_status.go`). */
const byKubelet: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized', 'ContainersReady', 'PodReadyToStartContainers'])

/** That a pod has ended must reach the node's own store: it is not started again after a reboot. */
const ended = (phase: string | undefined): string => (phase === 'Succeeded' || phase === 'Failed' ? phase : '')

/** What others say in a pod's status: readiness gates, and that it ended. */
const foreign = (status: PodStatus | undefined): unknown => [
  ended(status?.phase), (status?.conditions ?? []).filter((c) => !byKubelet.has(c.type)).map((c) => [c.type, c.status]),
]

function relevant(kind: DesiredKindName, object: KubeObject): unknown {
  const { resourceVersion: _, managedFields: __, ...metadata } = object.metadata ?? {}
  if (kind === 'Node') return [metadata, (object as { spec?: unknown }).spec]
  if (kind === 'Pod') return [metadata, (object as Pod).spec, foreign((object as Pod).status)]
  return { ...object, metadata, apiVersion: '', kind: '' }
}

/** Equal for two versions of an object where nothing changed that matters to a node. 72 bits of SHA-256. */
export function digestOf(kind: DesiredKindName, object: KubeObject): string {
  return createHash('sha256').update(JSON.stringify(relevant(kind, object))).digest().subarray(0, 9).toString('base64url')
}
