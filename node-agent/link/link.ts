/**
 * What the rest of the agent sees of the link to the control plane: the desired state (kept on disk, there with or without a
 * connection) and a way to say what became of it. Kubelet, proxy and DNS depend on these interfaces, not on MQTT.
 */
import type { NodeStatus, PodStatus } from '../../shared/api/core-v1.ts'
import type { KubeObject, Stored } from '../../shared/api/object.ts'
import type { Millis } from '../../shared/base/brands.ts'

/** Kinds a node is sent: its own Node, its pods and what they reference, and the routing table. */
export type DesiredKind = 'Node' | 'Pod' | 'ConfigMap' | 'Secret' | 'ServiceAccount' | 'Service' | 'EndpointSlice' | 'Namespace' | 'PersistentVolumeClaim' | 'PersistentVolume' | 'RuntimeClass'

export interface DesiredChange { readonly kind: DesiredKind; readonly namespace: string; readonly name: string }

/**
 * The last state durably received. Complete for its revision: never half of a delta. Objects are frozen and shared.
 * `get` and `list` answer from memory.
 */
export interface DesiredState {
  get<T extends KubeObject>(kind: DesiredKind, namespace: string, name: string): Stored<T> | undefined
  list<T extends KubeObject>(kind: DesiredKind): readonly Stored<T>[]
  /** Called after a delta or snapshot was committed, with every key that changed or went away. Look the object up; the event carries none. */
  onChange(listener: (changes: readonly DesiredChange[]) => void): Disposable
  /** False until a first snapshot was ever received: an empty state then means "unknown", and nothing may be stopped because of it. */
  readonly known: boolean
}

export interface PodRef { readonly namespace: string; readonly name: string; readonly uid: string }

/** What the node says. Never waits, never throws; coalesced per object (the newest wins), sent when connected, bounded while not. */
export interface StatusSink {
  podStatus(pod: PodRef, status: PodStatus): void
  /** All containers of a pod with a deletionTimestamp have ended and its resources are released: the control plane may remove the object. */
  podGone(pod: PodRef): void
  /** Nothing is left of a pod that the control plane has forgotten already (deleted without grace): nothing more is to be said of it. */
  podForgotten(pod: PodRef): void
  nodeStatus(status: NodeStatus, labels: Readonly<Record<string, string>>): void
  /** An Event about one of our objects; repeats are counted by the sink (upstream's correlator: same involved object, reason and message). */
  event(event: EventReport): void
}

export interface EventReport {
  readonly regarding: { readonly kind: string; readonly namespace?: string; readonly name: string; readonly uid: string; readonly fieldPath?: string }
  readonly type: 'Normal' | 'Warning'
  /** `Pulled`, `BackOff`, `Unhealthy`: upstream's reasons (`pkg/kubelet/events`). */
  readonly reason: string
  readonly message: string
  /** Wall clock. */
  readonly at: Millis
}

/** Bound service-account tokens from the API server (TokenRequest), kept on disk for a start without it. */
export interface TokenSource {
  /** A token from disk or the API server. Rejects where neither has one. */
  token(request: { pod: PodRef; serviceAccount: string; audience: string | undefined; expirationSeconds: number }): Promise<IssuedToken>
}

/** Wall clock. `renewAt`: ask again then; to come, also where the last try to renew it failed. */
export interface IssuedToken { readonly token: string; readonly expires: Millis; readonly renewAt: Millis }

