import { describe, expect, it } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { decide } from '../cycle/plan.ts'
import { storedNode, storedPod } from '../harness.ts'
import { podView } from '../pod-view.ts'
import { createSnapshot } from '../snapshot.ts'
import { claimsOf, volumesOn, type Assumed, type VolumeWorld } from './plan.ts'

const stored = (name: string, namespace?: string) => ({ name, ...(namespace ? { namespace } : {}), uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
const onNode = (node: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] } })
const volume = (name: string, node: string, more: object = {}): Stored<PersistentVolume> =>
  ({ metadata: stored(name), spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'local', local: { path: '/x' }, nodeAffinity: onNode(node), ...more }, status: { phase: 'Available' } })
const claim = (name: string, more: object = {}, annotations: Record<string, string> = {}): Stored<PersistentVolumeClaim> =>
  ({ metadata: { ...stored(name, 'default'), annotations }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } }, ...more }, status: { phase: 'Pending' } })
const using = (...names: string[]): Stored<Pod> => storedPod('p', { volumes: names.map((n) => ({ name: n, persistentVolumeClaim: { claimName: n } })) })
const bound = (name: string, to: string) => claim(name, { volumeName: to }, { 'pv.kubernetes.io/bind-completed': 'yes' })

function world(objects: { claims?: Stored<PersistentVolumeClaim>[]; volumes?: Stored<PersistentVolume>[]; taken?: string[]; provisioner?: string; inUse?: string; assumed?: Assumed }): VolumeWorld {
  const { assumed, inUse, claims = [], volumes = [], taken = [], provisioner = 'kubernetes.io/no-provisioner' } = objects
  return {
    claim: (_, name) => claims.find((c) => c.metadata.name === name), volume: (name) => volumes.find((v) => v.metadata.name === name), volumes: () => volumes, taken: new Set(taken), assumed: (c) => (assumed === undefined ? undefined : c.metadata.name === 'x' ? assumed : undefined), isInUse: (c) => c.metadata.name === inUse,
    storageClass: (name) => (name === 'local' ? { provisioner, volumeBindingMode: 'WaitForFirstConsumer' } : name === 'now' ? { provisioner, volumeBindingMode: 'Immediate' } : undefined),
  }
}
function place(pod: Stored<Pod>, w: VolumeWorld): string {
  const snapshot = createSnapshot()
  for (const name of ['a', 'b']) snapshot.setNode(storedNode(name))
  const found = claimsOf(pod, w)
  const volumes = found.ok ? { ok: true as const, on: (n: Parameters<typeof volumesOn>[0]) => volumesOn(n, found.claims, w) } : found
  const decision = decide({ pod: podView(pod), nodes: snapshot.nodes(), volumes, seed: 0 })
  return decision.kind === 'bind' ? decision.node : decision.message
}
const nowhere = (reason: string) => `0/2 nodes are available: ${reason}. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.`

describe('a pod with claims', () => {
  it('goes where its bound volume is', () => {
    const w = world({ claims: [bound('data', 'pv')], volumes: [volume('pv', 'b')] })
    expect(place(using('data'), w)).toBe('b')
    expect(place(using('data'), world({ claims: [bound('data', 'pv')], volumes: [volume('pv', 'c')] }))).toBe(nowhere('2 node(s) had volume node affinity conflict'))
  })

  it('goes where a volume can be had for each of its claims, and takes the smallest that does', () => {
    const volumes = [volume('big', 'a', { capacity: { storage: '5Gi' } }), volume('a1', 'a'), volume('b1', 'b'), volume('b2', 'b')]
    const w = world({ claims: [claim('x'), claim('y')], volumes })
    expect(place(using('x'), world({ claims: [claim('x')], volumes: [volumes[2]!] }))).toBe('b')
    const found = claimsOf(using('x', 'y'), w)
    const answer = found.ok && volumesOn(storedNode('a'), found.claims, w)
    expect(answer && answer.ok && answer.binding.matches.map((m) => [m.claim.metadata.name, m.volume.metadata.name])).toEqual([['x', 'a1'], ['y', 'big']])
    expect(place(using('x', 'y'), world({ claims: [claim('x'), claim('y')], volumes: [volumes[1]!, volumes[2]!] }))).toBe(nowhere("2 node(s) didn't find available persistent volumes to bind"))
  })

  it('does not get what another pod was promised', () => {
    expect(place(using('x'), world({ claims: [claim('x')], volumes: [volume('pv', 'a')], taken: ['pv'] }))).toBe(nowhere("2 node(s) didn't find available persistent volumes to bind"))
  })

  it('goes anywhere where somebody makes volumes, or where one was asked for before', () => {
    const provisioner = 'bramble.dev/local-path'
    expect(['a', 'b']).toContain(place(using('x'), world({ claims: [claim('x')], provisioner })))
    expect(place(using('x'), world({ claims: [claim('x', {}, { 'volume.kubernetes.io/selected-node': 'b' })], provisioner }))).toBe('b')
  })

  it.each([
    ['missing', world({}), 'persistentvolumeclaim "x" not found'],
    ['unbound and of a class that does not wait', world({ claims: [claim('x', { storageClassName: 'now' })] }), 'pod has unbound immediate PersistentVolumeClaims'],
    ['half bound', world({ claims: [claim('x', { volumeName: 'pv' })] }), 'pod has unbound immediate PersistentVolumeClaims'],
    ['being deleted', world({ claims: [{ ...claim('x'), metadata: { ...claim('x').metadata, deletionTimestamp: 'now' } }] }), 'persistentvolumeclaim "x" is being deleted'],
    ['lost', world({ claims: [{ ...claim('x', { volumeName: 'pv' }), status: { phase: 'Lost' } }] }), 'persistentvolumeclaim "x" bound to non-existent persistentvolume "pv"'],
  ])('waits while one is %s', (_, w, message) => { expect(place(using('x'), w)).toBe(nowhere(message)) })

  it('goes with what was just decided for the claim by another pod, and waits for that', () => {
    const volumes = [volume('a1', 'a'), volume('b1', 'b')]
    expect(place(using('x'), world({ claims: [claim('x')], volumes, assumed: { node: 'b', volume: volumes[1] } }))).toBe('b')
    expect(place(using('x'), world({ claims: [claim('x')], provisioner: 'p', assumed: { node: 'b', volume: undefined } }))).toBe('b')
    const w = world({ claims: [claim('x'), claim('y')], volumes, assumed: { node: 'b', volume: volumes[1] } })
    const found = claimsOf(using('x'), w)
    expect(found.ok && volumesOn(storedNode('b'), found.claims, w)).toMatchObject({ ok: true, binding: { matches: [], provision: [], awaits: [{ metadata: { name: 'x' } }] } })
  })

  it('waits for a claim that is another pod\'s alone, and for no claim that is not', () => {
    const w = (mode: string) => world({ claims: [claim('x', { accessModes: [mode] })], provisioner: 'p', inUse: 'x' })
    expect(place(using('x'), w('ReadWriteOncePod'))).toBe('0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.')
    expect(['a', 'b']).toContain(place(using('x'), w('ReadWriteOnce')))
  })

  it('waits for the claim of an ephemeral volume, its own and no other\'s', () => {
    const pod = storedPod('p', { volumes: [{ name: 'v', ephemeral: {} }] })
    expect(place(pod, world({}))).toBe(nowhere('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"'))
    expect(place(pod, world({ claims: [claim('p-v')] }))).toBe(nowhere('PVC default/p-v was not created for pod default/p (pod is not owner)'))
  })
})
