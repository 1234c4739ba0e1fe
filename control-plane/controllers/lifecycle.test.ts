/** Endpoints, namespaces, owners, nodes, accounts and certificate requests, through the whole host over the fake API. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Pod, Service } from '../../shared/api/core-v1.ts'
import { refs } from '../../shared/api/refs.ts'
import { createKeyAndCsr } from '../../shared/pki/certificates.ts'
import { createWorld, node, type World } from './harness.ts'

const nextTurns = async (n: number): Promise<void> => { for (let i = 0; i < n; i++) await new Promise((resolve) => { setImmediate(resolve) }) }
async function world(): Promise<World> {
  const w = createWorld()
  const plane = w.start()
  onTestFinished(() => plane.stop())
  const client = w.source.client()
  await client.create(refs.Namespace, { metadata: { name: 'default' } })
  await client.create(refs.Node, node('pi-1'))
  return w
}
const pod = (name: string, labels: Record<string, string> = { app: 'web' }, more: Partial<Pod['metadata']> = {}): Pod & { metadata: { namespace: string; name: string } } =>
  ({ metadata: { namespace: 'default', name, labels, ...more }, spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 8080 }] }] } })
const service = (more: Partial<Service['spec']> = {}): Service & { metadata: { namespace: string } } =>
  ({ metadata: { namespace: 'default', name: 'web', labels: { team: 'a' } }, spec: { selector: { app: 'web' }, clusterIP: '10.43.0.9', ports: [{ name: 'web', port: 80, targetPort: 'http' }], ...more } })

describe('endpoints and endpoint slices', () => {
  it('list ready pods with named ports, and follow readiness, deletion and the loss of a node', async () => {
    const w = await world()
    const client = w.source.client()
    await client.create(refs.Service, service())
    await client.create(refs.Pod, pod('a'))
    await client.create(refs.Pod, pod('b'))
    const conditions = () => w.source.all(refs.EndpointSlice).flatMap((s) => s.endpoints.map((e) => `${e.targetRef?.name}:${e.conditions?.ready}/${e.conditions?.serving}/${e.conditions?.terminating}`)).sort()
    await w.until('both ready', () => conditions().join() === 'a:true/true/false,b:true/true/false')
    const slices = w.source.all(refs.EndpointSlice)
    expect(slices).toMatchObject([{
      addressType: 'IPv4', ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
      metadata: { labels: { team: 'a', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' }, ownerReferences: [{ kind: 'Service', name: 'web', controller: true }] },
    }])
    expect(slices[0]?.endpoints[0]).toMatchObject({ nodeName: 'pi-1', targetRef: { kind: 'Pod', namespace: 'default' } })
    const [subset, ...more] = w.source.all(refs.Endpoints)[0]?.subsets ?? []
    expect([subset?.addresses?.map((x) => x.targetRef?.name).sort(), more]).toEqual([['a', 'b'], []])
    expect(subset?.ports).toMatchObject([{ name: 'web', port: 8080 }])

    w.kubelet = () => { /* the node is silent from here on */ }
    w.source.edit(refs.Pod, { namespace: 'default', name: 'a' }, (p) => { p.status!.conditions = [{ type: 'Ready', status: 'False' }] })
    await client.delete(refs.Pod, { namespace: 'default', name: 'b' })
    await w.until('neither ready', () => conditions().join() === 'a:false/false/false,b:false/true/true')
    await w.until('endpoints too', () => w.source.all(refs.Endpoints)[0]?.subsets?.[0]?.addresses === undefined)
    expect(w.source.all(refs.Endpoints)[0]?.subsets?.[0]?.notReadyAddresses).toHaveLength(1)

    w.source.edit(refs.Pod, { namespace: 'default', name: 'a' }, (p) => { p.status!.conditions = [{ type: 'Ready', status: 'True' }] })
    await w.until('a ready again', () => conditions()[0] === 'a:true/true/false')
    const lost = new Date(w.clock.now()).toISOString()
    w.source.edit(refs.Node, { name: 'pi-1' }, (n) => { n.status!.conditions = [{ type: 'Ready', status: 'Unknown', lastTransitionTime: lost }] })
    await w.pass(30_000)
    expect(conditions()[0]).toBe('a:true/true/false')
    await w.until('lost node leaves the Service', () => conditions()[0] === 'a:false/false/false', 15_000)
    expect(w.source.all(refs.EndpointSlice)).toHaveLength(1)
  })

  it('hold at most 100 in a slice, shrink again, and go with their Service; a Service without selector is left alone', async () => {
    const w = await world()
    const client = w.source.client()
    w.source.edit(refs.Node, { name: 'pi-1' }, (n) => { n.status!.allocatable = { cpu: '400', memory: '800Gi', pods: '500' } })
    await client.create(refs.Service, service())
    await client.create(refs.Service, { metadata: { namespace: 'default', name: 'external' }, spec: { ports: [{ port: 1 }] } })
    for (let i = 0; i < 230; i++) await client.create(refs.Pod, pod(`p${i}`))
    const count = () => w.source.all(refs.EndpointSlice).map((s) => s.endpoints.length)
    await w.until('all listed', () => count().reduce((a, b) => a + b, 0) === 230)
    expect(Math.max(...count())).toBeLessThanOrEqual(100)
    const names = w.source.all(refs.EndpointSlice).flatMap((s) => s.endpoints.map((e) => e.targetRef?.name))
    expect(new Set(names).size).toBe(230)
    for (let i = 0; i < 230; i++) await client.delete(refs.Pod, { namespace: 'default', name: `p${i}` })
    await w.until('one empty slice', () => count().join() === '0')
    expect(w.source.all(refs.Endpoints).map((e) => e.metadata.name)).toEqual(['web'])
    await client.delete(refs.Service, { namespace: 'default', name: 'web' })
    await w.until('gone', () => w.source.all(refs.EndpointSlice).length + w.source.all(refs.Endpoints).length === 0)
  })
})

