import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../shared/host/log.ts'
import { iptablesOf, type Backend } from '../../shared/host/iptables.ts'
import { createBridgeNetwork } from './bridge-network.ts'
import { memoryAllocations, NamespaceHarness, type Namespace } from './namespace-harness.ts'
import type { PodNetwork } from './network.ts'

const never = new AbortController().signal
const config = { podCIDR: '10.42.7.0/24', clusterCIDR: '10.42.0.0/16' }

describe.each<Backend>(['nft', 'legacy'])('pod network with iptables-%s', (backend) => {
  let h: NamespaceHarness
  let a: Namespace
  let b: Namespace
  let network: PodNetwork
  const allocations = memoryAllocations()
  const make = (): PodNetwork => createBridgeNetwork({ exec: h.node.exec, iptables: iptablesOf(h.node.exec, backend), allocations, writeSysctl: h.writeSysctl, log: silentLog })
  const save = async (): Promise<string> => (await iptablesOf(h.node.exec, backend).save()).replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '')
  let savedBefore = ''

  beforeAll(async () => {
    h = await NamespaceHarness.create(`bn${backend}`)
    ;[a, b] = [await h.pod('a'), await h.pod('b')]
    // As a dockerd leaves it.
    await iptablesOf(h.node.exec, backend).restore('*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n*nat\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n')
    savedBefore = await save()
    network = make()
    await network.setUp(config)
  })
  afterAll(async () => { await h[Symbol.asyncDispose]() })

  it('attaches pods that reach each other and the node, and are reached by it; outside sees the node\'s address', async () => {
    expect(await network.attach({ uid: 'uid-a', netns: a.path, name: 'a' }, never)).toEqual({ ip: '10.42.7.2', ips: ['10.42.7.2'] })
    expect((await network.attach({ uid: 'uid-b', netns: b.path, name: 'b' }, never)).ip).toBe('10.42.7.3')
    await Promise.all([h.serve(a, 'a', 8080), h.serve(b, 'b', 8080), h.serve(h.node, 'node', 9090), h.serve(h.outside, 'outside', 9090)])
    expect(await h.ask(h.node, '10.42.7.2', 8080)).toEqual(['a|10.42.7.1'])
    expect(await h.ask(a, '10.42.7.3', 8080)).toEqual(['b|10.42.7.2'])
    expect(await h.ask(b, '10.42.7.3', 8080)).toEqual(['b|10.42.7.3'])
    expect(await h.ask(a, '127.0.0.1', 8080)).toEqual(['a|127.0.0.1'])
    expect(await h.ask(a, '10.42.7.1', 9090)).toEqual(['node|10.42.7.2'])
    expect(await h.ask(a, h.outsideIP, 9090)).toEqual([`outside|${h.nodeIP}`])
  })

  it('is idempotent: setUp and attach again change neither rules nor address nor connectivity', async () => {
    const rules = await save()
    const again = make()
    await again.setUp(config)
    await again.adopt([{ uid: 'uid-a', ip: '10.42.7.2' }, { uid: 'uid-b' }])
    expect((await again.attach({ uid: 'uid-a', netns: a.path, name: 'a' }, never)).ip).toBe('10.42.7.2')
    expect(await save()).toBe(rules)
    expect(await h.ask(b, '10.42.7.2', 8080)).toEqual(['a|10.42.7.3'])
    network = again
  })

  it('attaches within the time of two programs', async () => {
    const pods = await Promise.all(Array.from({ length: 10 }, (_, i) => h.pod(`t${i}`)))
    const times: number[] = []
    for (const [i, pod] of pods.entries()) {
      const from = performance.now()
      await network.attach({ uid: `t${i}`, netns: pod.path, name: `t${i}` }, never)
      times.push(performance.now() - from)
    }
    console.log(`attach with ${backend}: median ${times.sort((x, y) => x - y)[5]?.toFixed(1)} ms`)
    await Promise.all(pods.map((_, i) => network.detach(`t${i}`)))
    expect([...allocations.entries.keys()].sort()).toEqual(['uid-a', 'uid-b'])
  })

  it('after a restart keeps the known, frees and removes the rest; a sandbox made anew gets the same address', async () => {
    const c = await h.pod('c')
    await network.attach({ uid: 'uid-c', netns: c.path, name: 'c' }, never)
    const restarted = make()
    await restarted.setUp(config)
    await restarted.adopt([{ uid: 'uid-a' }, { uid: 'uid-b' }])
    expect(allocations.entries.has('uid-c')).toBe(false)
    expect((await c.exec(['ip', 'link', 'show', 'dev', 'eth0'])).exitCode).not.toBe(0)
    const b2 = await h.pod('b2')
    expect((await restarted.attach({ uid: 'uid-b', netns: b2.path, name: 'b' }, never)).ip).toBe('10.42.7.3')
    await h.serve(b2, 'b2', 8080)
    expect(await h.ask(a, '10.42.7.3', 8080)).toEqual(['b2|10.42.7.2'])
    network = restarted
  })

  it('routes to neighbours; names the node that is none, the others are reached', async () => {
    const far = { node: 'far', podCIDR: '10.42.9.0/24', via: '172.16.0.1' }
    const near = { node: 'near', podCIDR: '10.42.8.0/24', via: h.outsideIP }
    const self = { node: 'self', podCIDR: config.podCIDR, via: h.nodeIP }
    const routes = async (): Promise<string> => (await h.node.exec(['ip', 'route', 'show', 'proto', '98'])).stdout.toString().trim()
    await expect(network.setRoutes([far, near, self, { node: 'six', podCIDR: 'fd00::/64', via: 'fd00::1' }])).rejects.toThrow(/node six: .*node far: no route/)
    expect(await routes()).toBe('10.42.8.0/24 via 192.168.77.2 dev up0')
    await network.setRoutes([near])
    await network.setRoutes([])
    expect(await routes()).toBe('')
  })

  it('refuses an attach to a namespace that is not there and keeps no address for it', async () => {
    await expect(network.attach({ uid: 'uid-x', netns: '/run/netns/none-such', name: 'x' }, never)).rejects.toMatchObject({ code: 'attach-failed' })
    expect(allocations.entries.has('uid-x')).toBe(false)
  })

  it('tearDown leaves the packet filter as it was and no interface; twice is harmless', async () => {
    await network.tearDown()
    await network.tearDown()
    expect(await save()).toBe(savedBefore)
    expect((await h.node.exec(['ip', '-brief', 'link'])).stdout.toString()).not.toMatch(/bramble0|bv/)
  })
})
