import type { EndpointSlice } from '../../shared/api/discovery-v1.ts'
import type { Service } from '../../shared/api/core-v1.ts'
import type { Millis } from '../../shared/base/brands.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { Clock, Log } from '../../shared/base/host.ts'
import { RuleApplier, type Applied } from './apply.ts'
import { chainDigest } from './chain-digest.ts'
import { deleteFlows, listFlows, staleFlows, staleHostPorts, staleListed } from './conntrack.ts'
import { servicePorts, type NodeIdentity, type PortInfo } from './endpoints.ts'
import type { HostPort, HostPorts } from '../host-ports.ts'
import type { Exec, Iptables } from '../../shared/host/iptables.ts'
import { rulesFor, type RuleConfig } from './rules.ts'
import { proxySysctls } from './sysctls.ts'

export interface ProxyOptions {
  readonly exec: Exec
  readonly iptables: Iptables
  readonly clock: Clock
  readonly log: Log
  readonly node: NodeIdentity
  /** Asked at each write; the proxy listens for its changes. */
  readonly hostPorts?: Pick<HostPorts, 'list' | 'onChange'>
  /** Writes one file under /proc/sys; `key` is the path below it. */
  readonly writeSysctl: (key: string, value: string) => Promise<void>
  /** Of all pods of the cluster. */
  readonly clusterCIDR?: string
  /** 1 to 7 of A-Z 0-9 (`<prefix>-SVC-` and 16 characters make 28). Default `BRAMBLE`; the same as the pod network's. */
  readonly chainPrefix?: string
  /** NodePorts on 127.0.0.1 too. Default true, as upstream. */
  readonly localhostNodePorts?: boolean
  /** For pod networks that bridge. Default false: ours routes. */
  readonly bridgeNetfilter?: boolean
  /** Default 0x8000, which neither Kubernetes (0x4000) nor Docker uses. */
  readonly masqueradeBit?: number
  readonly masqueradeAll?: boolean
  /** Between two writes. Default 50. */
  readonly minInterval?: Millis
  /** Everything is read and written anew after this, in case another program flushed our rules. Default 10 minutes; 0 is never. */
  readonly resyncInterval?: Millis
}

/**
 * Service routing of a node. Level-triggered: `update` says what is now; the newest state is written at once where the last write is `minInterval` ago, else then;
 * states between are skipped. A failed write is retried (0.1 s doubling to 30 s) with everything written anew.
 */
export interface Proxy {
  /** Takes the whole state (what is not in it is removed: call it first once the cached state is complete); arguments are not changed and not copied: pass frozen or fresh ones. */
  update(services: readonly Service[], slices: readonly EndpointSlice[]): void
  /** Read and write everything anew, as after another program flushed the tables. */
  resync(): void
  /** Resolves when what was given last is in the kernel; rejects with the error where the last write failed (retries go on). */
  settled(): Promise<void>
  /** Last outcome, for health reports. */
  status(): { readonly synced: boolean; readonly error: string | undefined; readonly last: Applied | undefined }
  /** Stops; rules stay, so that services work while the agent restarts. Resolves when a write under way is done. */
  stop(): Promise<void>
  /** Stops and removes every rule and chain of ours. */
  tearDown(): Promise<void>
}

const firstRetry: Millis = 100
const lastRetry: Millis = 30_000

export function createProxy(options: ProxyOptions): Proxy {
  const prefix = options.chainPrefix ?? 'BRAMBLE'
  if (!/^[A-Z][A-Z0-9]{0,6}$/.test(prefix)) throw new Error(`chain prefix ${JSON.stringify(prefix)} is refused: 1 to 7 of A-Z 0-9`)
  return new RuleLoop(options, prefix)
}

class RuleLoop implements Proxy {
  readonly #options: ProxyOptions
  readonly #config: RuleConfig
  readonly #applier: RuleApplier
  #state: { services: readonly Service[]; slices: readonly EndpointSlice[] } | undefined
  /** What was routed last; undefined until this process wrote once. */
  #ports: readonly PortInfo[] | undefined
  #hostPorts: readonly HostPort[] | undefined
  #dirty = false
  #stopped = false
  #running: Promise<void> | undefined
  #timer: Disposable | undefined
  #resyncTimer: Disposable | undefined
  #lastWrite = -Infinity
  #failures = 0
  #error: unknown
  #applied: Applied | undefined
  #refused = new Map<string, string>()
  #sysctlsWritten = false
  #waiters: PromiseWithResolvers<void>[] = []

