/**
 * ClusterIPs and node ports of Services (`pkg/registry/core/service/storage.Allocators`). Each address in use is a key of its own in the
 * store, made with "must not exist": two Services never get the same one, whoever writes at the same time. A crash between the
 * reservation and the Service leaves a reservation without owner; {@link releaseOrphans} frees those at start.
 */
import type { Service, ServiceSpec } from '../../../shared/api/core-v1.ts'
import { internal } from '../../../shared/base/errors.ts'
import type { Random } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import { invalid } from '../encode/validation-status.ts'
import { allocationPrefix, resourcePrefix } from '../keys.ts'
import type { FieldError } from '../resources/definition.ts'
import { goneWith } from '../verbs/gone.ts'
import { addressAt, indexOfAddress, parseCidr } from './address-range.ts'
import type { AddressRange } from './address-range.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'

interface Deps {
  readonly store: Store
  readonly random: Random
  readonly serviceCIDR: string
  readonly nodePortRange: { readonly from: number; readonly to: number }
}

type Pool = 'cluster-ips' | 'node-ports'
const serviceKind = { group: '', resource: 'services', namespaced: true }
const keyIn = (pool: Pool, value: string | number): string => allocationPrefix(pool) + value

const takesClusterIP = (spec: ServiceSpec | undefined): boolean => spec !== undefined && spec.type !== 'ExternalName'
const takesNodePorts = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

const addressesOf = (spec: ServiceSpec | undefined): string[] =>
  (takesClusterIP(spec) ? spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []) : []).filter((ip) => ip !== '' && ip !== 'None')
const portsOf = (spec: ServiceSpec | undefined): number[] =>
  [...new Set([...(spec?.ports ?? []).map((p) => p.nodePort ?? 0), spec?.healthCheckNodePort ?? 0])].filter((p) => p > 0)
const keysOf = (spec: ServiceSpec | undefined): Set<string> =>
  new Set([...addressesOf(spec).map((ip) => keyIn('cluster-ips', ip)), ...portsOf(spec).map((p) => keyIn('node-ports', p))])

export function serviceAddresses(deps: Deps): AdmissionPlugin {
  const range = parseCidr(deps.serviceCIDR)
  return {
    name: 'ServiceAddresses',
    mutate(request) {
      if (request.definition.resource !== 'services' || request.definition.group !== '' || request.subresource !== '') return
      const old = request.old as Service | undefined
      if (request.operation === 'DELETE') {
        request.settle.push((committed) => (committed ? release(deps, keysOf(old?.spec)) : Promise.resolve()))
        return
      }
      return new Allocation(deps, range, request, old).run()
    },
  }
}

/** The addresses of one write. */
class Allocation {
  readonly #deps: Deps
  readonly #range: AddressRange
  readonly #request: AdmissionRequest
  readonly #old: ServiceSpec | undefined
  readonly #taken = new Set<string>()

  constructor(deps: Deps, range: AddressRange, request: AdmissionRequest, old: Service | undefined) {
    this.#deps = deps
    this.#range = range
    this.#request = request
    this.#old = old?.spec
  }

