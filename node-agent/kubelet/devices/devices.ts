/**
 * The devices of this node: which there are, who has them, and what becomes of them. A change is pushed by the kernel (inotify); a look every few minutes with the kubelet's own is the net.
 * Who has what is on disk before a container is started, so that neither a crash of the agent nor a reboot without a control plane gives a device to two.
 */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import type { Device as ContainerDevice, Mount } from '../../runtime/runtime.ts'
import { allocate, amounts, wishes, type Amounts, type Held } from './allocation/plan.ts'
import { domain, type DeviceClass } from './classes.ts'
import { fileNumbers, podDevices, type PodDevice } from './health/plan.ts'
import { inventory, numbersOf, type Device, type DeviceFile, type Numbers } from './inventory/plan.ts'
import { observe, type ObserveDeps } from './observe.ts'

export interface DeviceStore {
  all(): Promise<readonly Held[]>
  /** In one transaction, durable when it resolves; replaces what the same container has of the same unit. */
  put(held: readonly Held[]): Promise<void>
  remove(uids: readonly string[]): Promise<void>
}

export interface DeviceFacts extends Numbers { readonly mode: number; readonly gid: number }

export interface DeviceDeps {
  readonly files: ObserveDeps['files']
  readonly node: (path: string) => Promise<DeviceFacts | undefined>
  readonly watch: (changed: () => void) => Disposable & { follow(folders: readonly string[]): Promise<boolean> }
  readonly store: DeviceStore
  readonly classes: readonly DeviceClass[]
  readonly clock: Clock
  readonly log: Log
}

/** What a container has of its devices. */
export interface Given {
  readonly ok: true
  readonly devices: readonly ContainerDevice[]
  readonly mounts: readonly Mount[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  /** Of the nodes, where their group may use them. */
  readonly groups: readonly number[]
}

export interface Devices {
  /** Resolves when the devices of now are known. `node`: what is offered has changed. `pods`: what these have has come or gone. */
  start(changed: { node(): void; pods(uids: readonly string[]): void }): Promise<void>
  /** Looks again. */
  scan(): Promise<void>
  amounts(): Amounts
  /** Gives the pod what it asks for, durably; says why not, in upstream's words. What it has it keeps. */
  admit(pod: Pod): Promise<string | undefined>
  /** What a container is started with. */
  give(uid: string, container: Container): Promise<Given | { readonly ok: false; readonly message: string }>
  of(uid: string): readonly PodDevice[]
  release(uid: string): Promise<void>
  /** Takes back what pods have that are none of these. */
  retain(uids: ReadonlySet<string>): Promise<void>
  close(): void
}

/** udev works on a device after the kernel has made its node. */
const settle = 200
/** One file a device, written when its links, group and mode are all set. */
const udevData = '/run/udev/data'

/** Where udev is, its record tells of everything below /dev; /dev itself would tell of every write to /dev/null as well. */
export const watched = (folders: readonly string[], hasUdev: boolean): string[] =>
  (hasUdev ? [...folders.filter((f) => f !== '/dev' && !f.startsWith('/dev/')), udevData] : [...folders])

/** A path that Docker's `--device` can say. */
const sayable = (path: string): string => path.replaceAll(':', '-')
const variable = (resource: string): string => `BRAMBLE_DEVICE_${resource.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`

/** One end of a pseudo-terminal (socat's, a simulator's) is found by the file system it is in: a node of its numbers elsewhere cannot be opened. */
const isTerminal = ({ type, major }: Numbers): boolean => type === 'c' && major >= 136 && major <= 143
/** A container has terminals of its own in /dev/pts. */
const pathsOf = ({ path, stable }: DeviceFile): string[] => [...(path.startsWith('/dev/pts/') ? [] : [path]), ...(stable === undefined ? [] : [sayable(stable)])]

export function createDevices(deps: DeviceDeps): Devices { return new NodeDevices(deps) }

class NodeDevices implements Devices {
  readonly #deps: DeviceDeps
  readonly #watch
  readonly #known = new Set<string>()
  #devices: readonly Device[] = []
  #held: readonly Held[] = []
  #clashes = ''
  #unwatched = ''
  #changed: Parameters<Devices['start']>[0] | undefined
  #timer: Disposable | undefined
  #looking: Promise<void> | undefined

