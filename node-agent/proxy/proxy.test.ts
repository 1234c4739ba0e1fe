import { describe, expect, it } from 'vitest'
import type { Service } from '../../shared/api/core-v1.ts'
import type { EndpointSlice } from '../../shared/api/discovery-v1.ts'
import type { ExecResult } from '../../shared/host/exec.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { staleFlows, staleListed } from './conntrack.ts'
import { servicePorts } from './endpoints.ts'
import { detectBackend, type Exec } from '../../shared/host/iptables.ts'
import { createProxy } from './proxy.ts'
import { Tracer } from './tracer.ts'

const result = (stdout: string, exitCode = 0): ExecResult => ({ exitCode, stdout: Buffer.from(stdout), stderr: Buffer.alloc(0), timedOut: false, truncated: false })
const web: Service = { metadata: { name: 'web', namespace: 'd' }, spec: { clusterIP: '10.43.0.10', ports: [{ port: 80 }] } }
const slice = (ips: string[], protocol = 'TCP'): EndpointSlice => ({
  metadata: { name: 'web-1', namespace: 'd', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4', ports: [{ port: 8080, protocol }], endpoints: ips.map((ip) => ({ addresses: [ip] })),
})

function world() {
  const clock = new FakeClock()
  const kernel = new Tracer({ nodeAddresses: [] })
  const writes: string[] = []
  const sysctls: string[] = []
  const state = { failing: false, saves: 0 }
  const proxy = createProxy({
    clock, log: silentLog, node: { name: 'n' }, clusterCIDR: '10.42.0.0/16', exec: async () => result('', 0), writeSysctl: async (key, value) => { sysctls.push(`${key}=${value}`) },
    iptables: {
      backend: 'nft',
      save: async () => { state.saves++; return kernel.save() },
      restore: async (text) => {
        if (state.failing) throw new Error('xtables lock held')
        writes.push(text)
        kernel.restore(text)
      },
    },
  })
  const to = (): string[] => kernel.trace({ from: 'pod', protocol: 'tcp', source: '10.42.0.9', dest: '10.43.0.10', port: 80 }).map((o) => o.to)
  return { clock, kernel, writes, sysctls, state, proxy, to }
}

describe('proxy', () => {
  it('writes the first state at once and coalesces what follows; the newest wins', async () => {
    const w = world()
    w.proxy.update([web], [slice(['10.42.0.1'])])
    await w.proxy.settled()
    expect(w.to()).toEqual(['10.42.0.1:8080'])
    expect(w.sysctls).toEqual(['net/ipv4/ip_forward=1', 'net/ipv4/conf/all/route_localnet=1'])
    for (let i = 2; i < 30; i++) w.proxy.update([web], [slice([`10.42.0.${i}`])])
    expect(w.proxy.status().synced).toBe(false)
    const settled = w.proxy.settled()
    await w.clock.advance(50)
    await settled
    expect(w.writes).toHaveLength(2)
    expect(w.state.saves).toBe(1)
    expect(w.to()).toEqual(['10.42.0.29:8080'])
    expect(w.proxy.status()).toMatchObject({ synced: true, last: { kind: 'partial' } })
    w.proxy.update([web], [slice(['10.42.0.29'])])
    await w.clock.advance(50)
    expect(w.writes).toHaveLength(2)
    await w.proxy.stop()
    expect(w.clock.pending).toBe(0)
  })

  it('retries with growing pauses, tells the error, then writes everything', async () => {
    const w = world()
    w.state.failing = true
    w.proxy.update([web], [slice(['10.42.0.1'])])
    await expect(w.proxy.settled()).rejects.toThrow('xtables lock held')
    expect(w.proxy.status()).toMatchObject({ synced: false, error: 'xtables lock held' })
    const before = w.state.saves
    await w.clock.advance(99)
    expect(w.state.saves).toBe(before)
    await w.clock.advance(1)
    expect(w.state.saves).toBe(before + 1)
    await w.clock.advance(199)
    expect(w.state.saves).toBe(before + 1)
    w.state.failing = false
    await w.clock.advance(1)
    await w.proxy.settled()
    expect(w.to()).toEqual(['10.42.0.1:8080'])
    await w.proxy.stop()
  })

  it('puts back what another program flushed, at the next resync', async () => {
    const w = world()
    w.proxy.update([web], [slice(['10.42.0.1'])])
    await w.proxy.settled()
    w.kernel.restore('*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n')
    expect(w.to()).toEqual(['UNTRANSLATED'])
    await w.clock.advance(600_000)
    expect(w.to()).toEqual(['10.42.0.1:8080'])
    await w.proxy.tearDown()
    expect(w.kernel.save()).not.toContain('BRAMBLE')
    w.proxy.update([web], [slice(['10.42.0.2'])])
    await w.clock.advance(1_000_000)
    expect(w.kernel.save()).not.toContain('BRAMBLE')
  })
})

describe('conntrack', () => {
  const ports = (ips: string[], protocol: string) =>
    servicePorts([{ ...web, spec: { ...web.spec, type: 'NodePort', ports: [{ port: 80, protocol, nodePort: 30080 }] } }], [slice(ips, protocol)], { name: 'n' }).ports
  it('forgets UDP flows to endpoints that went, and untranslated ones when the first comes', () => {
    expect(staleFlows(ports(['10.42.0.1', '10.42.0.2'], 'UDP'), ports(['10.42.0.2', '10.42.0.3'], 'UDP'))).toEqual([
      ['--orig-dst', '10.43.0.10', '--orig-port-dst', '80', '--dst-nat', '10.42.0.1'], ['--orig-port-dst', '30080', '--dst-nat', '10.42.0.1'],
    ])
    expect(staleFlows(ports([], 'UDP'), ports(['10.42.0.2'], 'UDP'))).toEqual([['--orig-dst', '10.43.0.10', '--orig-port-dst', '80'], ['--orig-port-dst', '30080']])
    expect(staleFlows(ports(['10.42.0.1'], 'UDP'), [])).toHaveLength(2)
    expect(staleFlows(ports(['10.42.0.1'], 'TCP'), ports([], 'TCP'))).toEqual([])
  })
})

describe('conntrack at start', () => {
  it('forgets flows that no endpoint answers, and nothing that is not the service\'s', () => {
    const ports = servicePorts([{ ...web, spec: { ...web.spec, type: 'NodePort', ports: [{ port: 80, protocol: 'UDP', nodePort: 30080 }] } }], [slice(['10.42.0.1'], 'UDP')], { name: 'n' }).ports
    const flow = (client: number, dest: string, port: number, answers: string): string =>
      `udp      17 29 src=10.42.0.9 dst=${dest} sport=${client} dport=${port} [UNREPLIED] src=${answers} dst=10.42.0.9 sport=8080 dport=${client} mark=0 use=1`
    const listing = [
      flow(1001, '10.43.0.10', 80, '10.42.0.1'), flow(1002, '10.43.0.10', 80, '10.42.0.2'), flow(1003, '10.43.0.10', 80, '10.43.0.10'), flow(1004, '10.43.0.10', 81, '10.42.0.2'),
      flow(1005, '192.168.1.1', 30080, '10.42.0.2'), flow(1006, '8.8.8.8', 30080, '8.8.8.8'), flow(1007, '192.168.1.1', 30080, '10.42.0.1'), '',
    ].join('\n')
    expect(staleListed(listing, ports).map((filter) => filter[5])).toEqual(['1002', '1003', '1005'])
  })
})

describe('backend', () => {
  const machine = (version: string, nft: string | undefined, legacy = ''): Exec => async (argv) => {
    if (argv[0] === 'iptables') return result(`iptables v1.8.9 (${version})\n`)
    if (argv[0] === 'iptables-nft-save') return nft === undefined ? result('', 1) : result(nft)
    return result(legacy)
  }
  const some = '*filter\n-A FORWARD -j DROP\nCOMMIT\n'
  it.each([
    ['linked to legacy', machine('legacy', some), '', 'legacy'], ['linked to nft', machine('nf_tables', ''), '', 'nft'], ['kernel without nf_tables', machine('nf_tables', undefined), '', 'legacy'],
    ['only legacy tables hold rules', machine('nf_tables', '*filter\nCOMMIT\n', some), 'filter\n', 'legacy'], ['legacy tables are empty', machine('nf_tables', '', '*filter\nCOMMIT\n'), 'filter\n', 'nft'],
    ['both hold rules', machine('nf_tables', some, some), 'filter\n', 'nft'],
  ])('%s', async (_, exec, tables, expected) => {
    expect(await detectBackend(exec, tables)).toBe(expected)
  })
})
