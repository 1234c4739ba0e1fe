/** What a node may see because a pod bound to it refers to it. Pure; the same references make upstream's node authorizer graph (`plugin/pkg/auth/authorizer/node/graph.go`). */
import type { Container, EphemeralContainer, Pod, Volume } from '../../../shared/api/core-v1.ts'
import type { ObjectId } from '../../../shared/mqtt/messages.ts'

/** Key of an object in maps: names contain no slash. */
export const keyOf = (id: ObjectId): string => `${id[0]}/${id[1]}/${id[2]}`

type Found = (kind: 'ConfigMap' | 'Secret' | 'ServiceAccount' | 'PersistentVolumeClaim', name: string | undefined) => void

function ofContainer(c: Container | EphemeralContainer, found: Found): void {
  for (const from of c.envFrom ?? []) {
    found('ConfigMap', from.configMapRef?.name)
    found('Secret', from.secretRef?.name)
  }
  for (const env of c.env ?? []) {
    found('ConfigMap', env.valueFrom?.configMapKeyRef?.name)
    found('Secret', env.valueFrom?.secretKeyRef?.name)
  }
}

function ofVolume(v: Volume, found: Found): void {
  found('ConfigMap', v.configMap?.name)
  found('Secret', v.secret?.secretName)
  found('Secret', v.csi?.nodePublishSecretRef?.name)
  for (const source of v.projected?.sources ?? []) {
    found('ConfigMap', source.configMap?.name)
    found('Secret', source.secret?.name)
  }
}

/** The claim that a volume stands for; that of a generic ephemeral volume is named after pod and volume. */
const claimOf = (v: Volume, pod: string): string | undefined => v.persistentVolumeClaim?.claimName ?? (v.ephemeral ? `${pod}-${v.name}` : undefined)

/** ConfigMaps, Secrets, claims and the ServiceAccount a pod refers to, each once, whether they exist or not. */
export function referencesOf(pod: Pod): ObjectId[] {
  const namespace = pod.metadata?.namespace ?? ''
  const ids = new Map<string, ObjectId>()
  const found: Found = (kind, name) => {
    if (!name) return
    const id: ObjectId = [kind, namespace, name]
    ids.set(keyOf(id), id)
  }
  const spec = pod.spec
  for (const c of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) ofContainer(c, found)
  for (const v of spec?.volumes ?? []) {
    ofVolume(v, found)
    found('PersistentVolumeClaim', claimOf(v, pod.metadata?.name ?? ''))
  }
  for (const s of spec?.imagePullSecrets ?? []) found('Secret', s.name)
  found('ServiceAccount', spec?.serviceAccountName)
  // Of the cluster, not of a namespace.
  if (spec?.runtimeClassName) { const id: ObjectId = ['RuntimeClass', '', spec.runtimeClassName]; ids.set(keyOf(id), id) }
  return [...ids.values()]
}

export interface ScopeChange { readonly node: string; readonly id: ObjectId }

/**
 * Which nodes need which referenced objects, kept by counting: a change of one pod costs what that pod refers to, whatever else there is.
 */
export class ScopeIndex {
  readonly #pods = new Map<string, { node: string; refs: ObjectId[] }>()
  /** Referenced object to node to the number of pods there that refer to it. */
  readonly #nodes = new Map<string, Map<string, number>>()

  /** The pod as it is now; `node` undefined where it is not bound or gone. Says which referenced objects came into the scope of which node, and which left it. */
  set(podKey: string, node: string | undefined, refs: readonly ObjectId[]): { entered: ScopeChange[]; left: ScopeChange[]; was: string | undefined } {
    const before = this.#pods.get(podKey)
    const entered: ScopeChange[] = []
    const left: ScopeChange[] = []
    if (node !== undefined) for (const id of refs) if (this.#count(id, node, 1) === 1) entered.push({ node, id })
    if (before) for (const id of before.refs) if (this.#count(id, before.node, -1) === 0) left.push({ node: before.node, id })
    if (node === undefined) this.#pods.delete(podKey)
    else this.#pods.set(podKey, { node, refs: [...refs] })
    return { entered, left, was: before?.node }
  }

  /** The nodes that need the object. */
  nodesOf(id: ObjectId): string[] { return [...(this.#nodes.get(keyOf(id))?.keys() ?? [])] }

  #count(id: ObjectId, node: string, by: 1 | -1): number {
    const key = keyOf(id)
    let nodes = this.#nodes.get(key)
    if (!nodes) this.#nodes.set(key, nodes = new Map())
    const n = (nodes.get(node) ?? 0) + by
    if (n === 0) nodes.delete(node)
    else nodes.set(node, n)
    if (nodes.size === 0) this.#nodes.delete(key)
    return n
  }
}