  async run(): Promise<void> {
    const service = this.#request.object as Service
    const spec = (service.spec ??= {})
    this.#request.settle.push((committed) => this.#settle(committed, service))
    carryOver(spec, this.#old)
    await this.#clusterIP(spec)
    if (takesNodePorts(spec)) await this.#nodePorts(spec)
  }

  async #settle(committed: boolean, service: Service): Promise<void> {
    if (!committed) return release(this.#deps, this.#taken)
    const kept = goneWith(service) ? new Set<string>() : keysOf(service.spec)
    const freed = [...keysOf(this.#old), ...(goneWith(service) ? keysOf(service.spec) : [])].filter((key) => !kept.has(key))
    return release(this.#deps, new Set(freed))
  }

  /** False: somebody else has it. What the old object had is ours. */
  async #take(pool: Pool, value: string | number): Promise<boolean> {
    const key = keyIn(pool, value)
    if (this.#taken.has(key) || keysOf(this.#old).has(key)) return true
    if (this.#deps.store.get(key)) return false
    if (this.#request.dryRun) return true
    const owner = Buffer.from(JSON.stringify({ namespace: this.#request.namespace, name: this.#request.object?.metadata?.name ?? '' }))
    const result = await this.#deps.store.write({ type: 'put', key, value: owner, expect: 0, durability: 'durable' })
    if (result.ok) this.#taken.add(key)
    return result.ok
  }

  async #clusterIP(spec: ServiceSpec): Promise<void> {
    if (!takesClusterIP(spec)) return
    if (spec.clusterIPs?.length && !spec.clusterIP) spec.clusterIP = spec.clusterIPs[0] ?? ''
    if (!spec.clusterIP) spec.clusterIP = await this.#anyAddress()
    else if (spec.clusterIP !== 'None') await this.#givenAddress(spec.clusterIP)
    spec.clusterIPs ??= [spec.clusterIP]
    spec.ipFamilies ??= ['IPv4']
    spec.ipFamilyPolicy ??= 'SingleStack'
  }

  async #givenAddress(ip: string): Promise<void> {
    const refuse = (why: string): never => this.#refuse({ type: 'Invalid', field: 'spec.clusterIPs', value: [ip], detail: `failed to allocate IP ${ip}: ${why}` })
    const index = indexOfAddress(this.#range, ip)
    if (index === undefined) {
      if (addressesOf(this.#old).includes(ip)) return
      refuse(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${this.#deps.serviceCIDR}`)
    }
    if (!await this.#take('cluster-ips', ip)) refuse('provided IP is already allocated')
  }

  /** Random, in the upper part of the range first: the lower is for addresses that people choose (KEP-3070). */
  async #anyAddress(): Promise<string> {
    const { size } = this.#range
    const band = Math.min(Math.max(16, Math.floor(size / 16)), 256)
    const low = size > band * 2 ? band : 0
    for (const [start, count] of [[low, size - low], [0, low]] as const) {
      const first = Math.floor(this.#deps.random.float() * count)
      for (let i = 0; i < count; i++) {
        const ip = addressAt(this.#range, start + ((first + i) % count))
        if (await this.#take('cluster-ips', ip)) return ip
      }
    }
    throw internal('failed to allocate a serviceIP: range is full')
  }

  async #nodePorts(spec: ServiceSpec): Promise<void> {
    for (const [i, port] of (spec.ports ?? []).entries()) {
      if (port.nodePort) await this.#givenPort(port.nodePort, `spec.ports[${i}].nodePort`)
      else {
        // One number for TCP and UDP on the same port, as for DNS.
        const sibling = spec.ports?.find((other) => other.port === port.port && other.protocol !== port.protocol && other.nodePort)
        port.nodePort = sibling?.nodePort ?? await this.#anyPort()
      }
    }
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') delete spec.healthCheckNodePort
    else if (spec.healthCheckNodePort) await this.#givenPort(spec.healthCheckNodePort, 'spec.healthCheckNodePort')
    else spec.healthCheckNodePort = await this.#anyPort()
  }

  async #givenPort(port: number, field: string): Promise<void> {
    const { from, to } = this.#deps.nodePortRange
    if ((port < from || port > to) && !portsOf(this.#old).includes(port)) {
      this.#refuse({ type: 'Invalid', field, value: port, detail: `provided port is not in the valid range. The range of valid ports is ${from}-${to}` })
    }
    if (!await this.#take('node-ports', port)) this.#refuse({ type: 'Invalid', field, value: port, detail: 'provided port is already allocated' })
  }

  async #anyPort(): Promise<number> {
    const { from, to } = this.#deps.nodePortRange
    const count = to - from + 1
    const first = Math.floor(this.#deps.random.float() * count)
    for (let i = 0; i < count; i++) {
      const port = from + ((first + i) % count)
      if (!this.#taken.has(keyIn('node-ports', port)) && await this.#take('node-ports', port)) return port
    }
    throw internal('failed to allocate a nodePort: range is full')
  }

  #refuse(error: FieldError): never { throw invalid({ group: '', kind: 'Service' }, this.#request.object?.metadata?.name ?? '', [error]) }
}

/** An update that leaves an allocated value out keeps it (`patchAllocatedValues`). */
function carryOver(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  if (!old) return
  if (takesClusterIP(spec) && takesClusterIP(old) && !spec.clusterIP && !spec.clusterIPs?.length) {
    if (old.clusterIP) spec.clusterIP = old.clusterIP
    if (old.clusterIPs) spec.clusterIPs = [...old.clusterIPs]
  }
  if (!takesNodePorts(spec)) {
    for (const port of spec.ports ?? []) if (takesNodePorts(old)) delete port.nodePort
    return
  }
  for (const port of spec.ports ?? []) {
    const before = old.ports?.find((p) => p.port === port.port && p.protocol === port.protocol)
    if (!port.nodePort && before?.nodePort) port.nodePort = before.nodePort
  }
  if (spec.type === 'LoadBalancer' && !spec.healthCheckNodePort && old.healthCheckNodePort) spec.healthCheckNodePort = old.healthCheckNodePort
}

async function release({ store }: Pick<Deps, 'store'>, keys: Iterable<string>): Promise<void> {
  for (const key of keys) {
    const entry = store.get(key)
    if (entry) await store.write({ type: 'delete', key, expect: entry.modRevision, durability: 'durable' })
  }
}

/** Frees reservations that no Service has: what a crash between two writes left. To be run before requests are served. Resolves with how many. */
export async function releaseOrphans(store: Store): Promise<number> {
  const used = new Set<string>()
  for (const { value } of store.list({ prefix: resourcePrefix(serviceKind) }).entries) {
    for (const key of keysOf((JSON.parse(value.toString()) as Service).spec)) used.add(key)
  }
  const orphans = (['cluster-ips', 'node-ports'] as const).flatMap((pool) => store.list({ prefix: allocationPrefix(pool) }).entries.map((e) => e.key)).filter((key) => !used.has(key))
  await release({ store }, orphans)
  return orphans.length
}