  constructor(options: ProxyOptions, chainPrefix: string) {
    this.#options = options
    this.#config = {
      chainPrefix, clusterCIDR: options.clusterCIDR, localhostNodePorts: options.localhostNodePorts ?? true, masqueradeBit: options.masqueradeBit ?? 0x8000,
      masqueradeAll: options.masqueradeAll ?? false, digest: chainDigest,
    }
    this.#applier = new RuleApplier(options.iptables, chainPrefix)
    options.hostPorts?.onChange(() => { if (this.#state) this.#wake() })
  }

  update(services: readonly Service[], slices: readonly EndpointSlice[]): void {
    this.#state = { services, slices }
    this.#wake()
  }

  resync(): void {
    this.#applier.forget()
    if (this.#state) this.#wake()
  }

  settled(): Promise<void> {
    if (!this.#dirty && !this.#running) return this.#error === undefined ? Promise.resolve() : Promise.reject(this.#error as Error)
    const waiter = Promise.withResolvers<void>()
    this.#waiters.push(waiter)
    return waiter.promise
  }

  status() {
    return { synced: !this.#dirty && this.#error === undefined && this.#applied !== undefined, error: this.#error === undefined ? undefined : messageOf(this.#error), last: this.#applied }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.[Symbol.dispose]()
    this.#resyncTimer?.[Symbol.dispose]()
    this.#timer = undefined
    await this.#running
    this.#dirty = false
    this.#settle(new Error('the proxy was stopped'))
  }

  async tearDown(): Promise<void> {
    await this.stop()
    await this.#applier.removeAll()
  }

  #wake(): void {
    if (this.#stopped) return
    this.#dirty = true
    // While failing, the retry timer alone sets the pace: new states do not hammer a broken kernel.
    if (this.#running || this.#timer) return
    const wait = this.#lastWrite + (this.#options.minInterval ?? 50) - this.#options.clock.monotonic()
    if (wait <= 0) this.#run()
    else this.#after(wait)
  }

  #after(ms: Millis): void {
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined
      this.#run()
    })
  }

  /** The only place that starts work; `#sync` never rejects. */
  #run(): void {
    if (this.#stopped) return
    this.#running = this.#sync().then(() => {
      this.#running = undefined
      if (this.#stopped) return
      if (this.#error !== undefined) this.#after(Math.min(firstRetry * 2 ** (this.#failures - 1), lastRetry))
      else if (this.#dirty) this.#after(this.#options.minInterval ?? 50)
      if (this.#error !== undefined || !this.#dirty) this.#settle(this.#error)
    })
  }

  #settle(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (error === undefined) waiter.resolve()
      else waiter.reject(error)
    }
  }

  async #sync(): Promise<void> {
    const state = this.#state
    if (!state) return
    this.#dirty = false
    try {
      await this.#writeSysctls()
      const hostPorts = this.#options.hostPorts?.list() ?? []
      const { ports, refused } = servicePorts(state.services, state.slices, this.#options.node)
      this.#applied = await this.#applier.apply(rulesFor(ports, this.#config, hostPorts))
      this.#tellRefused(refused)
      const moved = this.#hostPorts === undefined ? [] : staleHostPorts(this.#hostPorts, hostPorts)
      await deleteFlows(this.#options.exec, [...await this.#staleFlows(ports), ...moved])
      this.#hostPorts = hostPorts
      this.#ports = ports
      this.#error = undefined
      this.#failures = 0
    } catch (e) {
      this.#error = e
      this.#failures++
      this.#dirty = true
      this.#applier.forget()
      this.#options.log.error('service rules not written, will retry', { failures: this.#failures, error: messageOf(e) })
    }
    this.#lastWrite = this.#options.clock.monotonic()
    this.#planResync()
  }

  async #staleFlows(ports: readonly PortInfo[]): Promise<string[][]> {
    if (this.#ports) return staleFlows(this.#ports, ports)
    return ports.some((port) => port.protocol === 'udp') ? staleListed(await listFlows(this.#options.exec), ports) : []
  }

  async #writeSysctls(): Promise<void> {
    if (this.#sysctlsWritten) return
    for (const [key, value] of proxySysctls({ localhostNodePorts: this.#config.localhostNodePorts, bridgeNetfilter: this.#options.bridgeNetfilter ?? false })) {
      await this.#options.writeSysctl(key, value)
    }
    this.#sysctlsWritten = true
  }

  #tellRefused(refused: Map<string, string>): void {
    for (const [service, why] of refused) if (this.#refused.get(service) !== why) this.#options.log.warn('service not routed', { service, why })
    this.#refused = refused
  }

  #planResync(): void {
    const interval = this.#options.resyncInterval ?? 600_000
    if (interval === 0 || this.#resyncTimer || this.#stopped) return
    this.#resyncTimer = this.#options.clock.after(interval, () => {
      this.#resyncTimer = undefined
      this.resync()
    })
  }
}
