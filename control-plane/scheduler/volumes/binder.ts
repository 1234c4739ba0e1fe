/** Knows claims and volumes for the scheduler, and binds those of a pod before the pod: the node is chosen once, for both. */
import type { Node, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { SharedInformers } from '../../../shared/reconcile/shared-informers.ts'
import { isFullyBound, reachableFrom, volumeAnnotations } from '../../../shared/values/volume-match.ts'
import { claimNames, claimsOf, usesClaims, volumesOn, type Assumed, type Binding, type NodeAnswer, type VolumeWorld } from './plan.ts'

/** One pod's volumes, for one decision. */
export type PodVolumes = { readonly ok: false; readonly message: string } | { readonly ok: true; on(node: Node): NodeAnswer }

export interface VolumeBinder {
  /** Resolves once claims, volumes and classes are known. */
  readonly synced: Promise<unknown>
  /** Undefined for a pod without claims. */
  of(pod: Stored<Pod>): PodVolumes | undefined
  /** From now on the volumes are not given to others. Dispose when the pod is bound, or is not going to be. */
  reserve(binding: Binding, node: string): Disposable
  /** Resolves when all claims are bound. Rejects where a write is refused, or they are not bound in time; the pod is then tried anew. */
  bind(binding: Binding, node: string): Promise<void>
  close(): void
}

/** Index `claim`: pods by the claims they use. */
const podClaims = (pod: Stored<Pod>): readonly string[] => claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`)

/** Upstream's `bindTimeoutSeconds`: a provisioner may have to make a disk somewhere. */
const bindTimeout: Millis = 600_000

export function createVolumeBinder(options: { client: ApiClient; informers: SharedInformers; clock: Clock; changed: () => void }): VolumeBinder {
  const { client, informers, clock, changed } = options
  const claims = informers.for(refs.PersistentVolumeClaim)
  const volumes = informers.for(refs.PersistentVolume)
  const classes = informers.for(refs.StorageClass)
  const pods = informers.for(refs.Pod)
  pods.addIndexer('claim', podClaims)
  const nodes = informers.for(refs.Node)
  const taken = new Map<string, number>()
  /** By uid of a claim. */
  const assumed = new Map<string, Assumed>()
  /** By uid of a claim: several pods may wait for one. */
  const waiting = new Map<string, Set<{ done(): void; failed(why: Error): void }>>()
  const waiters = (uid: string): readonly { done(): void; failed(why: Error): void }[] => [...waiting.get(uid) ?? []]
  const world: VolumeWorld = {
    claim: (namespace, name) => claims.get(namespace, name), volume: (name) => volumes.get(undefined, name), volumes: () => volumes.list(), storageClass: (name) => classes.get(undefined, name),
    isInUse: ({ metadata: { namespace, name } }, by) => pods.byIndex('claim', `${namespace}/${name}`).some((p) => p.metadata.uid !== by.metadata.uid && p.spec?.nodeName && !isPodFinished(p)),
    assumed: (claim) => assumed.get(claim.metadata.uid),
    get taken() { return new Set(taken.keys()) },
  }
  let closed = false
  const ended = (): Error => new Error('the scheduler ends')
  const registered = [
    claims.on({
      add: changed,
      update(c, old) {
        const { uid } = c.metadata
        if (isFullyBound(c)) for (const w of waiters(uid)) w.done()
        // Whoever was to make the volume there gives the choice back.
        else if (old.metadata.annotations?.[volumeAnnotations.selectedNode] !== undefined && c.metadata.annotations?.[volumeAnnotations.selectedNode] === undefined) for (const w of waiters(uid)) w.failed(new Error('provisioning failed: selectedNode annotation removed'))
        changed()
      },
      delete: (c) => { for (const w of waiters(c.metadata.uid)) w.failed(new Error(`persistentvolumeclaim "${c.metadata.name}" not found`)) },
    }),
    volumes.on({ add: changed, update: (v, old) => { if (v.status?.phase !== old.status?.phase || v.spec !== old.spec) changed() } }),
    classes.on({ add: changed, update: changed }),
  ]
  /** The binder may have bound another volume than was asked for: then the pod must not go there. */
  const checkReach = async ({ metadata: { namespace, name } }: Binding['provision'][number], node: string): Promise<void> => {
    const volumeName = claims.get(namespace, name)?.spec?.volumeName ?? ''
    const volume = volumes.get(undefined, volumeName) ?? await client.get(refs.PersistentVolume, { name: volumeName })
    const object = nodes.get(undefined, node)
    if (!object || !reachableFrom(volume, object)) throw new Error(`pv "${volumeName}" node affinity doesn't match node "${node}"`)
  }
  const whenBound = (claim: Binding['provision'][number]): Promise<void> => {
    const { uid, namespace, name } = claim.metadata
    const now = claims.get(namespace, name)
    if (now?.metadata.uid === uid && isFullyBound(now)) return Promise.resolve()
    // Nobody would tell any more.
    if (closed) return Promise.reject(ended())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = clock.after(bindTimeout, () => reject(new Error('binding volumes: context deadline exceeded')))
    const own = waiting.get(uid) ?? new Set()
    const waiter = { done: resolve, failed: reject }
    waiting.set(uid, own.add(waiter))
    return promise.finally(() => {
      timer[Symbol.dispose]()
      own.delete(waiter)
      if (own.size === 0) waiting.delete(uid)
    })
  }

  return {
    synced: Promise.all([claims.synced, volumes.synced, classes.synced]),
    of(pod) {
      if (!usesClaims(pod)) return undefined
      const found = claimsOf(pod, world)
      return found.ok ? { ok: true, on: (node) => volumesOn(node, found.claims, world) } : found
    },
    reserve({ matches, provision }, node) {
      const names = matches.map((m) => m.volume.metadata.name)
      const uids = [...matches.map((m) => m.claim), ...provision].map((c) => c.metadata.uid)
      for (const { claim, volume } of matches) assumed.set(claim.metadata.uid, { node, volume })
      for (const claim of provision) assumed.set(claim.metadata.uid, { node, volume: undefined })
      for (const n of names) taken.set(n, (taken.get(n) ?? 0) + 1)
      return { [Symbol.dispose]() { for (const uid of uids.splice(0)) assumed.delete(uid); for (const n of names.splice(0)) { const left = (taken.get(n) ?? 1) - 1; if (left > 0) taken.set(n, left); else taken.delete(n) } } }
    },
    async bind({ matches, provision, awaits }, node) {
      for (const { claim, volume } of matches) {
        const { namespace, name, uid, resourceVersion } = claim.metadata
        const own: Record<string, string> = volume.spec?.claimRef ? {} : { [volumeAnnotations.boundByController]: 'yes' }
        const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, uid, resourceVersion, ...(namespace === undefined ? {} : { namespace }) }
        // With its resourceVersion: somebody else may have taken it.
        await client.update(refs.PersistentVolume, { ...volume, metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...own } }, spec: { ...volume.spec, claimRef } })
      }
      for (const claim of provision) {
        if (claim.metadata.annotations?.[volumeAnnotations.selectedNode] === node) continue
        await client.update(refs.PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, [volumeAnnotations.selectedNode]: node } } })
      }
      const all = [...matches.map((m) => m.claim), ...provision, ...awaits]
      await Promise.all(all.map(whenBound))
      for (const claim of all) await checkReach(claim, node)
    },
    close() {
      for (const r of registered) r[Symbol.dispose]()
      closed = true
      for (const uid of [...waiting.keys()]) for (const w of waiters(uid)) w.failed(ended())
    },
  }
}
