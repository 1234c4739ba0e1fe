import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Node, Pod } from '../../../shared/api/core-v1.ts'
import { storedNode, storedPod } from '../harness.ts'
import { podView } from '../pod-view.ts'
import { podRequests } from '../resources.ts'
import { createSnapshot } from '../snapshot.ts'
import { decide } from './plan.ts'

function decideOver(nodes: Parameters<typeof storedNode>[], pod: Parameters<typeof storedPod>, present: [string, Parameters<typeof storedPod>][] = []) {
  const snapshot = createSnapshot()
  for (const n of nodes) snapshot.setNode(storedNode(...n))
  for (const [node, p] of present) snapshot.setPod(storedPod(p[0], { ...p[1], nodeName: node }, p[2]))
  return decide({ pod: podView(storedPod(...pod)), nodes: snapshot.nodes(), seed: 0 })
}
const tainted = (key: string, value: string, effect = 'NoSchedule'): Partial<Node> => ({ spec: { taints: [{ key, value, effect }] } })
const small: Partial<Node> = { status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } } }
const noVictims = (n: number): string => `preemption: 0/${n} nodes are available: ${n} No preemption victims found for incoming pod.`
const notHelpful = (n: number): string => `preemption: 0/${n} nodes are available: ${n} Preemption is not helpful for scheduling.`
const affinity = (operator: string, values: string[]): Partial<Pod['spec']> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator, values }] }] } } },
})

describe('filters, in the words of upstream', () => {
  it.each<[string, Parameters<typeof decideOver>, string]>([
    ['no nodes', [[], ['p']], 'no nodes available to schedule pods'],
    ['taint', [[['a', tainted('k', 'v')]], ['p']], `0/1 nodes are available: 1 node(s) had untolerated taint {k: v}. ${notHelpful(1)}`],
    ['taint and cpu', [[['a', tainted('k', 'v')], ['b', small], ['c', small]], ['p', {}, { cpu: '900m' }], [['b', ['x', {}, { cpu: '500m' }]], ['c', ['y', {}, { cpu: '500m' }]]]],
      '0/3 nodes are available: 1 node(s) had untolerated taint {k: v}, 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.'],
    ['cpu and memory', [[['a', small]], ['p', {}, { cpu: '900m', memory: '900Mi' }], [['a', ['x', {}, { cpu: '200m', memory: '200Mi' }]]]], `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. ${noVictims(1)}`],
    ['more than the node has', [[['a', small]], ['p', {}, { cpu: '2' }]], `0/1 nodes are available: 1 Insufficient cpu. ${notHelpful(1)}`],
    ['extended resource', [[['a']], ['p', {}, { 'example.com/gpu': '1' }]], `0/1 nodes are available: 1 Insufficient example.com/gpu. ${notHelpful(1)}`],
    ['pods', [[['a', { status: { allocatable: { cpu: '1', memory: '1Gi', pods: '1' } } }]], ['p'], [['a', ['x']]]], `0/1 nodes are available: 1 Too many pods. ${noVictims(1)}`],
    ['cordoned', [[['a', { spec: { unschedulable: true } }]], ['p']], `0/1 nodes are available: 1 node(s) were unschedulable. ${notHelpful(1)}`],
    ['nodeSelector', [[['a']], ['p', { nodeSelector: { disk: 'ssd' } }]], `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ${notHelpful(1)}`],
    ['affinity', [[['a']], ['p', affinity('In', ['ssd'])]], `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ${notHelpful(1)}`],
    ['host port', [[['a']], ['p', { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 1, hostPort: 80 }] }] }], [['a', ['x', { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 2, hostPort: 80, hostIP: '10.0.0.1' }] }] }]]]],
      `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ${noVictims(1)}`],
  ])('%s', (_, args, message) => { expect(decideOver(...args)).toEqual({ kind: 'rejected', message }) })

  it.each<[string, Parameters<typeof decideOver>]>([
    ['toleration', [[['a', tainted('k', 'v')]], ['p', { tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }] }]]],
    ['toleration of everything', [[['a', tainted('k', 'v', 'NoExecute')]], ['p', { tolerations: [{ operator: 'Exists' }] }]]],
    ['cordoned but tolerated', [[['a', { spec: { unschedulable: true } }]], ['p', { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }] }]]],
    ['NotIn on an absent label', [[['a']], ['p', affinity('NotIn', ['ssd'])]]],
    ['the same port of another protocol', [[['a']], ['p', { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 1, hostPort: 80, protocol: 'UDP' }] }] }], [['a', ['x', { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 2, hostPort: 80 }] }] }]]]]],
    ['exactly full', [[['a', small]], ['p', {}, { cpu: '500m' }], [['a', ['x', {}, { cpu: '500m' }]]]]],
  ])('%s fits', (_, args) => { expect(decideOver(...args)).toMatchObject({ kind: 'bind', node: 'a' }) })

  it('refuses by name what it does not do', () => {
    const term = [{ topologyKey: 'kubernetes.io/hostname', labelSelector: {} }]
    expect(decideOver([['a']], ['p', { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term } } }])).toMatchObject({ kind: 'refused', message: expect.stringContaining('podAntiAffinity') })
    expect(decideOver([['a']], ['p', { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'DoNotSchedule' }] }])).toMatchObject({ kind: 'refused' })
  })
})

