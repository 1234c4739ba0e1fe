/** A kubelet over the scripted runtime, with a desired state that tests write and a sink that remembers. For tests. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeStatus, Pod, PodStatus } from '../../shared/api/core-v1.ts'
import type { KubeObject, Stored } from '../../shared/api/object.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { createLog, silentLog } from '../../shared/host/log.ts'
import { systemRandom } from '../../shared/host/random.ts'
import type { DesiredChange, DesiredKind, DesiredState, EventReport, StatusSink } from '../link/link.ts'
import { FakeRuntime, type FakeOptions } from '../runtime/fake.ts'
import type { Devices } from './devices/devices.ts'
import { createKubelet, type Kubelet, type KubeletOptions, type Machine } from './kubelet.ts'
import type { ImageGuard } from './images/durability/guard.ts'
import type { Readings } from './eviction/signals.ts'
import type { NodeFacts } from './status/node-status.ts'

export class FakeDesired implements DesiredState {
  readonly #objects = new Map<string, Stored<KubeObject>>()
  readonly #listeners = new Set<(changes: readonly DesiredChange[]) => void>()
  known = true
  #key(kind: string, namespace: string, name: string): string { return `${kind}/${namespace}/${name}` }
  get<T extends KubeObject>(kind: DesiredKind, namespace: string, name: string): Stored<T> | undefined { return this.#objects.get(this.#key(kind, namespace, name)) as Stored<T> | undefined }
  list<T extends KubeObject>(kind: DesiredKind): readonly Stored<T>[] { return [...this.#objects].filter(([k]) => k.startsWith(`${kind}/`)).map(([, o]) => o as Stored<T>) }
  onChange(listener: (changes: readonly DesiredChange[]) => void): Disposable { this.#listeners.add(listener); return { [Symbol.dispose]: () => { this.#listeners.delete(listener) } } }
  put(kind: DesiredKind, object: KubeObject & { metadata: { name: string } }): void {
    const namespace = object.metadata.namespace ?? ''
    this.#objects.set(this.#key(kind, namespace, object.metadata.name), object as Stored<KubeObject>)
    for (const l of this.#listeners) l([{ kind, namespace, name: object.metadata.name }])
  }
  remove(kind: DesiredKind, namespace: string, name: string): void {
    this.#objects.delete(this.#key(kind, namespace, name))
    for (const l of this.#listeners) l([{ kind, namespace, name }])
  }
}

export class RecordingSink implements StatusSink {
  readonly statuses = new Map<string, PodStatus[]>()
  readonly gone: string[] = []
  readonly forgotten: string[] = []
  readonly events: EventReport[] = []
  node: NodeStatus | undefined
  podStatus(pod: { name: string }, status: PodStatus): void { this.statuses.set(pod.name, [...(this.statuses.get(pod.name) ?? []), status]) }
  podGone(pod: { name: string }): void { this.gone.push(pod.name) }
  podForgotten(pod: { name: string }): void { this.forgotten.push(pod.name) }
  nodeStatus(status: NodeStatus): void { this.node = status }
  event(event: EventReport): void { this.events.push(event) }
  /** The newest. */
  status(name: string): PodStatus | undefined { return this.statuses.get(name)?.at(-1) }
  isReady(name: string): boolean { return this.status(name)?.conditions?.find((c) => c.type === 'Ready')?.status === 'True' }
  container(name: string, container?: string) { const all = this.status(name)?.containerStatuses; return container ? all?.find((c) => c.name === container) : all?.[0] }
  reasons(name: string): string[] { return this.events.filter((e) => e.regarding.name === name).map((e) => e.reason) }
}

export const nodeFacts: NodeFacts = {
  hostname: 'pi-1', addresses: ['192.0.2.10'], cpus: 4, memoryBytes: 2 ** 32, memoryAvailable: 2 ** 31, diskBytes: 2 ** 35, diskAvailable: 2 ** 34, pidsMax: 32768, pidsUsed: 100,
  architecture: 'arm64', kernelVersion: '6.12', osImage: 'Debian', machineId: 'm', bootId: 'b', runtimeVersion: 'containerd://fake', agentVersion: 'v1.33.0',
}

export const makePod = (name: string, spec: Partial<NonNullable<Pod['spec']>> = {}, metadata: object = {}): Stored<Pod> => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }], restartPolicy: 'Always', terminationGracePeriodSeconds: 30, ...spec },
})

export interface World {
  readonly clock: FakeClock
  readonly runtime: FakeRuntime
  readonly desired: FakeDesired
  readonly sink: RecordingSink
  readonly kubelet: Kubelet
  readonly dataDir: string
  readonly attached: Set<string>
  /** Another kubelet over the same runtime and folder, as after a crash of the agent. */
  restart(): Promise<Kubelet>
  until(what: string, condition: () => unknown): Promise<void>
  close(): Promise<void>
}

export async function makeWorld(options: Partial<FakeOptions> & { probes?: NonNullable<Machine['probes']>; readings?: () => Readings; devices?: Devices; imageGuard?: ImageGuard } = {}): Promise<World> {
  const clock = new FakeClock()
  const runtime = new FakeRuntime({ clock, images: ['busybox:1'], ...options })
  const desired = new FakeDesired()
  const sink = new RecordingSink()
  const dataDir = await mkdtemp(join(tmpdir(), 'kubelet-'))
  const attached = new Set<string>()
  const log = process.env['KUBELET_TEST_LOG'] ? createLog({ level: 'debug', clock, write: (l) => { process.stderr.write(l) } }) : silentLog
  const make = (): Kubelet => {
    const parts: KubeletOptions = {
      host: { clock, random: systemRandom, log }, runtime, desired, sink, dataDir, nodeName: 'pi-1', ...(options.devices ? { devices: options.devices } : {}), ...(options.imageGuard ? { imageGuard: options.imageGuard } : {}),
      network: { attach: async ({ uid }) => { attached.add(uid); return { ip: '10.1.0.5', ips: ['10.1.0.5'] } }, detach: async (uid) => { attached.delete(uid) } },
      tokens: { token: async () => ({ token: 'a.b.c', expires: clock.now() + 3_600_000, renewAt: clock.now() + 2_880_000 }) },
      machine: { cgroups: 'none', mounter: { tmpfs: async () => true, mount: async () => undefined, bind: async () => undefined, unmount: async () => undefined, unmountBelow: async () => undefined }, facts: async () => nodeFacts, readings: async () => options.readings?.() ?? {}, ...(options.probes ? { probes: options.probes } : {}) },
    }
    return createKubelet(parts)
  }
  let kubelet = make()
  await kubelet.start()
  return {
    clock, runtime, desired, sink, dataDir, attached, get kubelet() { return kubelet },
    async restart() {
      await kubelet.stop()
      kubelet = make()
      await kubelet.start()
      return kubelet
    },
    async until(what, condition) {
      const end = systemClock.monotonic() + 3000
      while (!await condition()) {
        if (systemClock.monotonic() > end) throw new Error(`waited in vain until ${what}: ${JSON.stringify([...sink.statuses].map(([n, s]) => [n, s.at(-1)]))} ${runtime.journal.join('; ')}`)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async close() {
      await kubelet.stop()
      await runtime.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
