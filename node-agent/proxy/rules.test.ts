import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Service, ServiceSpec } from '../../shared/api/core-v1.ts'
import type { Endpoint, EndpointSlice } from '../../shared/api/discovery-v1.ts'
import { chainDigest } from './chain-digest.ts'
import { changedText, fullText, removalText } from './diff.ts'
import { servicePorts } from './endpoints.ts'
import { rulesFor, type RuleConfig, type Ruleset } from './rules.ts'
import { Tracer, type Packet } from './tracer.ts'

const config: RuleConfig = {
  chainPrefix: 'BRAMBLE', clusterCIDR: '10.42.0.0/16', localhostNodePorts: true, masqueradeBit: 0x8000, masqueradeAll: false, digest: chainDigest,
}
const nodeIP = '192.168.1.10'
const pod = '10.42.0.99'

const service = (name: string, spec: ServiceSpec, status: Service['status'] = undefined): Service => ({
  metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], clusterIP: '10.43.0.10', type: 'ClusterIP', ...spec }, ...(status ? { status } : {}),
})
const slice = (name: string, endpoints: Endpoint[], port = 8080, protocol = 'TCP', portName?: string): EndpointSlice => ({
  metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints,
  ports: [{ port, protocol, ...(portName === undefined ? {} : { name: portName }) }],
})
const at = (ip: string, extra: Partial<Endpoint> = {}): Endpoint => ({ addresses: [ip], nodeName: 'other', conditions: { ready: true, serving: true, terminating: false }, ...extra })
const here = (ip: string): Endpoint => at(ip, { nodeName: 'me' })

const rules = (services: Service[], slices: EndpointSlice[], over: Partial<RuleConfig> = {}): Ruleset =>
  rulesFor(servicePorts(services, slices, { name: 'me', zone: 'z1' }).ports, { ...config, ...over })
function tracer(services: Service[], slices: EndpointSlice[], over: Partial<RuleConfig> = {}): Tracer {
  const t = new Tracer({ nodeAddresses: [nodeIP] })
  t.restore(fullText(rules(services, slices, over), t.save(), 'BRAMBLE'))
  return t
}
const packet = (from: Packet['from'], dest: string, port = 80, over: Partial<Packet> = {}): Packet =>
  ({ from, protocol: 'tcp', source: from === 'pod' ? pod : from === 'node' ? nodeIP : '203.0.113.7', dest, port, ...over })
const ends = (t: Tracer, p: Packet): string[] => t.trace(p).map((o) => `${o.to}${o.masqueraded ? ' masq' : ''}`).sort()

