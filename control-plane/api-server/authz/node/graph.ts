/**
 * What each node's pods lead to, kept from the store's changes, so that a node's question is two look-ups whatever the number of pods.
 * Built when a node first asks for something: a cluster whose nodes get everything over MQTT hardly does.
 */
import type { PersistentVolume, Pod } from '../../../../shared/api/core-v1.ts'
import type { PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import type { VolumeAttachment } from '../../../../shared/api/storage-v1.ts'
import type { Change, Store, Watcher } from '../../../store/store.ts'
import { CompactedError } from '../../../store/store.ts'
import { objectKey, resourcePrefix } from '../../keys.ts'
import type { ObjectCache } from '../../watch/cache.ts'
import type { NodeObject } from './references.ts'
import { podReferences, referenceKey, volumeSecrets } from './references.ts'
import type { NodeRelations } from './rules.ts'

const podKind = { group: '', resource: 'pods', namespaced: true }
const volumeKind = { group: '', resource: 'persistentvolumes', namespaced: false }
const attachmentKind = { group: 'storage.k8s.io', resource: 'volumeattachments', namespaced: false }

interface Deps { readonly store: Store; readonly objects: ObjectCache; /** Of the role system:node. */ readonly rules: readonly PolicyRule[] }

export class NodeGraph implements NodeRelations {
  readonly rules: readonly PolicyRule[]
  readonly #deps: Deps
  /** By node, how often each key is referred to. */
  readonly #counts = new Map<string, Map<string, number>>()
  /** By key of a secret, the volumes that need it. */
  readonly #volumesOf = new Map<string, Set<string>>()
  #watchers: readonly Watcher[] | undefined
  #wanted: () => void = () => undefined

  constructor(deps: Deps) {
    this.#deps = deps
    this.rules = deps.rules
  }

  related(node: string, object: NodeObject, namespace: string, name: string): boolean {
    if (!this.#watchers) this.#begin()
    if (object === 'attachment') return this.#get<VolumeAttachment>(objectKey(attachmentKind, '', name))?.spec?.nodeName === node
    if (object === 'pod') return this.#get<Pod>(objectKey(podKind, namespace, name))?.spec?.nodeName === node
    if (this.#leads(node, object, namespace, name)) return true
    // Between a write and its change's arrival here lies a turn of the event loop: what the newest state says counts.
    return this.#behind && this.#newestLeads(node, object, namespace, name)
  }

  #leads(node: string, object: NodeObject, namespace: string, name: string): boolean {
    if (object === 'volume') return this.#claimed(node, name)
    const key = referenceKey(object, namespace, name)
    if (this.#counts.get(node)?.has(key)) return true
    if (object !== 'secret') return false
    for (const volume of this.#volumesOf.get(key) ?? []) if (this.#claimed(node, volume)) return true
    return false
  }

  /** A volume belongs to the node whose pod has the claim that the volume is bound to. */
  #claimed(node: string, volume: string): boolean {
    const claim = this.#get<PersistentVolume>(objectKey(volumeKind, '', volume))?.spec?.claimRef
    return claim?.name !== undefined && (this.#counts.get(node)?.has(referenceKey('claim', claim.namespace ?? '', claim.name)) ?? false)
  }

  #get<T>(key: string): T | undefined {
    const entry = this.#deps.store.get(key)
    return entry && this.#deps.objects.object(entry) as T
  }

  get #behind(): boolean { return this.#watchers?.some((w) => w.progress < this.#deps.store.revision) ?? true }

  #newestLeads(node: string, object: NodeObject, namespace: string, name: string): boolean {
    if (object === 'volume') return false
    const key = referenceKey(object, namespace, name)
    return this.#deps.store.list({ prefix: resourcePrefix(podKind, namespace) }).entries.some((entry) => {
      const pod = this.#deps.objects.object(entry) as Pod
      return pod.spec?.nodeName === node && podReferences(pod).includes(key)
    })
  }

  #begin(): void {
    const { store } = this.#deps
    this.#counts.clear()
    this.#volumesOf.clear()
    const from = store.revision
    this.#watchers = [store.watch(resourcePrefix(podKind), from), store.watch(resourcePrefix(volumeKind), from)]
    // Parsed past the cache: all at once they would only push out what others use.
    for (const { value } of store.list({ prefix: resourcePrefix(podKind) }).entries) this.#count(JSON.parse(value.toString()) as Pod, 1)
    for (const { value } of store.list({ prefix: resourcePrefix(volumeKind) }).entries) this.#noteVolume(JSON.parse(value.toString()) as PersistentVolume, true)
    this.#wanted()
  }

  #count(pod: Pod, by: 1 | -1): void {
    const node = pod.spec?.nodeName
    if (!node) return
    let counts = this.#counts.get(node)
    if (!counts) this.#counts.set(node, (counts = new Map()))
    for (const key of podReferences(pod)) {
      const count = (counts.get(key) ?? 0) + by
      if (count > 0) counts.set(key, count)
      else counts.delete(key)
    }
    if (!counts.size) this.#counts.delete(node)
  }

  #noteVolume(volume: PersistentVolume, there: boolean): void {
    const name = volume.metadata?.name ?? ''
    for (const key of volumeSecrets(volume)) {
      const names = this.#volumesOf.get(key) ?? new Set()
      if (there) this.#volumesOf.set(key, names.add(name))
      else if (names.delete(name) && !names.size) this.#volumesOf.delete(key)
    }
  }

  #podChanged({ type, entry, previous }: Change): void {
    const { objects } = this.#deps
    // Most changes of a pod are to its status: what it refers to stays. Adding first keeps the count above nought.
    if (type === 'put') this.#count(objects.object(entry) as Pod, 1)
    if (previous) this.#count(objects.object(previous) as Pod, -1)
  }

  #volumeChanged({ type, entry, previous }: Change): void {
    const { objects } = this.#deps
    if (previous) this.#noteVolume(objects.object(previous) as PersistentVolume, false)
    if (type === 'put') this.#noteVolume(objects.object(entry) as PersistentVolume, true)
  }

  /** Follows changes from the first question on, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#watchers) await this.#firstQuestion(signal)
      const [pods, volumes] = this.#watchers ?? []
      if (!pods || !volumes) return
      try {
        await Promise.all([this.#follow(pods, signal, (c) => this.#podChanged(c)), this.#follow(volumes, signal, (c) => this.#volumeChanged(c))])
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) throw e
      } finally {
        pods.close()
        volumes.close()
        // Fell behind, or over: the next question begins anew.
        this.#watchers = undefined
      }
    }
  }

  async #follow(watcher: Watcher, signal: AbortSignal, changed: (change: Change) => void): Promise<void> {
    for (;;) for (const change of await watcher.next(signal)) changed(change)
  }

  #firstQuestion(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = resolve
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}
