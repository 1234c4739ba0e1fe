import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../../../shared/api/core-v1.ts'
import { limits } from '../../../shared/mqtt/codec.ts'
import { decodeDown } from '../../../shared/mqtt/messages.ts'
import { missingLabels, ownLabels, reported, silent } from './node-status/rules.ts'
import { acknowledged, difference, nextStep } from './outbox/plan.ts'
import { ChangeTable } from './outbox/table.ts'
import { partsOf, serialize } from './outbox/transfer.ts'
import { merge } from './pod-status/rules.ts'
import { referencesOf, ScopeIndex } from './scope.ts'
import { VolumeScope } from './volume-scope.ts'

describe('scope', () => {
  test('finds every kind of reference, each once', () => {
    const pod: Pod = {
      metadata: { namespace: 'ns', name: 'p' },
      spec: {
        serviceAccountName: 'sa', imagePullSecrets: [{ name: 'pull' }],
        initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'env-secret' } }] }],
        containers: [{ name: 'c', envFrom: [{ configMapRef: { name: 'env-cm' } }], env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'key-cm', key: 'k' } } }, { name: 'B', valueFrom: { secretKeyRef: { name: 'key-secret', key: 'k' } } }] }],
        ephemeralContainers: [{ name: 'e', envFrom: [{ configMapRef: { name: 'debug-cm' } }] }],
        volumes: [{ name: 'a', configMap: { name: 'env-cm' } }, { name: 'b', secret: { secretName: 'vol-secret' } }, { name: 'd', persistentVolumeClaim: { claimName: 'data' } }, { name: 'scratch', ephemeral: {} }, { name: 'c', projected: { sources: [{ configMap: { name: 'proj-cm' } }, { secret: { name: 'proj-secret' } }] } }],
      },
    }
    expect(referencesOf(pod).map((r) => r.join('/')).sort()).toEqual([
      'ConfigMap/ns/debug-cm', 'ConfigMap/ns/env-cm', 'ConfigMap/ns/key-cm', 'ConfigMap/ns/proj-cm', 'PersistentVolumeClaim/ns/data', 'PersistentVolumeClaim/ns/p-scratch', 'Secret/ns/env-secret', 'Secret/ns/key-secret', 'Secret/ns/proj-secret', 'Secret/ns/pull',
      'Secret/ns/vol-secret', 'ServiceAccount/ns/sa',
    ])
  })

  test('an object is in scope as long as one pod there refers to it', () => {
    const index = new ScopeIndex()
    const cm = ['ConfigMap', 'ns', 'cm'] as const
    expect(index.set('p1', 'n1', [cm]).entered).toEqual([{ node: 'n1', id: cm }])
    expect(index.set('p2', 'n1', [cm]).entered).toEqual([])
    expect(index.set('p3', 'n2', [cm]).entered).toEqual([{ node: 'n2', id: cm }])
    expect(index.nodesOf(cm)).toEqual(['n1', 'n2'])
    // The same pod again: nothing enters or leaves.
    expect(index.set('p1', 'n1', [cm])).toMatchObject({ entered: [], left: [] })
    expect(index.set('p1', undefined, [])).toMatchObject({ left: [], was: 'n1' })
    expect(index.set('p2', 'n1', [])).toMatchObject({ left: [{ node: 'n1', id: cm }] })
    expect(index.nodesOf(cm)).toEqual(['n2'])
    expect(index.set('p3', undefined, []).left).toEqual([{ node: 'n2', id: cm }])
    expect(index.nodesOf(cm)).toEqual([])
  })
})