describe('cluster IP', () => {
  const t = tracer([service('web', {})], [slice('web', [at('10.42.0.5'), at('10.42.1.6'), at('10.42.2.7')])])
  it('spreads equally over the ready endpoints, pods keep their address', () => {
    const outcomes = t.trace(packet('pod', '10.43.0.10'))
    expect(outcomes.map((o) => o.to).sort()).toEqual(['10.42.0.5:8080', '10.42.1.6:8080', '10.42.2.7:8080'])
    for (const o of outcomes) {
      expect(o.probability).toBeCloseTo(1 / 3, 8)
      expect(o.masqueraded).toBe(false)
    }
  })
  it('masquerades what is no pod, and a pod that reaches itself', () => {
    expect(t.trace(packet('outside', '10.43.0.10')).every((o) => o.masqueraded)).toBe(true)
    expect(ends(t, packet('pod', '10.43.0.10', 80, { source: '10.42.0.5' }))).toEqual(['10.42.0.5:8080 masq', '10.42.1.6:8080', '10.42.2.7:8080'])
  })
  it('leaves other ports, protocols and addresses alone', () => {
    for (const p of [packet('pod', '10.43.0.10', 81), packet('pod', '10.43.0.10', 80, { protocol: 'udp' }), packet('pod', '10.43.0.11')]) expect(ends(t, p)).toEqual(['UNTRANSLATED'])
  })
  it('rejects without endpoints, whoever asks', () => {
    const none = tracer([service('web', {})], [slice('web', [at('10.42.0.5', { conditions: { ready: false } })])])
    for (const from of ['pod', 'node', 'outside'] as const) expect(ends(none, packet(from, '10.43.0.10'))).toEqual(['REJECT'])
  })
  it('falls back to endpoints that serve while they terminate', () => {
    const draining = { conditions: { ready: false, serving: true, terminating: true } }
    expect(ends(tracer([service('web', {})], [slice('web', [at('10.42.0.5', draining), at('10.42.0.6', { conditions: { ready: false, serving: false, terminating: true } })])]), packet('pod', '10.43.0.10')))
      .toEqual(['10.42.0.5:8080'])
    expect(ends(tracer([service('web', {})], [slice('web', [at('10.42.0.5', draining), at('10.42.0.6')])]), packet('pod', '10.43.0.10'))).toEqual(['10.42.0.6:8080'])
  })
  it('matches endpoints by port name and protocol', () => {
    const both = service('dns', { ports: [{ name: 'tcp', port: 53, protocol: 'TCP' }, { name: 'udp', port: 53, protocol: 'UDP' }] })
    const d = tracer([both], [slice('dns', [at('10.42.0.5')], 1053, 'TCP', 'tcp'), slice('dns', [at('10.42.0.6')], 2053, 'UDP', 'udp')])
    expect(ends(d, packet('pod', '10.43.0.10', 53))).toEqual(['10.42.0.5:1053'])
    expect(ends(d, packet('pod', '10.43.0.10', 53, { protocol: 'udp' }))).toEqual(['10.42.0.6:2053'])
  })
  it('passes headless, ExternalName and other proxies\' services by, and refuses IPv6 by name', () => {
    const foreign = { ...service('b', {}), metadata: { name: 'b', namespace: 'default', labels: { 'service.kubernetes.io/service-proxy-name': 'x' } } }
    const result = servicePorts([service('a', { clusterIP: 'None' }), foreign, service('c', { type: 'ExternalName' }), service('d', { clusterIP: 'fd00::1' })], [], { name: 'me' })
    expect(result.ports).toEqual([])
    expect([...result.refused]).toEqual([['default/d', 'cluster IP fd00::1 is not IPv4: IPv6 services are not supported']])
  })
  it('uses zone hints only where every endpoint has one', () => {
    const hint = (zone: string): Partial<Endpoint> => ({ hints: { forZones: [{ name: zone }] } })
    expect(ends(tracer([service('web', {})], [slice('web', [at('10.42.0.5', hint('z1')), at('10.42.0.6', hint('z2'))])]), packet('pod', '10.43.0.10'))).toEqual(['10.42.0.5:8080'])
    expect(ends(tracer([service('web', {})], [slice('web', [at('10.42.0.5', hint('z1')), at('10.42.0.6')])]), packet('pod', '10.43.0.10'))).toHaveLength(2)
  })
})

describe('session affinity', () => {
  it('keeps a client at its endpoint and spreads the others', () => {
    const t = tracer([service('web', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 300 } } })], [slice('web', [at('10.42.0.5'), at('10.42.0.6')])])
    expect(t.trace(packet('pod', '10.43.0.10'))).toHaveLength(2)
    t.remember(packet('pod', '10.43.0.10'), '10.42.0.6:8080')
    expect(t.trace(packet('pod', '10.43.0.10')).map((o) => [o.to, o.probability])).toEqual([['10.42.0.6:8080', 1]])
    expect(t.trace(packet('pod', '10.43.0.10', 80, { source: '10.42.0.50' }))).toHaveLength(2)
  })
})

