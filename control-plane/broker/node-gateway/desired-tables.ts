/** Keeps, for every node, the table of what it shall know, from informers. Each change costs what it touches: see {@link ScopeIndex}. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { DesiredKindName, ObjectId } from '../../../shared/mqtt/messages.ts'
import { digestOf } from '../../../shared/mqtt/projection.ts'
import type { SharedInformers } from '../../../shared/reconcile/shared-informers.ts'
import { ChangeTable } from './outbox/table.ts'
import { keyOf, referencesOf, ScopeIndex } from './scope.ts'
import { VolumeScope } from './volume-scope.ts'

export interface DesiredTables {
  /** What every node gets. */
  readonly common: ChangeTable
  /** What is this node's own. */
  own(node: string): ChangeTable
  close(): void
}

type Changed = (node: string | 'all') => void
const idOf = (kind: DesiredKindName, o: Stored<KubeObject>): ObjectId => [kind, o.metadata.namespace ?? '', o.metadata.name]

/** Ranges and ports of the cluster, which every node needs; public, so nothing is let out by it. */
const clusterInfo = keyOf(['ConfigMap', 'kube-public', 'cluster-info'])

/** `changed` is called within the informers' handlers: note it, and act later. */
export function createDesiredTables(informers: SharedInformers, changed: Changed): DesiredTables {
  const common = new ChangeTable()
  const own = new Map<string, ChangeTable>()
  const scope = new ScopeIndex()
  const watched: Disposable[] = []
  let revision = 0

  const ownOf = (node: string): ChangeTable => {
    let table = own.get(node)
    if (!table) own.set(node, table = new ChangeTable())
    return table
  }
  const put = (node: string | 'all', id: ObjectId, object: KubeObject, digest = digestOf(id[0], object)): void => {
    if ((node === 'all' ? common : ownOf(node)).put(id, object, digest, revision + 1)) { revision++; changed(node) }
  }
  const remove = (node: string | 'all', id: ObjectId): void => {
    if ((node === 'all' ? common : ownOf(node)).remove(id, revision + 1)) { revision++; changed(node) }
  }

  for (const [kind, ref] of [['Service', refs.Service], ['EndpointSlice', refs.EndpointSlice]] as const) {
    watched.push(informers.for(ref as ResourceRef).on({
      add: (o) => put('all', idOf(kind, o), o), update: (o) => put('all', idOf(kind, o), o), delete: (o) => remove('all', idOf(kind, o)),
    }))
  }
  const volumes = new VolumeScope({
    claims: informers.for(refs.PersistentVolumeClaim), volumes: informers.for(refs.PersistentVolume), nodesOf: (claim) => scope.nodesOf(claim),
    put: (node, volume) => put(node, idOf('PersistentVolume', volume), volume), remove: (node, name) => remove(node, ['PersistentVolume', '', name]),
  })
  const referenced = { ConfigMap: informers.for(refs.ConfigMap), Secret: informers.for(refs.Secret), ServiceAccount: informers.for(refs.ServiceAccount), PersistentVolumeClaim: informers.for(refs.PersistentVolumeClaim), RuntimeClass: informers.for(refs.RuntimeClass) }
  for (const kind of ['ConfigMap', 'Secret', 'ServiceAccount', 'PersistentVolumeClaim', 'RuntimeClass'] as const) {
    const put1 = (o: Stored<KubeObject>): void => {
      const id = idOf(kind, o)
      if (keyOf(id) === clusterInfo) return put('all', id, o)
      const nodes = scope.nodesOf(id)
      if (nodes.length === 0) return
      const digest = digestOf(kind, o)
      for (const node of nodes) put(node, id, o, digest)
    }
    watched.push((referenced[kind] as { on(h: { add: typeof put1; update: typeof put1; delete: typeof put1 }): Disposable }).on({
      add: put1, update: put1, delete: (o) => { for (const node of scope.nodesOf(idOf(kind, o))) remove(node, idOf(kind, o)) },
    }))
  }
  const podChanged = (pod: Stored<Pod>, gone: boolean): void => {
    const id = idOf('Pod', pod)
    const node = gone ? undefined : pod.spec?.nodeName || undefined
    const { entered, left, was } = scope.set(keyOf(id), node, node === undefined ? [] : referencesOf(pod))
    // What a pod refers to goes into the table before the pod: a node never sees a pod whose ConfigMap is still on its way.
    for (const { node: n, id: ref } of entered) {
      const object = referenced[ref[0] as keyof typeof referenced].get(ref[1] || undefined, ref[2])
      if (ref[0] === 'PersistentVolumeClaim') volumes.claimMoved(ref)
      if (object) put(n, ref, object)
    }
    if (node !== undefined) put(node, id, pod)
    if (was !== undefined && was !== node) remove(was, id)
    for (const { node: n, id: ref } of left) {
      remove(n, ref)
      if (ref[0] === 'PersistentVolumeClaim') volumes.claimMoved(ref)
    }
  }
  watched.push(volumes.follow())
  watched.push(informers.for(refs.Pod).on({ add: (p) => podChanged(p, false), update: (p) => podChanged(p, false), delete: (p) => podChanged(p, true) }))
  watched.push(informers.for(refs.Node).on({
    add: (n) => put(n.metadata.name, idOf('Node', n), n), update: (n) => put(n.metadata.name, idOf('Node', n), n),
    delete: (n) => remove(n.metadata.name, idOf('Node', n)),
  }))
  return { common, own: ownOf, close: () => { for (const w of watched) w[Symbol.dispose]() } }
}
