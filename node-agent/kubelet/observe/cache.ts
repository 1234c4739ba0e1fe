/**
 * The runtime's state by pod, kept by its event stream: an event only says which container to look at again; a break in the stream lists all anew.
 */
import type { Runtime, Container, Sandbox } from '../../runtime/runtime.ts'

export interface PodView { readonly sandboxes: readonly Sandbox[]; readonly containers: readonly Container[] }

export class RuntimeCache {
  readonly #runtime: Pick<Runtime, 'list' | 'inspect' | 'events'>
  readonly #changed: (podUid: string) => void
  readonly #sandboxes = new Map<string, Sandbox>()
  readonly #containers = new Map<string, Container>()

  readonly #engine: (state: 'up' | 'down') => void

  /** `changed` is called with each pod whose state is, or may be, another; `engine` each time the engine is found to answer, or not to. */
  constructor(runtime: Pick<Runtime, 'list' | 'inspect' | 'events'>, changed: (podUid: string) => void, engine: (state: 'up' | 'down') => void = () => undefined) {
    this.#runtime = runtime
    this.#changed = changed
    this.#engine = engine
  }

  pod(uid: string): PodView {
    const of = <T extends { podUid: string }>(all: Iterable<T>): T[] => [...all].filter((x) => x.podUid === uid)
    return { sandboxes: of(this.#sandboxes.values()), containers: of(this.#containers.values()) }
  }

  containers(): readonly Container[] { return [...this.#containers.values()] }

  container(id: string): Container | undefined { return this.#containers.get(id) }

  /** Ids of the images of all containers. */
  images(): Set<string> { return new Set([...this.#containers.values()].map((c) => c.imageId)) }

  /** Every pod that has a sandbox or a container. */
  pods(): ReadonlyMap<string, Sandbox | undefined> {
    const out = new Map<string, Sandbox | undefined>()
    for (const c of this.#containers.values()) out.set(c.podUid, undefined)
    for (const s of this.#sandboxes.values()) out.set(s.podUid, s)
    return out
  }

  put(thing: { sandbox: Sandbox } | { container: Container }): void {
    if ('sandbox' in thing) this.#sandboxes.set(thing.sandbox.id, thing.sandbox)
    // The event of its end may have been quicker than the answer to its start; nothing that ended runs again.
    else if (this.#containers.get(thing.container.id)?.state !== 'exited') this.#containers.set(thing.container.id, thing.container)
  }

  dropContainer(id: string): void { this.#containers.delete(id) }
  dropSandbox(id: string): void {
    this.#sandboxes.delete(id)
    for (const c of this.#containers.values()) if (c.sandboxId === id) this.#containers.delete(c.id)
  }

  /** Reads one container anew. */
  async look(id: string): Promise<void> {
    const found = await this.#runtime.inspect(id)
    if (found) this.#containers.set(id, found)
    else this.#containers.delete(id)
  }

  /** Reads everything anew. */
  async relist(): Promise<void> {
    const before = new Set(this.pods().keys())
    const { sandboxes, containers } = await this.#runtime.list()
    this.#sandboxes.clear()
    this.#containers.clear()
    for (const sandbox of sandboxes) this.#sandboxes.set(sandbox.id, sandbox)
    for (const container of containers) this.#containers.set(container.id, container)
    for (const uid of new Set([...before, ...this.pods().keys()])) this.#changed(uid)
  }

  /** Follows the event stream until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    for await (const event of this.#runtime.events(signal)) {
      if (event.type === 'down') { this.#engine('down'); continue }
      if (event.type === 'resync') { this.#engine('up'); await this.relist(); continue }
      const known = this.#containers.get(event.containerId)
      // Our own start has told us already; so has our own removal.
      if (event.type === 'started' && known?.state === 'running') continue
      if (event.type === 'removed' && !known) continue
      await this.look(event.containerId)
      this.#changed(event.podUid)
    }
  }
}