describe('from outside', () => {
  const nodePort: ServiceSpec = { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }
  it('NodePort: masqueraded, on loopback too where allowed', () => {
    const slices = [slice('web', [at('10.42.1.6')])]
    const t = tracer([service('web', nodePort)], slices)
    expect(ends(t, packet('outside', nodeIP, 30080))).toEqual(['10.42.1.6:8080 masq'])
    expect(ends(t, packet('node', '127.0.0.1', 30080, { source: '127.0.0.1' }))).toEqual(['10.42.1.6:8080 masq'])
    expect(ends(tracer([service('web', nodePort)], slices, { localhostNodePorts: false }), packet('node', '127.0.0.1', 30080, { source: '127.0.0.1' }))).toEqual(['UNTRANSLATED'])
    expect(ends(t, packet('outside', '192.168.1.11', 30080))).toEqual(['UNTRANSLATED'])
    expect(ends(tracer([service('web', nodePort)], []), packet('outside', nodeIP, 30080))).toEqual(['REJECT'])
  })
  it('policy Local: only this node\'s endpoints, source kept; pods and the node itself are not bound', () => {
    const t = tracer([service('web', { ...nodePort, externalTrafficPolicy: 'Local' })], [slice('web', [here('10.42.0.5'), at('10.42.1.6')])])
    expect(ends(t, packet('outside', nodeIP, 30080))).toEqual(['10.42.0.5:8080'])
    expect(ends(t, packet('pod', nodeIP, 30080))).toEqual(['10.42.0.5:8080', '10.42.1.6:8080'])
    expect(ends(t, packet('node', nodeIP, 30080))).toEqual(['10.42.0.5:8080 masq', '10.42.1.6:8080 masq'])
  })
  it('policy Local without one here: dropped, so that a load balancer goes elsewhere', () => {
    const t = tracer([service('web', { ...nodePort, externalTrafficPolicy: 'Local', externalIPs: ['198.51.100.1'] })], [slice('web', [at('10.42.1.6')])])
    expect(ends(t, packet('outside', nodeIP, 30080))).toEqual(['DROP'])
    expect(ends(t, packet('outside', '198.51.100.1'))).toEqual(['DROP'])
    expect(ends(t, packet('pod', nodeIP, 30080))).toEqual(['10.42.1.6:8080'])
    expect(ends(t, packet('pod', '10.43.0.10'))).toEqual(['10.42.1.6:8080'])
  })
  it('internal policy Local binds the cluster IP alone', () => {
    const spec: ServiceSpec = { ...nodePort, internalTrafficPolicy: 'Local' }
    const t = tracer([service('web', spec)], [slice('web', [here('10.42.0.5'), at('10.42.1.6')])])
    expect(ends(t, packet('pod', '10.43.0.10'))).toEqual(['10.42.0.5:8080'])
    expect(ends(t, packet('outside', nodeIP, 30080))).toHaveLength(2)
    expect(ends(tracer([service('web', spec)], [slice('web', [at('10.42.1.6')])]), packet('pod', '10.43.0.10'))).toEqual(['DROP'])
  })
  it('external and load balancer IPs, source ranges', () => {
    const balanced = service('web', { type: 'LoadBalancer', externalIPs: ['198.51.100.1'], loadBalancerSourceRanges: ['203.0.113.0/24'] },
      { loadBalancer: { ingress: [{ ip: '198.51.100.9' }, { ip: '198.51.100.10', ipMode: 'Proxy' }] } })
    const t = tracer([balanced], [slice('web', [at('10.42.1.6')])])
    expect(ends(t, packet('outside', '198.51.100.1'))).toEqual(['10.42.1.6:8080 masq'])
    expect(ends(t, packet('outside', '198.51.100.9'))).toEqual(['10.42.1.6:8080 masq'])
    expect(ends(t, packet('outside', '198.51.100.9', 80, { source: '192.0.2.1' }))).toEqual(['DROP'])
    expect(ends(t, packet('outside', '198.51.100.10'))).toEqual(['UNTRANSLATED'])
  })
})

/** A small world: services with endpoints in every condition. */
const world = fc.array(fc.record({
  id: fc.nat(11), protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'), type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
  internal: fc.constantFrom('Cluster', 'Local'), external: fc.constantFrom('Cluster', 'Local'), sticky: fc.boolean(),
  endpoints: fc.uniqueArray(fc.record({ host: fc.integer({ min: 2, max: 60 }), local: fc.boolean(), condition: fc.constantFrom('ready', 'draining', 'gone', 'starting') }), { maxLength: 6, selector: (e) => e.host }),
}), { maxLength: 8 })
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

const build = (w: World): { services: Service[]; slices: EndpointSlice[]; entries: World } => {
  const entries = [...new Map(w.map((entry) => [entry.id, entry])).values()]
  const conditions = {
    ready: { ready: true }, draining: { ready: false, serving: true, terminating: true }, gone: { ready: false, serving: false, terminating: true }, starting: { ready: false, serving: false },
  }
  return {
    entries,
    services: entries.map((e) => service(`s${e.id}`, {
      clusterIP: `10.43.1.${e.id + 1}`, type: e.type, internalTrafficPolicy: e.internal, sessionAffinity: e.sticky ? 'ClientIP' : 'None',
      ...(e.type === 'ClusterIP' ? {} : { externalTrafficPolicy: e.external }),
      ports: [{ port: 80, protocol: e.protocol, ...(e.type === 'ClusterIP' ? {} : { nodePort: 30_000 + e.id }) }],
    })),
    slices: entries.map((e) => slice(`s${e.id}`, e.endpoints.map((p) => at(`10.42.${e.id}.${p.host}`, { conditions: conditions[p.condition], nodeName: p.local ? 'me' : 'other' })), 8080, e.protocol)),
  }
}