describe('scores', () => {
  it('prefers the emptier node, the preferred label, and no PreferNoSchedule taint', () => {
    expect(decideOver([['a'], ['b']], ['p', {}, { cpu: '1', memory: '2Gi' }], [['a', ['x', {}, { cpu: '2', memory: '4Gi' }]]])).toMatchObject({ node: 'b' })
    expect(decideOver([['a', tainted('k', 'v', 'PreferNoSchedule')], ['b']], ['p'])).toMatchObject({ node: 'b' })
    const preferred: Partial<Pod['spec']> = { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } }] } } }
    expect(decideOver([['a'], ['b', { metadata: { labels: { disk: 'ssd' } } }]], ['p', preferred])).toMatchObject({ node: 'b' })
  })
})

describe('requests of a pod', () => {
  it('counts init containers by the largest, sidecars with everything, overhead on top', () => {
    const container = (cpu: string, restartPolicy?: string) => ({ name: 'c', image: 'i', resources: { requests: { cpu } }, ...(restartPolicy ? { restartPolicy } : {}) })
    expect(podRequests({ spec: { containers: [container('100m'), container('200m')], initContainers: [container('1')] } })).toEqual({ cpu: 1000 })
    expect(podRequests({ spec: { containers: [container('300m')], initContainers: [container('500m', 'Always'), container('1')], overhead: { cpu: '10m' } } })).toEqual({ cpu: 1510 })
    expect(podRequests({ spec: { containers: [container('3')], initContainers: [container('500m', 'Always'), container('1')] } })).toEqual({ cpu: 3500 })
  })
})

describe('properties', () => {
  it('never overfills a node, never uses one that is tainted or cordoned, and rejects only where nothing fits', () => {
    const nodes = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 8 }), pods: fc.integer({ min: 1, max: 6 }), taint: fc.boolean(), cordoned: fc.boolean() }), { minLength: 1, maxLength: 6 })
    const pods = fc.array(fc.record({ cpu: fc.integer({ min: 0, max: 40 }), tolerant: fc.boolean() }), { maxLength: 40 })
    fc.assert(fc.property(nodes, pods, fc.double({ min: 0, max: 0.999, noNaN: true }), (ns, ps, seed) => {
      const snapshot = createSnapshot()
      const free = ns.map((n) => ({ cpu: n.cpu * 10, pods: n.pods }))
      ns.forEach((n, i) => {
        const spec = { ...(n.taint ? { taints: [{ key: 'k', effect: 'NoSchedule' }] } : {}), unschedulable: n.cordoned }
        snapshot.setNode(storedNode(String(i), { spec, status: { allocatable: { cpu: String(n.cpu), memory: '1Gi', pods: String(n.pods) } } }))
      })
      ps.forEach((p, i) => {
        const view = podView(storedPod(String(i), p.tolerant ? { tolerations: [{ key: 'k', operator: 'Exists' }] } : {}, { cpu: `${p.cpu * 100}m` }))
        const fits = (j: number): boolean => (free[j]?.cpu ?? 0) >= p.cpu && (free[j]?.pods ?? 0) >= 1 && !ns[j]?.cordoned && (p.tolerant || !ns[j]?.taint)
        const decision = decide({ pod: view, nodes: snapshot.nodes(), seed })
        if (decision.kind !== 'bind') { expect(ns.some((_, j) => fits(j))).toBe(false); return }
        const j = Number(decision.node)
        expect(fits(j)).toBe(true)
        free[j] = { cpu: (free[j]?.cpu ?? 0) - p.cpu, pods: (free[j]?.pods ?? 0) - 1 }
        snapshot.assume(view, decision.node)
      })
    }), { numRuns: 200 })
  })
})
