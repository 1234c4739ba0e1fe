/** Worlds for scheduler tests and measurements. */
import type { Node, Pod } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'

export const storedNode = (name: string, more: Partial<Node> = {}): Stored<Node> => ({
  ...more,
  metadata: { uid: `node-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels: { 'kubernetes.io/hostname': name }, ...more.metadata, name },
  status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' }, ...more.status },
})

export const storedPod = (name: string, spec: Partial<Pod['spec']> = {}, requests: Record<string, string> = {}): Stored<Pod> => ({
  metadata: { namespace: 'default', name, uid: `pod-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'c', image: 'i', ...(Object.keys(requests).length > 0 ? { resources: { requests } } : {}) }], ...spec },
  status: { phase: 'Pending' },
})
