import { contains, formatCidr, formatIPv4, parseIPv4, sizeOf, type Cidr } from '../../shared/values/cidr.ts'
import { NetworkError, type AllocationStore } from './network.ts'

/**
 * The addresses of one podCIDR. The first host address is the bridge's, network and broadcast are never given. A freed address is the last to be given again:
 * peers may still hold connections or caches for it. Memory is bounded by the range (/16 or smaller); what was freed in which order is not kept across restarts.
 */
export class Ipam {
  readonly #range: Cidr
  readonly #store: AllocationStore
  readonly #byUid = new Map<string, number>()
  readonly #byAddress = new Map<number, string>()
  /** Freed, oldest first. An address never used is older than any of these. */
  readonly #freed = new Set<number>()
  #fresh: number

  private constructor(range: Cidr, store: AllocationStore) {
    this.#range = range
    this.#store = store
    this.#fresh = range.network + 2
  }

  /** Reads what was allocated. Entries outside the range (the node got another podCIDR) are removed from the store. */
  static async load(range: Cidr, store: AllocationStore): Promise<Ipam> {
    if (range.prefix < 16 || range.prefix > 30) {
      throw new NetworkError('invalid-config', `podCIDR ${formatCidr(range)} is refused: its prefix must be between /16 and /30`)
    }
    const ipam = new Ipam(range, store)
    for (const { uid, ip } of await store.all()) {
      const address = parseIPv4(ip)
      if (address !== undefined && ipam.#usable(address) && !ipam.#byAddress.has(address)) ipam.#take(uid, address)
      else await store.remove(uid)
    }
    return ipam
  }

  get gateway(): string { return formatIPv4(this.#range.network + 1) }
  get size(): number { return this.#byUid.size }
  of(uid: string): string | undefined {
    const address = this.#byUid.get(uid)
    return address === undefined ? undefined : formatIPv4(address)
  }
  uids(): IterableIterator<string> { return this.#byUid.keys() }

  /** The pod's address; a new one where it has none. Durable when it resolves. Throws `exhausted`. */
  async allocate(uid: string): Promise<string> {
    const had = this.#byUid.get(uid)
    if (had !== undefined) return formatIPv4(had)
    const address = this.#next()
    this.#take(uid, address)
    try {
      await this.#store.put(uid, formatIPv4(address))
    } catch (e) {
      this.#give(uid)
      throw e
    }
    return formatIPv4(address)
  }

  /** Notes that a pod has this address. False where it cannot be: outside the range, or another pod's. */
  async claim(uid: string, ip: string): Promise<boolean> {
    const address = parseIPv4(ip)
    if (address === undefined || !this.#usable(address)) return false
    const owner = this.#byAddress.get(address)
    if (owner === uid) return true
    if (owner !== undefined) return false
    this.#give(uid)
    this.#take(uid, address)
    await this.#store.put(uid, ip)
    return true
  }

  async release(uid: string): Promise<void> {
    if (!this.#byUid.has(uid)) return
    await this.#store.remove(uid)
    this.#give(uid)
  }

  #usable(address: number): boolean {
    return contains(this.#range, address) && address > this.#range.network + 1 && address < this.#range.network + sizeOf(this.#range) - 1
  }

  #take(uid: string, address: number): void {
    this.#byUid.set(uid, address)
    this.#byAddress.set(address, uid)
    this.#freed.delete(address)
  }

  #give(uid: string): void {
    const address = this.#byUid.get(uid)
    if (address === undefined) return
    this.#byUid.delete(uid)
    this.#byAddress.delete(address)
    this.#freed.add(address)
  }

  #next(): number {
    while (this.#usable(this.#fresh)) {
      const address = this.#fresh++
      if (!this.#byAddress.has(address) && !this.#freed.has(address)) return address
    }
    const [oldest] = this.#freed
    if (oldest !== undefined) return oldest
    throw new NetworkError('exhausted', `no address left in podCIDR ${formatCidr(this.#range)}: all ${sizeOf(this.#range) - 3} are in use`)
  }
}
