/**
 * The scheduler's picture of nodes and what runs on them: what the informers say, and on top the pods just decided and not yet seen bound ("assumed").
 * Kept up to date change by change. `nodes()` is a view for one decision: use it before the next change, do not keep it.
 */
import type { Node, Pod } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { isPodFinished } from '../../shared/api/pod-phase.ts'
import { allocatableOf, podView, type NodeView, type PodView } from './pod-view.ts'
import { addTo, type Resources } from './resources.ts'

interface Entry { node: Stored<Node> | undefined; allocatable: Resources; requested: Record<string, number>; weight: Record<string, number>; pods: Map<string, PodView>; families: Map<string, number> }

export interface Snapshot {
  setNode(node: Stored<Node>): void
  removeNode(name: string): void
  /** A pod with a node, as seen; replaces what was assumed of it. A finished pod takes nothing. */
  setPod(pod: Stored<Pod>): void
  removePod(uid: string): void
  /** Counts the pod on the node until it is seen there or {@link forget}ed. */
  assume(pod: PodView, node: string): void
  /** The assumption was wrong: nothing was bound. Does nothing once the pod was seen bound. */
  forget(uid: string): void
  isAssumed(uid: string): boolean
  nodes(): readonly NodeView[]
}

export function createSnapshot(): Snapshot {
  const entries = new Map<string, Entry>()
  const placed = new Map<string, { node: string; view: PodView }>()
  const assumed = new Set<string>()
  let views: readonly NodeView[] | undefined

  const entryOf = (name: string): Entry => {
    let e = entries.get(name)
    if (!e) entries.set(name, e = { node: undefined, allocatable: {}, requested: {}, weight: {}, pods: new Map(), families: new Map() })
    return e
  }
  const remove = (uid: string): void => {
    const p = placed.get(uid)
    if (!p) return
    placed.delete(uid)
    assumed.delete(uid)
    const e = entryOf(p.node)
    e.pods.delete(uid)
    addTo(e.requested, p.view.requests, -1)
    addTo(e.weight, p.view.weight, -1)
    const left = (e.families.get(p.view.family) ?? 1) - 1
    if (left > 0) e.families.set(p.view.family, left)
    else e.families.delete(p.view.family)
    if (!e.node && e.pods.size === 0) entries.delete(p.node)
  }
  const place = (view: PodView, node: string): void => {
    const uid = view.pod.metadata.uid
    remove(uid)
    placed.set(uid, { node, view })
    const e = entryOf(node)
    e.pods.set(uid, view)
    addTo(e.requested, view.requests)
    addTo(e.weight, view.weight)
    e.families.set(view.family, (e.families.get(view.family) ?? 0) + 1)
  }
  const viewOf = (name: string, e: Entry, node: Stored<Node>): NodeView =>
    ({ node, name, allocatable: e.allocatable, taints: node.spec?.taints ?? [], requested: e.requested, weight: e.weight, pods: e.pods, families: e.families })

  return {
    setNode(node) {
      const e = entryOf(node.metadata.name)
      e.node = node
      e.allocatable = allocatableOf(node)
      views = undefined
    },
    removeNode(name) {
      const e = entries.get(name)
      if (!e) return
      e.node = undefined
      if (e.pods.size === 0) entries.delete(name)
      views = undefined
    },
    setPod(pod) {
      const before = placed.get(pod.metadata.uid)
      if (!pod.spec?.nodeName || isPodFinished(pod)) { if (!assumed.has(pod.metadata.uid) || isPodFinished(pod)) remove(pod.metadata.uid); return }
      assumed.delete(pod.metadata.uid)
      // A status change takes no more and no less: the computed view stays.
      if (before?.node === pod.spec.nodeName && before.view.pod.metadata.generation === pod.metadata.generation) return
      place(podView(pod), pod.spec.nodeName)
    },
    removePod: remove,
    assume(view, node) { place(view, node); assumed.add(view.pod.metadata.uid) },
    forget(uid) { if (assumed.has(uid)) remove(uid) },
    isAssumed: (uid) => assumed.has(uid),
    nodes() {
      if (!views) {
        const out: NodeView[] = []
        for (const [name, e] of entries) if (e.node) out.push(viewOf(name, e, e.node))
        views = out
      }
      return views
    },
  }
}