  constructor(deps: DeviceDeps) {
    this.#deps = deps
    this.#watch = deps.watch(() => this.#soon())
  }

  async start(changed: Parameters<Devices['start']>[0]): Promise<void> {
    this.#held = await this.#deps.store.all()
    for (const { resource } of this.#held) this.#known.add(resource)
    // A node without its devices is better than none; the next look may see them.
    try { await this.scan() } catch (e) { this.#deps.log.error('devices cannot be looked for', { error: messageOf(e) }) }
    this.#changed = changed
  }

  #soon(): void {
    this.#timer ??= this.#deps.clock.after(settle, () => {
      this.#timer = undefined
      this.scan().catch((e: unknown) => this.#deps.log.error('devices cannot be looked for', { error: messageOf(e) }))
    })
  }

  /** One at a time; a look that began before may have missed what the caller means. */
  async scan(): Promise<void> {
    const before = this.#looking
    const mine = (async () => { if (before) await ignore(before, 'told to who asked for it'); await this.#look() })()
    this.#looking = mine
    try { await mine } finally { if (this.#looking === mine) this.#looking = undefined }
  }

  async #look(): Promise<void> {
    const { classes, files, node, log } = this.#deps
    const sight = await observe(classes, { files, node })
    const hasUdev = (await files.stat(udevData))?.kind === 'directory'
    await this.#follow(watched(sight.folders, hasUdev))
    const { devices, clashes } = inventory(sight.seen)
    if (clashes.join() !== this.#clashes) for (const c of clashes) log.warn('device is not offered', { error: c })
    this.#clashes = clashes.join()
    this.#update(() => {
      this.#devices = devices
      for (const d of devices) for (const name of d.names) this.#known.add(name)
    })
  }

  /** Unwatched, devices are still seen by the look every few minutes. */
  async #follow(folders: readonly string[]): Promise<void> {
    try {
      if (await this.#watch.follow(folders)) this.#soon()
      this.#unwatched = ''
    } catch (e) {
      if (messageOf(e) !== this.#unwatched) this.#deps.log.warn('devices are not watched', { error: messageOf(e) })
      this.#unwatched = messageOf(e)
    }
  }

  /** Makes a change and tells what came of it. */
  #update(change: () => void): void {
    const offered = JSON.stringify(this.amounts())
    const fates = this.#fates()
    change()
    if (JSON.stringify(this.amounts()) !== offered) this.#changed?.node()
    const moved = [...this.#fates()].filter(([uid, fate]) => fates.get(uid) !== undefined && fates.get(uid) !== fate).map(([uid]) => uid)
    if (moved.length > 0) this.#changed?.pods(moved)
  }

  #fates(): Map<string, string> { return new Map([...new Set(this.#held.map((h) => h.uid))].map((uid) => [uid, this.of(uid).map((d) => d.fate).join()])) }

  amounts(): Amounts { return amounts(this.#devices, this.#held, this.#known) }

  async admit(pod: Pod): Promise<string | undefined> {
    const result = allocate({ pod, devices: this.#devices, held: this.#held, known: this.#known })
    if (!result.ok) return `Allocate failed due to ${result.message}, which is unexpected`
    if (result.added.length === 0) return undefined
    this.#update(() => { this.#held = [...this.#held, ...result.added] })
    try { await this.#deps.store.put(result.added) } catch (e) {
      const added = new Set(result.added)
      this.#update(() => { this.#held = this.#held.filter((h) => !added.has(h)) })
      throw e
    }
    return undefined
  }

  async give(uid: string, container: Container): ReturnType<Devices['give']> {
    const asked = wishes(container)
    if (asked.size === 0) return { ok: true, devices: [], mounts: [], env: [], groups: [] }
    const first = await this.#collect(uid, container, asked)
    if (first !== 'moved') return first
    // The look that its coming and going will cause is not over yet.
    await this.scan()
    const second = await this.#collect(uid, container, asked)
    return second === 'moved' ? { ok: false, message: `devices of container ${container.name} come and go` } : second
  }

  async #collect(uid: string, container: Container, asked: ReadonlyMap<string, number>): Promise<Awaited<ReturnType<Devices['give']>> | 'moved'> {
    const mine = this.#held.filter((h) => h.uid === uid && h.container === container.name)
    const out = { devices: new Map<string, ContainerDevice>(), mounts: new Map<string, Mount>(), env: [] as { name: string; value: string }[], groups: new Set<number>() }
    for (const resource of asked.keys()) {
      const units = mine.filter((h) => h.resource === resource)
      if (units.length === 0) return { ok: false, message: `no device was allocated for ${domain}/${resource} of container ${container.name}` }
      const paths = new Set<string>()
      for (const { device: id } of units) {
        const device = this.#devices.find((d) => d.id === id)
        if (!device) return { ok: false, message: `device ${domain}/${id} of container ${container.name} is not plugged in` }
        for (const file of device.files) {
          const facts = await this.#deps.node(file.path)
          if (!facts || numbersOf(facts) !== file.numbers) return 'moved'
          for (const path of pathsOf(file)) {
            if (isTerminal(facts)) out.mounts.set(path, { source: file.path, target: path, readOnly: false, propagation: 'private' })
            else out.devices.set(path, { hostPath: file.path, containerPath: path, permissions: 'rw' })
          }
          paths.add(sayable(file.stable ?? file.path))
          if ((facts.mode & 0o060) !== 0 && facts.gid !== 0) out.groups.add(facts.gid)
        }
      }
      out.env.push({ name: variable(resource), value: [...paths].join(',') })
    }
    await this.#note(mine)
    return { ok: true, devices: [...out.devices.values()], mounts: [...out.mounts.values()], env: out.env, groups: [...out.groups] }
  }

  /** Which nodes the container has from now on. */
  async #note(mine: readonly Held[]): Promise<void> {
    const now = new Map(mine.map((h) => { const d = this.#devices.find((o) => o.id === h.device); return [h, { ...h, numbers: d ? fileNumbers(d) : h.numbers }] as const }).filter(([a, b]) => a.numbers !== b.numbers))
    if (now.size === 0) return
    await this.#deps.store.put([...now.values()])
    this.#update(() => { this.#held = this.#held.map((h) => now.get(h) ?? h) })
  }

  of(uid: string): readonly PodDevice[] { return podDevices(this.#held.filter((h) => h.uid === uid), this.#devices) }

  release(uid: string): Promise<void> { return this.#drop((h) => h.uid === uid) }
  retain(uids: ReadonlySet<string>): Promise<void> { return this.#drop((h) => !uids.has(h.uid)) }

  async #drop(which: (held: Held) => boolean): Promise<void> {
    const uids = [...new Set(this.#held.filter(which).map((h) => h.uid))]
    if (uids.length === 0) return
    // On disk first: a crash between the two then frees it late, never twice.
    await this.#deps.store.remove(uids)
    this.#update(() => { this.#held = this.#held.filter((h) => !uids.includes(h.uid)) })
  }

  close(): void {
    this.#timer?.[Symbol.dispose]()
    this.#watch[Symbol.dispose]()
  }
}

/** A node that offers none: what is asked of ours is refused. */
export const noDevices = (host: { readonly clock: Clock; readonly log: Log }): Devices => createDevices({
  ...host, classes: [], node: async () => undefined, files: { list: async () => [], stat: async () => undefined, read: async () => undefined, readLink: async () => undefined, realPath: async () => undefined },
  watch: () => ({ follow: async () => false, [Symbol.dispose]: () => undefined }), store: { all: async () => [], put: async () => undefined, remove: async () => undefined },
})