describe('volumes', () => {
  const world = () => {
    const objects = new Map<string, unknown>()
    const nodes = new Map<string, string[]>()
    const sent: string[] = []
    const scope = new VolumeScope({
      claims: { get: (_, name) => objects.get(`claim/${name}`) as never, on: () => ({ [Symbol.dispose]: () => undefined }) },
      volumes: { get: (_, name) => objects.get(`volume/${name}`) as never, on: (h) => { handlers = h as typeof handlers; return { [Symbol.dispose]: () => undefined } } },
      nodesOf: (claim) => nodes.get(claim[2]) ?? [],
      put: (node, v) => { sent.push(`+${node}/${v.metadata.name}`) }, remove: (node, name) => { sent.push(`-${node}/${name}`) },
    })
    let handlers: { add(v: unknown): void; delete(v: unknown): void } = { add: () => undefined, delete: () => undefined }
    scope.follow()
    const take = () => sent.splice(0)
    return { objects, nodes, take, scope, seen: (v: { metadata: { name: string } }) => { objects.set(`volume/${v.metadata.name}`, v); handlers.add(v) }, gone: (v: unknown) => handlers.delete(v) }
  }
  const volume = { metadata: { name: 'pv' }, spec: { claimRef: { namespace: 'ns', name: 'data' } } }
  const moved = ['PersistentVolumeClaim', 'ns', 'data'] as const

  test('go where a pod has the claim they are bound to, and nowhere for a claim that only says so', () => {
    const w = world()
    w.nodes.set('data', ['n1'])
    w.nodes.set('thief', ['n2'])
    w.objects.set('claim/thief', { spec: { volumeName: 'pv' } })
    w.seen(volume)
    expect(w.take()).toEqual(['+n1/pv'])
    w.scope.claimMoved(['PersistentVolumeClaim', 'ns', 'thief'])
    expect(w.take()).toEqual(['+n1/pv'])
    w.nodes.set('data', ['n2'])
    w.objects.set('claim/data', { spec: { volumeName: 'pv' } })
    w.scope.claimMoved(moved)
    expect(w.take()).toEqual(['+n2/pv', '-n1/pv'])
    w.gone(volume)
    expect(w.take()).toEqual(['-n2/pv'])
  })

  test('leave a node with the last pod, also when the claim went before', () => {
    const w = world()
    w.nodes.set('data', ['n1'])
    w.seen(volume)
    w.nodes.delete('data')
    w.scope.claimMoved(moved)
    expect(w.take()).toEqual(['+n1/pv', '-n1/pv'])
  })
})

describe('change table', () => {
  const id = (n: number) => ['Service', 'ns', `s${n}`] as const
  test('gives the newest state of each thing changed, removals too, and nothing twice', () => {
    const t = new ChangeTable()
    t.put(id(1), {}, 'a', 1)
    t.put(id(2), {}, 'a', 2)
    expect(t.put(id(1), {}, 'a', 3)).toBe(false)
    t.put(id(1), {}, 'b', 3)
    t.remove(id(2), 4)
    expect(t.remove(id(9), 5)).toBe(false)
    expect(t.since(0)?.map((i) => [i.id[2], i.revision, i.object !== undefined])).toEqual([['s1', 3, true], ['s2', 4, false]])
    expect(t.since(3)?.map((i) => i.id[2])).toEqual(['s2'])
    expect(t.since(4)).toEqual([])
    t.put(id(2), {}, 'a', 5)
    expect(t.since(2)?.map((i) => [i.id[2], i.object !== undefined])).toEqual([['s1', true], ['s2', true]])
  })

  test('forgets old history, says so, and a replay from any known revision gives the present', () => {
    const t = new ChangeTable()
    const states: Map<string, string>[] = [new Map()]
    const now = new Map<string, string>()
    let seed = 7
    const random = (n: number): number => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return Math.floor(seed / 7) % n }
    for (let r = 1; r <= 3000; r++) {
      const key = random(40)
      if (random(4) === 0 && now.has(`s${key}`)) { t.remove(id(key), r); now.delete(`s${key}`) } else { t.put(id(key), {}, `d${r}`, r); now.set(`s${key}`, `d${r}`) }
      states.push(new Map(now))
    }
    expect(t.compacted).toBeGreaterThan(0)
    expect(t.since(t.compacted - 1)).toBeUndefined()
    for (let from = t.compacted; from <= 3000; from += 37) {
      const replay = new Map(states[from])
      for (const item of t.since(from) ?? []) if (item.object) replay.set(item.id[2], item.digest); else replay.delete(item.id[2])
      expect(Object.fromEntries(replay)).toEqual(Object.fromEntries(now))
    }
  })
})