describe('namespaces and accounts', () => {
  it('a namespace has its account and CA from the start, gets them back, and is emptied before it goes', async () => {
    const w = await world()
    const client = w.source.client()
    await client.create(refs.Namespace, { metadata: { name: 'shop' } })
    const has = () => w.source.all(refs.ServiceAccount, 'shop').length === 1 && w.source.all(refs.ConfigMap, 'shop')[0]?.data?.['ca.crt'] === 'CA'
    await w.until('account and CA', has)
    await client.delete(refs.ServiceAccount, { namespace: 'shop', name: 'default' })
    w.source.edit(refs.ConfigMap, { namespace: 'shop', name: 'kube-root-ca.crt' }, (m) => { m.data = {} })
    await w.until('both back', has)
    await client.create(refs.Pod, { ...pod('a'), metadata: { namespace: 'shop', name: 'a' } })
    await client.create(refs.ConfigMap, { metadata: { namespace: 'shop', name: 'held', finalizers: ['example.com/hold'] } })
    await w.pass(500)
    await client.delete(refs.Namespace, { name: 'shop' })
    await w.until('held back', () => w.source.all(refs.ConfigMap, 'shop').length === 1 && w.source.all(refs.Pod, 'shop').length === 0)
    await w.pass(5000)
    expect(w.source.all(refs.Namespace).find((n) => n.metadata.name === 'shop')?.status?.conditions).toMatchObject([
      { type: 'NamespaceDeletionDiscoveryFailure', status: 'False' }, { type: 'NamespaceDeletionGroupVersionParsingFailure', status: 'False' },
      { type: 'NamespaceDeletionContentFailure', status: 'False', message: 'All content successfully deleted, may be waiting on finalization' },
      { type: 'NamespaceContentRemaining', status: 'True', message: 'Some resources are remaining: configmaps. has 1 resource instances' },
      { type: 'NamespaceFinalizersRemaining', status: 'True', message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances' },
    ])
    w.source.edit(refs.ConfigMap, { namespace: 'shop', name: 'held' }, (m) => { delete m.metadata!.finalizers })
    await w.until('gone', () => !w.source.all(refs.Namespace).some((n) => n.metadata.name === 'shop'))
    expect(w.source.all(refs.ServiceAccount, 'shop')).toEqual([])
  })
})

describe('owners', () => {
  const set = (replicas: number) => ({
    metadata: { namespace: 'default', name: 'rs' },
    spec: { replicas, selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
  })
  const setUp = async () => {
    const w = await world()
    await w.source.client().create(refs.ReplicaSet, set(3))
    await w.until('running', () => w.source.all(refs.Pod).filter((p) => p.status?.phase === 'Running').length === 3)
    return w
  }
  it('background: the owner goes at once, its pods after it', async () => {
    const w = await setUp()
    await w.source.client().delete(refs.ReplicaSet, { namespace: 'default', name: 'rs' }, { propagationPolicy: 'Background' })
    expect(w.source.all(refs.ReplicaSet)).toEqual([])
    await w.until('pods gone', () => w.source.all(refs.Pod).length === 0)
  })
  it('foreground: the owner waits for its pods', async () => {
    const w = await setUp()
    w.kubelet = () => { /* pods do not end yet */ }
    await w.source.client().delete(refs.ReplicaSet, { namespace: 'default', name: 'rs' }, { propagationPolicy: 'Foreground' })
    await w.until('pods ending', () => w.source.all(refs.Pod).every((p) => p.metadata.deletionTimestamp))
    await w.pass(2000)
    expect(w.source.all(refs.ReplicaSet)).toHaveLength(1)
    for (const p of w.source.all(refs.Pod)) w.source.remove(refs.Pod, { namespace: 'default', name: p.metadata.name })
    await w.until('owner gone', () => w.source.all(refs.ReplicaSet).length === 0)
    expect(w.source.all(refs.Pod)).toEqual([])
  })
  it('orphan: the pods stay, and the next set of that selector adopts them', async () => {
    const w = await setUp()
    const uids = w.source.all(refs.Pod).map((p) => p.metadata.uid).sort()
    await w.source.client().delete(refs.ReplicaSet, { namespace: 'default', name: 'rs' }, { propagationPolicy: 'Orphan' })
    await w.until('owner gone', () => w.source.all(refs.ReplicaSet).length === 0)
    await w.pass(2000)
    expect(w.source.all(refs.Pod).map((p) => p.metadata.ownerReferences ?? [])).toEqual([[], [], []])
    const next = await w.source.client().create(refs.ReplicaSet, set(3))
    await w.until('adopted', () => w.source.all(refs.Pod).every((p) => p.metadata.ownerReferences?.[0]?.uid === next.metadata.uid))
    await w.pass(1000)
    expect(w.source.all(refs.Pod).map((p) => p.metadata.uid).sort()).toEqual(uids)
  })
  it('a pod whose labels no longer match is released, and replaced', async () => {
    const w = await setUp()
    const first = w.source.all(refs.Pod)[0]!
    w.source.edit(refs.Pod, { namespace: 'default', name: first.metadata.name }, (p) => { p.metadata!.labels = { app: 'debug' } })
    await w.until('four pods', () => w.source.all(refs.Pod).length === 4)
    await w.until('released', () => (w.source.all(refs.Pod).find((p) => p.metadata.uid === first.metadata.uid)?.metadata.ownerReferences ?? []).length === 0)
  })
  it('an owner that never existed counts as gone; one of two owners is enough to stay', async () => {
    const w = await setUp()
    const client = w.source.client()
    const rs = w.source.all(refs.ReplicaSet)[0]!
    const ref = (uid: string, name: string) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', uid, name })
    await client.create(refs.ConfigMap, { metadata: { namespace: 'default', name: 'lone', ownerReferences: [ref('nobody', 'rs')] } })
    await client.create(refs.ConfigMap, { metadata: { namespace: 'default', name: 'shared', ownerReferences: [ref('nobody', 'other'), ref(rs.metadata.uid, 'rs')] } })
    await w.until('lone gone', () => !w.source.all(refs.ConfigMap).some((m) => m.metadata.name === 'lone'))
    await w.until('shared keeps one', () => w.source.all(refs.ConfigMap).find((m) => m.metadata.name === 'shared')?.metadata.ownerReferences?.length === 1)
  })
})

describe('nodes', () => {
  it('get a pod range each and taints by condition; a lost node keeps its pods unless its policy says otherwise', async () => {
    const w = await world()
    const client = w.source.client()
    await client.create(refs.Node, { ...node('pi-2'), metadata: { ...node('pi-2').metadata, labels: { 'bramble.dev/offline-policy': 'evict' } } })
    await w.until('ranges', () => w.source.all(refs.Node).every((n) => n.spec?.podCIDR))
    expect(w.source.all(refs.Node).map((n) => n.spec?.podCIDR).sort()).toEqual(['10.42.0.0/24', '10.42.1.0/24'])
    for (const n of ['pi-1', 'pi-2']) {
      const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }]
      await client.create(refs.Pod, { ...pod(`on-${n}`), spec: { nodeName: n, tolerations, containers: [{ name: 'c', image: 'i' }] } })
    }
    await w.pass(1000)
    for (const name of ['pi-1', 'pi-2']) w.source.edit(refs.Node, { name }, (n) => { n.status!.conditions = [{ type: 'Ready', status: 'Unknown', lastTransitionTime: new Date(w.clock.now()).toISOString() }] })
    await w.until('tainted', () => w.source.all(refs.Node).every((n) => n.spec?.taints?.map((t) => `${t.key}:${t.effect}`).join() === 'node.kubernetes.io/unreachable:NoSchedule,node.kubernetes.io/unreachable:NoExecute'))
    await w.pass(290_000)
    expect(w.source.all(refs.Pod)).toHaveLength(2)
    await w.pass(3_600_000 / 4)
    expect(w.source.all(refs.Pod).map((p) => p.metadata.name)).toEqual(['on-pi-1'])
    w.source.edit(refs.Node, { name: 'pi-1' }, (n) => { n.status!.conditions = [{ type: 'Ready', status: 'True' }] })
    await w.until('taints gone', () => w.source.all(refs.Node)[0]?.spec?.taints?.length === 0)
  })
  it('pods of a node that is gone are removed after a while, and pods deleted before they were bound', async () => {
    const w = await world()
    const client = w.source.client()
    await client.create(refs.Pod, pod('a'))
    await w.until('running', () => w.source.all(refs.Pod)[0]?.status?.phase === 'Running')
    await client.delete(refs.Node, { name: 'pi-1' })
    await w.pass(35_000)
    expect(w.source.all(refs.Pod)).toHaveLength(1)
    await w.until('pod gone', () => w.source.all(refs.Pod).length === 0, 10_000)
  })
})