describe('properties', () => {
  it('every packet to a service reaches exactly the endpoints it should, each as likely as any other', () => {
    fc.assert(fc.property(world, (w) => {
      const { services, slices, entries } = build(w)
      const t = tracer(services, slices)
      for (const e of entries) {
        const pick = (local: boolean): { to: string[]; none: string } => {
          const usable = (pool: typeof e.endpoints) => (pool.some((p) => p.condition === 'ready') ? pool.filter((p) => p.condition === 'ready') : pool.filter((p) => p.condition === 'draining'))
          const anywhere = usable(e.endpoints)
          const chosen = local ? usable(e.endpoints.filter((p) => p.local)) : anywhere
          return { to: chosen.map((p) => `10.42.${e.id}.${p.host}:8080`).sort(), none: anywhere.length > 0 ? 'DROP' : 'REJECT' }
        }
        const protocol = e.protocol.toLowerCase() as Packet['protocol']
        const check = (p: Packet, expected: { to: string[]; none: string }): void => {
          const got = t.trace(p)
          expect(got.map((o) => o.to).sort()).toEqual(expected.to.length > 0 ? expected.to : [expected.none])
          for (const o of got) expect(o.probability).toBeCloseTo(1 / got.length, 8)
        }
        check(packet('pod', `10.43.1.${e.id + 1}`, 80, { protocol, source: '10.42.200.1' }), pick(e.internal === 'Local'))
        if (e.type !== 'ClusterIP') check(packet('outside', nodeIP, 30_000 + e.id, { protocol }), pick(e.external === 'Local'))
      }
    }), { numRuns: 150 })
  })

  it('a change written chain by chain ends as everything written anew, and removal leaves what was there', () => {
    fc.assert(fc.property(fc.array(world, { minLength: 1, maxLength: 4 }), (worlds) => {
      const t = new Tracer({ nodeAddresses: [nodeIP] })
      t.restore('*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n')
      const before = t.save()
      let last: Ruleset | undefined
      for (const w of worlds) {
        const { services, slices } = build(w)
        const next = rules(services, slices)
        const text = last ? changedText(last, next) : fullText(next, t.save(), 'BRAMBLE')
        if (text !== undefined) t.restore(text)
        last = next
        const anew = new Tracer({ nodeAddresses: [nodeIP] })
        anew.restore('*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n')
        anew.restore(fullText(next, anew.save(), 'BRAMBLE'))
        expect(t.contents()).toBe(anew.contents())
        // A restarted agent writes everything again over its own rules.
        t.restore(fullText(next, t.save(), 'BRAMBLE'))
        expect(t.contents()).toBe(anew.contents())
      }
      t.restore(removalText(t.save(), 'BRAMBLE') ?? '')
      expect(t.save()).toBe(before)
      expect(removalText(t.save(), 'BRAMBLE')).toBeUndefined()
    }), { numRuns: 60 })
  })
})

describe('a change of one endpoint', () => {
  it('touches the chains of its service alone', () => {
    const many = Array.from({ length: 20 }, (_, i) => service(`s${i}`, { clusterIP: `10.43.1.${i}` }))
    const slices = many.map((_, i) => slice(`s${i}`, [at(`10.42.1.${i}`), at(`10.42.2.${i}`)]))
    const after = [...slices.slice(1), slice('s0', [at('10.42.1.0'), at('10.42.3.0')])]
    const text = changedText(rules(many, slices), rules(many, after)) ?? ''
    expect(text.match(/^:/gm)).toHaveLength(3)
    expect(text.includes('*filter')).toBe(false)
    expect(changedText(rules(many, slices), rules([...many].reverse(), [...slices].reverse()))).toBeUndefined()
  })
})