describe('outbox', () => {
  const history = { incarnation: 'i', revision: 10, compacted: 4 }
  const at = (revision: number, incarnation = 'i') => ({ incarnation, revision })
  test.each([
    ['a fresh node', { at: 'greeted', position: null }, { do: 'snapshot' }],
    ['one that is behind', { at: 'greeted', position: at(7) }, { do: 'delta', from: at(7) }],
    ['one that is up to date is answered once', { at: 'greeted', position: at(10) }, { do: 'delta', from: at(10) }],
    ['and then left alone', { at: 'settled', position: at(10) }, { do: 'wait' }],
    ['a change', { at: 'settled', position: at(9) }, { do: 'delta', from: at(9) }],
    ['compacted', { at: 'greeted', position: at(3) }, { do: 'ask' }],
    ['exactly what is kept', { at: 'greeted', position: at(4) }, { do: 'delta', from: at(4) }],
    ['another incarnation', { at: 'greeted', position: at(7, 'j') }, { do: 'ask' }],
    ['the future', { at: 'greeted', position: at(11) }, { do: 'ask' }],
    ['under way', { at: 'sending', to: at(10) }, { do: 'wait' }],
    ['asked', { at: 'asked' }, { do: 'wait' }],
  ] as const)('%s', (_name, outbox, step) => { expect(nextStep(outbox, history)).toEqual(step) })

  test('acknowledgements', () => {
    expect(acknowledged({ at: 'sending', to: at(10) }, at(10))).toEqual({ at: 'settled', position: at(10) })
    expect(acknowledged({ at: 'sending', to: at(10) }, at(9))).toBe('stale')
    expect(acknowledged({ at: 'settled', position: at(10) }, at(10))).toBe('ignored')
    expect(acknowledged({ at: 'asked' }, at(10))).toBe('ignored')
  })

  test('difference', () => {
    const wanted = new Map([['a', { digest: '1' }], ['b', { digest: '2' }], ['c', { digest: '3' }]])
    expect(difference(new Map([['a', '1'], ['b', 'x'], ['d', '9']]), wanted)).toEqual({ put: [{ digest: '2' }, { digest: '3' }], del: ['d'] })
  })

  test('a transfer is cut into parts of bounded size that together are the whole', () => {
    const put = Array.from({ length: 300 }, (_, i) => ({ id: ['ConfigMap', 'ns', `c${i}`] as const, object: { metadata: { name: `c${i}`, managedFields: [{ manager: 'x' }] }, data: { v: 'x'.repeat(1000) } } }))
    const parts = [...partsOf({ session: 's', from: null, to: at(1), put, del: [['Pod', 'ns', 'p']] }, serialize)]
    expect(parts.length).toBeGreaterThan(3)
    expect(Math.max(...parts.map((p) => p.length))).toBeLessThan(limits.part + 2000)
    const messages = parts.map((p) => decodeDown(JSON.parse(p)))
    expect(messages.map((m) => m.type === 'state' && [m.part, m.last])).toEqual(parts.map((_, i) => [i, i === parts.length - 1]))
    expect(messages.flatMap((m) => (m.type === 'state' ? m.put.map(([, o]) => o.metadata?.name) : []))).toEqual(put.map((p) => p.object.metadata.name))
    expect(parts.join('')).not.toContain('managedFields')
  })
})

