import { describe, expect, it } from 'vitest'
import { Tracer } from '../proxy/tracer.ts'
import { parseCidr, type Cidr } from '../../shared/values/cidr.ts'
import { vethOf } from './apply.ts'
import { bridgeCommands, checkConfig, filterText, macOf, removalText, routeChanges } from './plan.ts'

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(text)
  return parsed
}

describe('config', () => {
  it.each([
    [{ podCIDR: 'fd00::/64', clusterCIDR: '10.42.0.0/16' }, 'unsupported', 'podCIDR fd00::/64 is refused'],
    [{ podCIDR: '10.42.1.0/24,fd00::/64', clusterCIDR: '10.42.0.0/16' }, 'unsupported', 'dual stack'],
    [{ podCIDR: '10.42.1', clusterCIDR: '10.42.0.0/16' }, 'invalid-config', 'podCIDR "10.42.1" is not an IPv4 network'],
    [{ podCIDR: '10.43.1.0/24', clusterCIDR: '10.42.0.0/16' }, 'invalid-config', 'is not within clusterCIDR 10.42.0.0/16'],
    [{ podCIDR: '10.42.0.0/16', clusterCIDR: '10.42.0.0/24' }, 'invalid-config', 'is not within'],
    [{ podCIDR: '10.42.1.0/24', clusterCIDR: '10.42.0.0/16', mtu: 100 }, 'invalid-config', 'mtu 100'],
  ])('refuses %j', (config, code, text) => {
    let thrown: unknown
    try { checkConfig(config) } catch (e) { thrown = e }
    expect(thrown).toMatchObject({ code, message: expect.stringContaining(text) })
  })
})

describe('names', () => {
  it('fit the kernel, are stable and differ by pod and bridge', () => {
    const name = vethOf('bramble0', '2b0c2a3e-58a5-4c6e-9f2d-8a0b7d4d9a11')
    expect(name).toMatch(/^bv[0-9a-f]{11}$/)
    expect(vethOf('bramble0', '2b0c2a3e-58a5-4c6e-9f2d-8a0b7d4d9a11')).toBe(name)
    expect(vethOf('bramble1', '2b0c2a3e-58a5-4c6e-9f2d-8a0b7d4d9a11')).not.toBe(name)
    expect(macOf('10.42.7.200')).toBe('0a:58:0a:2a:07:c8')
  })
})

describe('bridge', () => {
  const plan = { bridge: 'bramble0', gateway: '10.42.7.1', prefix: 24, mtu: 1500 }
  it('moves to a new range: the old address goes', () => {
    const commands = bridgeCommands(plan, { isBridge: true, addresses: ['10.42.3.1/24', '10.42.7.1/24'] })
    expect(commands.filter((c) => c.startsWith('addr del'))).toEqual(['addr del 10.42.3.1/24 dev bramble0'])
    expect(commands.some((c) => c.startsWith('link add'))).toBe(false)
  })
  it('refuses an interface of that name that is none', () => {
    expect(() => bridgeCommands(plan, { isBridge: false, addresses: [] })).toThrow('exists and is not a bridge')
  })
})

describe('routes', () => {
  it('adds, changes, removes; refuses overlap, IPv6 and nonsense by node', () => {
    const { remove, add, refused } = routeChanges(cidr('10.42.7.0/24'), [
      { node: 'me', podCIDR: '10.42.7.0/24', via: '192.168.1.1' }, { node: 'same', podCIDR: '10.42.1.0/24', via: '192.168.1.2' }, { node: 'moved', podCIDR: '10.42.2.0/24', via: '192.168.1.33' },
      { node: 'new', podCIDR: '10.42.4.0/24', via: '192.168.1.4' }, { node: 'clash', podCIDR: '10.42.0.0/20', via: '192.168.1.5' }, { node: 'six', podCIDR: '10.42.6.0/24', via: 'fe80::1' },
    ], [{ podCIDR: '10.42.1.0/24', via: '192.168.1.2' }, { podCIDR: '10.42.2.0/24', via: '192.168.1.3' }, { podCIDR: '10.42.3.0/24', via: '192.168.1.9' }])
    expect(remove.map((r) => r.podCIDR)).toEqual(['10.42.3.0/24'])
    expect(add.map((r) => r.node)).toEqual(['moved', 'new'])
    expect(refused).toEqual(['node clash: podCIDR 10.42.0.0/20 overlaps that of this node', 'node six: InternalIP "fe80::1" is not an IPv4 address'])
  })
})

describe('packet filter', () => {
  const plan = { bridge: 'bramble0', chainPrefix: 'BRAMBLE', pods: cidr('10.42.7.0/24'), cluster: cidr('10.42.0.0/16') }
  const forward = (t: Tracer): string[] => t.save().split('\n').filter((line) => line.startsWith('-A FORWARD')).map((line) => line.split(' -j ')[1] ?? '')

  it('stands before all others but after the proxy\'s rejections, and stays there when written again', () => {
    const t = new Tracer({ nodeAddresses: [] })
    t.restore('*filter\n:DOCKER-USER - [0:0]\n:BRAMBLE-SERVICES - [0:0]\n:BRAMBLE-FORWARD - [0:0]\n-A FORWARD -j BRAMBLE-SERVICES\n-A FORWARD -j BRAMBLE-FORWARD\n-A FORWARD -j DOCKER-USER\nCOMMIT\n')
    const before = t.save()
    for (let i = 0; i < 3; i++) {
      t.restore(filterText(plan, t.save()))
      expect(forward(t)).toEqual(['BRAMBLE-SERVICES', 'BRAMBLE-FORWARD', 'BRAMBLE-NET-FORWARD', 'DOCKER-USER'])
    }
    t.restore(removalText('BRAMBLE', t.save()) ?? '')
    expect(t.save()).toBe(before)
    expect(removalText('BRAMBLE', before)).toBeUndefined()
  })
})
