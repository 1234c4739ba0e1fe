/** Which nodes need which persistent volumes: those with a pod that has the claim which the volume is bound to. The volume says so, not the claim: anyone may write any volume's name into a claim. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { ObjectId } from '../../../shared/mqtt/messages.ts'
import type { Informer } from '../../../shared/reconcile/informer.ts'
import { keyOf } from './scope.ts'

interface Deps {
  readonly claims: Pick<Informer<PersistentVolumeClaim>, 'get' | 'on'>
  readonly volumes: Pick<Informer<PersistentVolume>, 'get' | 'on'>
  nodesOf(claim: ObjectId): readonly string[]
  put(node: string, volume: Stored<PersistentVolume>): void
  remove(node: string, name: string): void
}

export class VolumeScope {
  readonly #deps: Deps
  /** By volume, the nodes that have it. */
  readonly #nodes = new Map<string, readonly string[]>()
  /** By claim, the volume that nodes have because of it: it outlives the claim. */
  readonly #sent = new Map<string, string>()

  constructor(deps: Deps) { this.#deps = deps }

  /** A claim came into the scope of a node, left one, or changed. */
  claimMoved(claim: ObjectId): void {
    for (const name of new Set([this.#deps.claims.get(claim[1], claim[2])?.spec?.volumeName, this.#sent.get(keyOf(claim))])) {
      if (name) this.#place(name, this.#deps.volumes.get(undefined, name))
    }
  }

  follow(): Disposable {
    const placed = (volume: Stored<PersistentVolume>): void => this.#place(volume.metadata.name, volume)
    const moved = (claim: Stored<PersistentVolumeClaim>): void => this.claimMoved(['PersistentVolumeClaim', claim.metadata.namespace ?? '', claim.metadata.name])
    const handlers = [
      this.#deps.volumes.on({ add: placed, update: placed, delete: (v) => this.#place(v.metadata.name, undefined) }),
      this.#deps.claims.on({ add: moved, update: moved }),
    ]
    return { [Symbol.dispose]: () => { for (const h of handlers) h[Symbol.dispose]() } }
  }

  #place(name: string, volume: Stored<PersistentVolume> | undefined): void {
    const { claimRef } = volume?.spec ?? {}
    const claim: ObjectId | undefined = claimRef && ['PersistentVolumeClaim', claimRef.namespace ?? '', claimRef.name ?? '']
    const nodes = claim ? this.#deps.nodesOf(claim) : []
    if (claim && nodes.length > 0) this.#sent.set(keyOf(claim), name)
    else if (claim) this.#sent.delete(keyOf(claim))
    if (volume) for (const node of nodes) this.#deps.put(node, volume)
    for (const node of this.#nodes.get(name) ?? []) if (!nodes.includes(node)) this.#deps.remove(node, name)
    if (nodes.length > 0) this.#nodes.set(name, nodes)
    else this.#nodes.delete(name)
  }
}