describe('pod status', () => {
  const pod: Pod = {
    metadata: { uid: 'u', name: 'p' }, spec: { nodeName: 'n1', containers: [] },
    status: { phase: 'Running', qosClass: 'Burstable', podIP: '10.0.0.1', conditions: [{ type: 'PodScheduled', status: 'True' }, { type: 'example.com/gate', status: 'True' }, { type: 'Ready', status: 'True' }, { type: 'Initialized', status: 'True' }] },
  }
  const report = (status: object, over: object = {}) => merge(pod, { uid: 'u', node: 'n1', status, ...over })
  test('replaces what the node owns, keeps what others wrote', () => {
    const merged = report({ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] })
    expect(merged).toEqual({ do: 'write', status: { phase: 'Running', qosClass: 'Burstable', conditions: [{ type: 'PodScheduled', status: 'True' }, { type: 'example.com/gate', status: 'True' }, { type: 'Ready', status: 'False' }] } })
  })
  test('keeps where an ended pod was, of which a node that was away knows nothing', () => {
    const running: Pod = { ...pod, status: { phase: 'Running', podIP: '10.42.0.5', podIPs: [{ ip: '10.42.0.5' }] } }
    const told = (status: object) => merge(running, { uid: 'u', node: 'n1', status })
    expect(told({ phase: 'Succeeded' })).toMatchObject({ status: { phase: 'Succeeded', podIP: '10.42.0.5', podIPs: [{ ip: '10.42.0.5' }] } })
    expect(told({ phase: 'Failed', podIP: '10.42.0.6', podIPs: [{ ip: '10.42.0.6' }] })).toMatchObject({ status: { podIP: '10.42.0.6', podIPs: [{ ip: '10.42.0.6' }] } })
    expect(told({ phase: 'Pending' })).toEqual({ do: 'write', status: { phase: 'Pending', conditions: [] } })
  })
  test('refuses by reason', () => {
    expect(report({}, { uid: 'v' })).toMatchObject({ do: 'refuse', why: expect.stringContaining('replaced') })
    expect(report({}, { node: 'n2' })).toMatchObject({ do: 'refuse', why: expect.stringContaining('not bound') })
    expect(merge({ ...pod, status: { phase: 'Failed' } }, { uid: 'u', node: 'n1', status: { phase: 'Running' } })).toMatchObject({ do: 'refuse' })
    expect(report({ ...pod.status })).toEqual({ do: 'nothing' })
  })
})

describe('node status', () => {
  const node: Node = { metadata: { name: 'n', labels: { 'kubernetes.io/os': 'linux' } }, status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] } }
  test('silence makes all conditions of the agent Unknown, once; a report brings them back', () => {
    const up = reported(node, { capacity: { cpu: '1' } }, 't1')
    expect(up?.conditions?.find((c) => c.type === 'Ready')).toEqual({ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status', lastTransitionTime: 't1', lastHeartbeatTime: 't1' })
    expect(reported({ ...node, status: up as object }, { capacity: { cpu: '1' } }, 't2')).toBeUndefined()
    const down = silent({ ...node, status: up as object }, 't3')
    expect(down?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: 't3', lastHeartbeatTime: 't1' })
    expect(down?.conditions?.find((c) => c.type === 'DiskPressure')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' })
    expect(down?.conditions?.find((c) => c.type === 'NetworkUnavailable')?.status).toBe('False')
    expect(silent({ ...node, status: down as object }, 't4')).toBeUndefined()
    expect(reported({ ...node, status: down as object }, {}, 't5')?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ status: 'True', lastTransitionTime: 't5' })
  })
  test('labels of Kubernetes own domains are limited to those a node may set', () => {
    expect(ownLabels({ 'kubernetes.io/arch': 'arm64', 'node-restriction.kubernetes.io/a': 'x', 'node-role.kubernetes.io/control-plane': '', 'node.kubernetes.io/x': '1', 'example.com/x': '1', plain: '1', 'x.k8s.io/y': '' }))
      .toEqual({ 'kubernetes.io/arch': 'arm64', 'node.kubernetes.io/x': '1', 'example.com/x': '1', plain: '1' })
    expect(missingLabels(node, { 'kubernetes.io/os': 'linux' })).toBeUndefined()
    expect(missingLabels(node, { 'kubernetes.io/os': 'linux', a: 'b' })).toEqual({ a: 'b' })
  })
})