describe('certificate requests', () => {
  const request = async (w: World, name: string, cn: string, spec: { groups: string[]; username?: string; organizations?: string[]; usages?: string[] }) => {
    const { csrPem } = await createKeyAndCsr({ commonName: cn, organizations: spec.organizations ?? ['system:nodes'] })
    await w.source.client().create(refs.CertificateSigningRequest, {
      metadata: { name },
      spec: { request: Buffer.from(csrPem).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: spec.usages ?? ['digital signature', 'client auth'], groups: spec.groups, username: spec.username ?? 'system:bootstrap:abcdef' },
    })
  }
  const outcome = (w: World) => Object.fromEntries(w.source.all(refs.CertificateSigningRequest).map((c) => [c.metadata.name, `${c.status?.conditions?.map((x) => x.type).join() ?? ''}${c.status?.certificate ? '+cert' : ''}`]))

  it('grants those of joining and renewing nodes, leaves the rest to a person and signs only what is a node\'s, and cleans up', async () => {
    const w = await world()
    const join = { groups: ['system:bootstrappers', 'system:authenticated'] }
    await request(w, 'join', 'system:node:pi-9', join)
    await request(w, 'renew', 'system:node:pi-9', { groups: ['system:nodes'], username: 'system:node:pi-9' })
    await request(w, 'other-node', 'system:node:pi-8', { groups: ['system:nodes'], username: 'system:node:pi-9' })
    await request(w, 'admin', 'admin', join)
    await request(w, 'masters', 'system:node:pi-9', { ...join, organizations: ['system:masters'] })
    await request(w, 'server', 'system:node:pi-9', { ...join, usages: ['digital signature', 'client auth', 'server auth'] })
    await request(w, 'stranger', 'system:node:pi-9', { groups: ['system:authenticated'], username: 'jane' })
    await w.until('both signed', () => outcome(w).join === 'Approved+cert' && outcome(w).renew === 'Approved+cert')
    const waiting = ['other-node', 'admin', 'masters', 'server', 'stranger']
    expect(outcome(w)).toEqual({ join: 'Approved+cert', renew: 'Approved+cert', ...Object.fromEntries(waiting.map((name) => [name, ''])) })
    for (const name of waiting) {
      const csr = w.source.all(refs.CertificateSigningRequest).find((c) => c.metadata.name === name)!
      await w.source.client().update(refs.CertificateSigningRequest, { ...csr, status: { conditions: [{ type: 'Approved', status: 'True', lastUpdateTime: new Date(w.clock.now()).toISOString() }] } }, { subresource: 'approval' })
    }
    await w.until('all decided', () => Object.values(outcome(w)).every((o) => o.includes('cert') || o.includes('Failed')))
    expect(outcome(w)).toMatchObject({ admin: 'Approved,Failed', masters: 'Approved,Failed', server: 'Approved,Failed', 'other-node': 'Approved+cert', stranger: 'Approved+cert' })
    expect(Buffer.from(w.source.all(refs.CertificateSigningRequest)[0]!.status!.certificate!, 'base64').toString()).toBe('CERT')
    for (let i = 0; i < 61; i++) { await w.clock.advance(60_000); await nextTurns(5) }
    // Requests are read by the crypto library's threads, so the clean-up may come to the last one later: time goes on until it has.
    for (let i = 0; i < 200 && w.source.all(refs.CertificateSigningRequest).length > 0; i++) { await nextTurns(20); await w.pass(60_000) }
    expect(w.source.all(refs.CertificateSigningRequest)).toEqual([])
  })
})
