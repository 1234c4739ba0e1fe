import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Service, ServiceSpec } from '../../shared/api/core-v1.ts'
import type { EndpointSlice } from '../../shared/api/discovery-v1.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { createBridgeNetwork } from '../network/bridge-network.ts'
import { memoryAllocations, NamespaceHarness, type Namespace } from '../network/namespace-harness.ts'
import type { PodNetwork } from '../network/network.ts'
import { iptablesOf, type Backend, type Exec } from '../../shared/host/iptables.ts'
import { createProxy, type Proxy } from './proxy.ts'

const never = new AbortController().signal
const clusterCIDR = '10.42.0.0/16'
const service = (name: string, clusterIP: string, spec: ServiceSpec = {}): Service => ({ metadata: { name, namespace: 'd' }, spec: { type: 'ClusterIP', clusterIP, ports: [{ port: 80 }], ...spec } })
const slice = (name: string, ips: string[], port = 8080, protocol = 'TCP'): EndpointSlice => ({
  metadata: { name, namespace: 'd', labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', ports: [{ port, protocol }],
  endpoints: ips.map((ip) => ({ addresses: [ip], nodeName: 'n', conditions: { ready: true } })),
})
const tally = (answers: string[]): Record<string, number> => Object.fromEntries([...new Set(answers)].map((a) => [a, answers.filter((b) => b === a).length]))

describe.each<{ backend: Backend; bridgeNetfilter: boolean }>([
  { backend: 'nft', bridgeNetfilter: false }, { backend: 'legacy', bridgeNetfilter: false }, { backend: 'nft', bridgeNetfilter: true },
])('service routing with iptables-$backend, bridge netfilter $bridgeNetfilter', ({ backend, bridgeNetfilter }) => {
  let h: NamespaceHarness
  let pods: Namespace[] = []
  const ips: string[] = []
  let network: PodNetwork
  let proxy: Proxy
  let savedBefore = ''
  const spawned: string[][] = []
  const save = async (): Promise<string> => (await iptablesOf(h.node.exec, backend).save()).replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '')
  const make = (): Proxy => {
    const exec: Exec = (argv, options) => { spawned.push([...argv]); return h.node.exec(argv, options) }
    return createProxy({ exec, iptables: iptablesOf(exec, backend), clock: systemClock, log: silentLog, node: { name: 'n' }, writeSysctl: h.writeSysctl, clusterCIDR, bridgeNetfilter })
  }
  const services = [
    service('web', '10.43.0.10', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }),
    service('none', '10.43.0.11', { type: 'NodePort', ports: [{ port: 80, nodePort: 30081 }] }),
    service('sticky', '10.43.0.12', { sessionAffinity: 'ClientIP' }),
    service('local', '10.43.0.13', { type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: ['198.51.100.5'], ports: [{ port: 80, nodePort: 30083 }] }),
    service('self', '10.43.0.14'),
  ]
  const slices = (): EndpointSlice[] => [slice('web', ips), slice('sticky', ips), slice('local', ips), slice('self', ips.slice(0, 1))]

  beforeAll(async () => {
    h = await NamespaceHarness.create(`px${backend}${bridgeNetfilter ? 'b' : ''}`)
    await h.writeSysctl('net/bridge/bridge-nf-call-iptables', bridgeNetfilter ? '1' : '0')
    await iptablesOf(h.node.exec, backend).restore(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n*nat\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n')
    savedBefore = await save()
    // The pod network after the proxy: rejections must hold whichever came first.
    proxy = make()
    proxy.update(services, [])
    await proxy.settled()
    network = createBridgeNetwork({ exec: h.node.exec, iptables: iptablesOf(h.node.exec, backend), allocations: memoryAllocations(), writeSysctl: h.writeSysctl, log: silentLog })
    await network.setUp({ podCIDR: '10.42.7.0/24', clusterCIDR })
    pods = await Promise.all(['a', 'b', 'c'].map((name) => h.pod(name)))
    for (const [i, pod] of pods.entries()) {
      ips.push((await network.attach({ uid: `uid-${i}`, netns: pod.path, name: pod.name }, never)).ip)
      await h.serve(pod, 'abc'.charAt(i), 8080)
    }
    await h.outside.exec(['ip', 'route', 'add', '198.51.100.5/32', 'via', h.nodeIP])
    proxy.update(services, slices())
    await proxy.settled()
  })
  afterAll(async () => {
    await proxy.stop()
    await h[Symbol.asyncDispose]()
  })
  const pod = (i: number): Namespace => {
    const found = pods[i]
    if (!found) throw new Error(`no pod ${i}`)
    return found
  }

  it('a cluster IP spreads over the endpoints, from pods and from the node', async () => {
    const answers = await h.ask(pod(2), '10.43.0.10', 80, 90)
    const counts = tally(answers.map((answer) => answer.charAt(0)))
    // 90 fair draws of three: fewer than 12 of one has a probability below 1e-5.
    expect(Object.keys(counts).sort()).toEqual(['a', 'b', 'c'])
    expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(12)
    // Pods are seen as they are, except by themselves.
    expect(answers.filter((answer) => !answer.startsWith('c')).every((answer) => answer.endsWith(`|${ips[2]}`))).toBe(true)
    expect((await h.ask(h.node, '10.43.0.10', 80, 10)).every((answer) => /^[abc]\|/.test(answer))).toBe(true)
  })

  it('a pod reaches itself through its service', async () => {
    expect(await h.ask(pod(0), '10.43.0.14', 80, 5)).toEqual(Array(5).fill('a|10.42.7.1'))
  })

  it('a NodePort answers from outside, on loopback and from pods', async () => {
    const answers = await h.ask(h.outside, h.nodeIP, 30080, 60)
    expect(Object.keys(tally(answers.map((answer) => answer.charAt(0)))).sort()).toEqual(['a', 'b', 'c'])
    expect(await h.ask(h.node, '127.0.0.1', 30080, 3)).toEqual([expect.stringMatching(/^[abc]\|/), expect.stringMatching(/^[abc]\|/), expect.stringMatching(/^[abc]\|/)])
    expect((await h.ask(pod(0), h.nodeIP, 30080))[0]).toMatch(/^[abc]\|/)
  })

  it('policy Local keeps the client\'s address, on NodePort and external IP', async () => {
    for (const [host, port] of [[h.nodeIP, 30083], ['198.51.100.5', 80]] as const) {
      expect((await h.ask(h.outside, host, port))[0]).toMatch(new RegExp(`^[abc]\\|${h.outsideIP}$`))
    }
  })

  it('a service without endpoints refuses at once, whoever asks', async () => {
    expect(await h.ask(pod(0), '10.43.0.11', 80)).toEqual(['ECONNREFUSED'])
    expect(await h.ask(h.node, '10.43.0.11', 80)).toEqual(['ECONNREFUSED'])
    expect(await h.ask(h.outside, h.nodeIP, 30081)).toEqual(['ECONNREFUSED'])
  })

  it('session affinity keeps a client where it was', async () => {
    const answers = await h.ask(pod(1), '10.43.0.12', 80, 12)
    expect(Object.keys(tally(answers))).toHaveLength(1)
  })

  it('an endpoint that goes is not asked again; the change is one program that reads nothing', async () => {
    spawned.length = 0
    proxy.update(services, [slice('web', ips.slice(1)), ...slices().slice(1)])
    await proxy.settled()
    expect(spawned.map((argv) => argv[0])).toEqual([`iptables-${backend}-restore`])
    expect(Object.keys(tally((await h.ask(pod(0), '10.43.0.10', 80, 30)).map((answer) => answer.charAt(0)))).sort()).toEqual(['b', 'c'])
    proxy.update(services, slices())
    await proxy.settled()
  })

  it('a restarted proxy removes what the one before left and ends with the same rules', async () => {
    const rules = await save()
    await proxy.stop()
    // Left by an agent that died: a service that is gone since.
    const earlier = make()
    earlier.update([...services, service('gone', '10.43.0.99')], [...slices(), slice('gone', ips)])
    await earlier.settled()
    await earlier.stop()
    expect(await save()).not.toBe(rules)
    proxy = make()
    proxy.update(services, slices())
    await proxy.settled()
    expect((await save()).split('\n').sort()).toEqual(rules.split('\n').sort())
    expect((await h.ask(pod(0), '10.43.0.10', 80))[0]).toMatch(/^[abc]\|/)
  })

  it('flows to a UDP endpoint that went are forgotten, and only those', async () => {
    const dns = service('dns', '10.43.0.53', { ports: [{ port: 53, protocol: 'UDP' }] })
    proxy.update([...services, dns], [...slices(), slice('dns', ips.slice(0, 1), 5353, 'UDP')])
    await proxy.settled()
    const send = async (): Promise<void> => {
      const script = `const s = require('dgram').createSocket('udp4'); s.bind(40053, () => s.send('x', 53, '10.43.0.53', () => s.close()))`
      expect((await pod(2).exec([process.execPath, '-e', script])).exitCode).toBe(0)
    }
    const flows = async (): Promise<string> => (await h.node.exec(['conntrack', '-L', '-p', 'udp', '--orig-dst', '10.43.0.53'])).stdout.toString()
    await send()
    expect(await flows()).toContain(`src=${ips[0]} `)
    proxy.update([...services, dns], [...slices(), slice('dns', ips.slice(1, 2), 5353, 'UDP')])
    await proxy.settled()
    expect(await flows()).toBe('')
    await send()
    expect(await flows()).toContain(`src=${ips[1]} `)
    // The endpoint goes while no agent runs.
    await proxy.stop()
    proxy = make()
    proxy.update([...services, dns], [...slices(), slice('dns', ips.slice(2), 5353, 'UDP')])
    await proxy.settled()
    expect(await flows()).toBe('')
  })

  it('tearDown leaves the packet filter as it was', async () => {
    await proxy.tearDown()
    expect(await h.ask(h.outside, h.nodeIP, 30080)).toEqual(['ECONNREFUSED'])
    await network.tearDown()
    expect(await save()).toBe(savedBefore)
  })
})
