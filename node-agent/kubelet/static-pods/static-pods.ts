/**
 * Pods whose manifests lie in a folder of the node: run whether or not there was ever a control plane. The kubelet sees one desired state; the API server sees
 * their mirrors, which are made anew where somebody removes them, and whose status is the static pod's.
 */
import { createHash } from 'node:crypto'
import type { Node, Pod } from '../../../shared/api/core-v1.ts'
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { isStatus, messageOf } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { createWorkQueue, type HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import type { DesiredChange, DesiredKind, DesiredState, PodRef, StatusSink } from '../../link/link.ts'
import type { StoredPod } from '../pod/pod-facts.ts'
import { configMirror, ManifestError, mirrorOf, staticPod } from './manifest.ts'

export interface StaticPodOptions {
  readonly host: Host
  readonly files: FileTree
  /** Absolute. What is in it that does not begin with a dot and is not a folder is a manifest. */
  readonly folder: string
  readonly nodeName: string
  readonly desired: DesiredState
  readonly sink: StatusSink
  /** Creates an object of the API; rejects with a `StatusError`. */
  readonly create: (path: string, body: object) => Promise<void>
  /** Calls back when something in a folder changes. */
  readonly watch: (folder: string, changed: () => void) => Disposable
}

export interface StaticPods {
  /** For the kubelet: the control plane's pods and those of the folder. */
  readonly desired: DesiredState
  readonly sink: StatusSink
  /** The uid the kubelet knows a pod by. */
  readonly localUid: (pod: { readonly namespace: string; readonly pod: string; readonly uid: string }) => string
  close(): Promise<void>
}

const key = (namespace: string, name: string): string => `${namespace}/${name}`
const isMirror = (pod: Pod | undefined): boolean => pod?.metadata?.annotations?.[configMirror] !== undefined
/** Editors write in several steps. */
const settle = 100

/** Resolves when the folder was read once. A folder that is missing is an empty one. */
export async function createStaticPods(options: StaticPodOptions): Promise<StaticPods> {
  const statics = new Statics(options)
  await statics.start()
  return statics
}

class Statics implements StaticPods {
  readonly #o: StaticPodOptions
  #pods: ReadonlyMap<string, StoredPod> = new Map()
  /** Says once what is wrong with a file. */
  #refused = new Map<string, string>()
  readonly #listeners = new Set<(changes: readonly DesiredChange[]) => void>()
  readonly #statuses = new Map<string, Parameters<StatusSink['podStatus']>[1]>()
  readonly #mirrors
  readonly #stop = new AbortController()
  #timer: Disposable | undefined
  #watched: Disposable | undefined
  #following: Disposable | undefined
  #work: Promise<void> | undefined

  constructor(options: StaticPodOptions) {
    this.#o = options
    this.desired = this.#view()
    this.#mirrors = createWorkQueue({ name: 'mirror-pods', clock: options.host.clock, log: options.host.log, baseDelay: 1000, maxDelay: 60_000 })
  }

  async start(): Promise<void> {
    const { folder, desired, watch } = this.#o
    this.#watched = watch(folder, () => this.#soon())
    await this.#read()
    this.#following = desired.onChange((changes) => {
      for (const l of this.#listeners) l(changes)
      for (const c of changes) if (c.kind === 'Pod' || c.kind === 'Node') this.#mirrorsOf(c)
    })
    for (const pod of desired.list<Pod>('Pod')) if (isMirror(pod)) this.#mirrors.add(key(pod.metadata.namespace ?? '', pod.metadata.name))
    this.#work = this.#mirrors.run(1, (item) => this.#reconcile(item), this.#stop.signal)
  }

  #mirrorsOf(change: DesiredChange): void {
    if (change.kind === 'Pod') this.#mirrors.add(key(change.namespace, change.name))
    else for (const item of this.#pods.keys()) this.#mirrors.add(item)
  }

  #soon(): void {
    this.#timer ??= this.#o.host.clock.after(settle, () => {
      this.#timer = undefined
      this.#read().catch((e: unknown) => this.#o.host.log.error('static pods cannot be read', { folder: this.#o.folder, error: messageOf(e) }))
    })
  }

  async #read(): Promise<void> {
    const { files, folder, nodeName, host } = this.#o
    const { parse } = await import('yaml')
    const found = new Map<string, StoredPod>()
    const refused = new Map<string, string>()
    for (const name of (await files.list(folder)).filter((n) => !n.startsWith('.')).sort()) {
      const path = `${folder}/${name}`
      const stat = await files.stat(path)
      const text = stat?.kind === 'file' ? await files.read(path) : undefined
      if (text === undefined) continue
      try {
        const pod = staticPod(text, { nodeName, path, parse, digest: (t) => createHash('md5').update(t).digest('hex'), createdAt: `${new Date(host.clock.now()).toISOString().slice(0, 19)}Z` })
        const id = key(pod.metadata.namespace ?? '', pod.metadata.name)
        const before = this.#pods.get(id)
        if (found.has(id)) refused.set(path, `${path}: another file has a pod of this name`)
        else found.set(id, before?.metadata.uid === pod.metadata.uid ? before : pod)
      } catch (e) {
        if (!(e instanceof ManifestError)) throw e
        refused.set(path, e.message)
      }
    }
    for (const [path, why] of refused) if (this.#refused.get(path) !== why) host.log.warn('static pod refused', { error: why })
    this.#refused = refused
    const before = this.#pods
    this.#pods = found
    const moved = [...new Set([...before.keys(), ...found.keys()])].filter((id) => before.get(id) !== found.get(id))
    for (const id of moved) this.#mirrors.add(id)
    const changes = moved.map((id): DesiredChange => { const [namespace = '', name = ''] = id.split('/'); return { kind: 'Pod', namespace, name } })
    if (changes.length > 0) for (const l of this.#listeners) l(changes)
  }

  /** Brings one mirror to what it mirrors. */
  async #reconcile(item: string): Promise<HandlerResult> {
    const { desired, nodeName, host } = this.#o
    const [namespace = '', name = ''] = item.split('/')
    const pod = this.#pods.get(item)
    const there = desired.get<Pod>('Pod', namespace, name)
    const ref: PodRef | undefined = there && { namespace, name, uid: there.metadata.uid }
    const isGood = pod !== undefined && there?.metadata.annotations?.[configMirror] === pod.metadata.uid && there.metadata.deletionTimestamp === undefined
    if (ref && isMirror(there) && !isGood) {
      // Nothing runs under its name alone: it goes at once, and comes back where the manifest is still there.
      this.#o.sink.podGone(ref)
      return
    }
    if (!pod) return
    if (ref) {
      const status = this.#statuses.get(item)
      if (isGood && status) this.#o.sink.podStatus(ref, status)
      if (!isGood) host.log.warn('a pod of the control plane has the name of a static one', { pod: item })
      return
    }
    const node = desired.get<Node>('Node', '', nodeName)
    // Without a node there is no control plane yet; its change comes back here.
    if (!node) return
    try {
      await this.#o.create(`/api/v1/namespaces/${namespace}/pods`, mirrorOf(pod, { name: nodeName, uid: node.metadata.uid }))
    } catch (e) {
      if (isStatus(e) && e.reason === 'AlreadyExists') return { after: 2000 }
      throw e
    }
  }

  readonly desired: DesiredState

  #view(): DesiredState {
    const { desired } = this.#o
    return {
      get: <T extends KubeObject>(kind: DesiredKind, namespace: string, name: string) => {
        const found = kind === 'Pod' ? this.#pods.get(key(namespace, name)) as Stored<T> | undefined : undefined
        if (found) return found
        const remote = desired.get<T>(kind, namespace, name)
        return kind === 'Pod' && isMirror(remote as Pod | undefined) ? undefined : remote
      },
      list: <T extends KubeObject>(kind: DesiredKind) => {
        const remote = desired.list<T>(kind)
        if (kind !== 'Pod') return remote
        const own = [...this.#pods.values()] as unknown as Stored<T>[]
        return [...own, ...remote.filter((p) => !isMirror(p as Pod) && !this.#pods.has(key(p.metadata.namespace ?? '', p.metadata.name)))]
      },
      onChange: (listener) => { this.#listeners.add(listener); return { [Symbol.dispose]: () => { this.#listeners.delete(listener) } } },
      get known() { return desired.known },
    }
  }

  readonly sink: StatusSink = {
    podStatus: (ref, status) => {
      const id = key(ref.namespace, ref.name)
      if (this.#pods.get(id)?.metadata.uid !== ref.uid) { this.#o.sink.podStatus(ref, status); return }
      this.#statuses.set(id, status)
      this.#mirrors.add(id)
    },
    podGone: (ref) => {
      const mirror = this.#o.desired.get<Pod>('Pod', ref.namespace, ref.name)
      if (!isMirror(mirror)) this.#o.sink.podGone(ref)
      if (!this.#pods.has(key(ref.namespace, ref.name))) this.#statuses.delete(key(ref.namespace, ref.name))
    },
    podForgotten: (ref) => this.#o.sink.podForgotten(ref),
    nodeStatus: (status, labels) => this.#o.sink.nodeStatus(status, labels),
    event: (event) => this.#o.sink.event(event),
  }

  readonly localUid: StaticPods['localUid'] = ({ namespace, pod, uid }) => {
    const mirror = this.#o.desired.get<Pod>('Pod', namespace, pod)
    return mirror?.metadata.uid === uid && isMirror(mirror) ? this.#pods.get(key(namespace, pod))?.metadata.uid ?? uid : uid
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#timer?.[Symbol.dispose]()
    this.#watched?.[Symbol.dispose]()
    this.#following?.[Symbol.dispose]()
    await this.#work
  }
}
