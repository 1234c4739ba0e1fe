/** Which nodes a daemon set's pods run on, which are made, replaced or deleted, and what the set reports (upstream `pkg/controller/daemon`). Pure. */
import type { DaemonSet, DaemonSetStatus } from '../../../shared/api/apps-v1.ts'
import type { Node, Pod, PodTemplateSpec, Toleration } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished, isPodReady, untilAvailable } from '../../../shared/api/pod-phase.ts'
import { termMatches } from '../../../shared/values/node-selector.ts'
import { untolerated } from '../../../shared/values/taints.ts'
import type { NewPod } from '../pod-control.ts'
import { revisionLabel } from '../revisions/plan.ts'

type StoredPod = Stored<Pod>
type StoredNode = Stored<Node>
export const generationAnnotation = 'deprecated.daemonset.template.generation'
/** At most this many pods are created or deleted in one go (upstream `BurstReplicas`). */
const burst = 250

const exists = (key: string, effect: string): Toleration => ({ key, operator: 'Exists', effect })
/** Daemons run where others would be driven out. */
const daemonTolerations: readonly Toleration[] = [
  exists('node.kubernetes.io/not-ready', 'NoExecute'), exists('node.kubernetes.io/unreachable', 'NoExecute'), exists('node.kubernetes.io/disk-pressure', 'NoSchedule'),
  exists('node.kubernetes.io/memory-pressure', 'NoSchedule'), exists('node.kubernetes.io/pid-pressure', 'NoSchedule'), exists('node.kubernetes.io/unschedulable', 'NoSchedule'),
]
const hostNetworkToleration = exists('node.kubernetes.io/network-unavailable', 'NoSchedule')

const same = (a: Toleration, b: Toleration): boolean => a.key === b.key && a.effect === b.effect && a.operator === b.operator && (a.value ?? '') === (b.value ?? '')
function tolerationsOf(template: PodTemplateSpec | undefined): Toleration[] {
  const own = template?.spec?.tolerations ?? []
  const more = [...daemonTolerations, ...(template?.spec?.hostNetwork ? [hostNetworkToleration] : [])]
  return [...own, ...more.filter((t) => !own.some((o) => same(o, t)))]
}

/** `run`: the set wants a pod there. `keep`: a pod that is there may stay. */
export function placement(ds: DaemonSet, node: Node): { readonly run: boolean; readonly keep: boolean } {
  const template = ds.spec?.template
  const spec = template?.spec
  if (spec?.nodeName && spec.nodeName !== node.metadata?.name) return { run: false, keep: false }
  const labels = node.metadata?.labels ?? {}
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([k, v]) => labels[k] === v) || (terms && !terms.some((t) => termMatches(t, node)))) return { run: false, keep: false }
  const tolerations = tolerationsOf(template)
  if (untolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute'])) return { run: false, keep: !untolerated(node.spec?.taints, tolerations, ['NoExecute']) }
  return { run: true, keep: true }
}

/** The node a pod is on, or is bound to be put on by its affinity. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  for (const term of terms) for (const f of term.matchFields ?? []) if (f.key === 'metadata.name' && f.operator === 'In' && f.values?.length === 1) return f.values[0]
  return undefined
}

/** The pod for one node: the scheduler puts it there, by a required affinity to the node's name. */
export function daemonPod(ds: Stored<DaemonSet>, hash: string, node: string, owner: NonNullable<NonNullable<NewPod['metadata']>['ownerReferences']>[number]): NewPod {
  const template = ds.spec?.template
  const { metadata: meta = {}, spec } = template ?? {}
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }]
  const affinity = spec?.affinity ?? {}
  const required = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const nodeSelectorTerms = required?.nodeSelectorTerms.length ? required.nodeSelectorTerms.map((t) => ({ ...t, matchFields })) : [{ matchFields }]
  const generation = ds.metadata.annotations?.[generationAnnotation]
  return {
    metadata: {
      namespace: ds.metadata.namespace ?? '', generateName: `${ds.metadata.name}-`, ownerReferences: [owner],
      labels: { ...meta.labels, [revisionLabel]: hash, ...(generation === undefined ? {} : { 'pod-template-generation': generation }) },
      ...(meta.annotations ? { annotations: { ...meta.annotations } } : {}), ...(meta.finalizers ? { finalizers: [...meta.finalizers] } : {}),
    },
    ...(spec ? { spec: { ...spec, tolerations: tolerationsOf(template), affinity: { ...affinity, nodeAffinity: { ...affinity.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } } } : {}),
  }
}

export interface DaemonInput {
  readonly ds: Stored<DaemonSet>
  readonly nodes: readonly StoredNode[]
  readonly pods: readonly StoredPod[]
  /** Of the present template. */
  readonly hash: string
  readonly now: number
}

export interface DaemonPlan {
  /** Names of nodes that get a pod. */
  readonly create: readonly string[]
  readonly remove: readonly StoredPod[]
  /** Ended pods among those removed, for an event each. */
  readonly ended: readonly StoredPod[]
}

const isNew = (pod: StoredPod, hash: string): boolean => pod.metadata.labels?.[revisionLabel] === hash
const oldest = (a: StoredPod, b: StoredPod): number => Number(Boolean(b.spec?.nodeName)) - Number(Boolean(a.spec?.nodeName)) || a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1)

function byNode(pods: readonly StoredPod[]): Map<string, StoredPod[]> {
  const out = new Map<string, StoredPod[]>()
  for (const pod of pods) {
    const node = nodeOf(pod)
    if (node !== undefined) out.set(node, [...(out.get(node) ?? []), pod])
  }
  return out
}

/** Nodes that lack a pod, and pods that must not be: on the wrong node, ended, or more than one. While a new pod is brought up beside an old one (surge) both stay. */
export function planDaemons(input: DaemonInput): DaemonPlan {
  const { ds, nodes, pods, hash, now } = input
  const at = byNode(pods)
  const create: string[] = []
  const remove: StoredPod[] = []
  const ended: StoredPod[] = []
  const surging = amount(ds.spec?.updateStrategy?.rollingUpdate?.maxSurge, nodes.length, true) > 0
  for (const node of nodes) {
    const here = at.get(node.metadata.name) ?? []
    const { run, keep } = placement(ds, node)
    const dead = here.filter((p) => isPodFinished(p) && !p.metadata.deletionTimestamp)
    const living = here.filter((p) => !isPodFinished(p) && !p.metadata.deletionTimestamp)
    if (!keep) { remove.push(...here.filter((p) => !p.metadata.deletionTimestamp)); continue }
    remove.push(...dead)
    ended.push(...dead)
    if (run && here.length === 0) create.push(node.metadata.name)
    const kept = surging ? twoAtMost(living, hash, ds.spec?.minReadySeconds ?? 0, now) : living.toSorted(oldest).slice(0, 1)
    remove.push(...living.filter((p) => !kept.includes(p)))
  }
  // A pod bound to a node that is gone is the garbage collector's; one that never got there is ours.
  const known = new Set(nodes.map((n) => n.metadata.name))
  for (const [node, there] of at) if (!known.has(node)) remove.push(...there.filter((p) => !p.spec?.nodeName && !p.metadata.deletionTimestamp))
  const update = ds.spec?.updateStrategy?.type === 'RollingUpdate' ? planUpdate(input, at, new Set(remove)) : { create: [], remove: [] }
  return { create: [...create, ...update.create].slice(0, burst), remove: [...remove, ...update.remove].slice(0, burst), ended }
}

/** The oldest of the old template until one of the new is available, and the oldest of the new. */
function twoAtMost(living: readonly StoredPod[], hash: string, minReady: number, now: number): StoredPod[] {
  const fresh = living.filter((p) => isNew(p, hash)).toSorted(oldest)[0]
  const old = living.filter((p) => !isNew(p, hash)).toSorted(oldest)[0]
  const done = fresh && untilAvailable(fresh, minReady, now) === 0
  return [...(fresh ? [fresh] : []), ...(old && !done ? [old] : [])]
}

export function amount(value: number | string | undefined, total: number, up: boolean): number {
  if (typeof value === 'number') return value
  const percent = Number.parseInt(value ?? '0', 10) || 0
  return up ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100)
}

/** One step of a rolling update: old pods that are not available go at once, others as far as `maxUnavailable` allows; with `maxSurge` new ones come first. */
function planUpdate({ ds, nodes, hash, now }: DaemonInput, at: ReadonlyMap<string, readonly StoredPod[]>, going: ReadonlySet<StoredPod>): { create: string[]; remove: StoredPod[] } {
  const rolling = ds.spec?.updateStrategy?.rollingUpdate
  const wanted = nodes.filter((n) => placement(ds, n).run)
  const surge = amount(rolling?.maxSurge, wanted.length, true)
  const allowed = amount(rolling?.maxUnavailable ?? 1, wanted.length, true)
  const minReady = ds.spec?.minReadySeconds ?? 0
  const available = (pod: StoredPod): boolean => untilAvailable(pod, minReady, now) === 0
  const [create, remove, candidates]: [string[], StoredPod[], StoredPod[]] = [[], [], []]
  let [unavailable, surging] = [0, 0]
  for (const node of wanted) {
    const here = (at.get(node.metadata.name) ?? []).filter((p) => !going.has(p) && !isPodFinished(p))
    const living = here.filter((p) => !p.metadata.deletionTimestamp)
    const old = living.find((p) => !isNew(p, hash))
    const fresh = living.find((p) => isNew(p, hash))
    if (surge > 0) {
      if (old && fresh) surging++
      else if (old && here.length === 1) { if (available(old)) candidates.push(old); else create.push(node.metadata.name) }
      continue
    }
    if (!living.some(available)) unavailable++
    if (!old) continue
    if (available(old)) candidates.push(old)
    else remove.push(old)
  }
  if (surge > 0) return { create: [...create, ...candidates.slice(0, Math.max(0, surge - surging)).map((p) => nodeOf(p) ?? '')], remove: [] }
  return { create, remove: [...remove, ...candidates.slice(0, Math.max(0, allowed - unavailable))] }
}

export interface DaemonReport { readonly status: DaemonSetStatus; /** In so many milliseconds a pod becomes available by age. */ readonly nextChange: number | undefined }

export function statusOf({ ds, nodes, pods, hash, now }: DaemonInput): DaemonReport {
  const at = byNode(pods)
  const minReady = ds.spec?.minReadySeconds ?? 0
  let [desired, current, misscheduled, ready, available, updated] = [0, 0, 0, 0, 0, 0]
  let next: number | undefined
  for (const node of nodes) {
    const here = (at.get(node.metadata.name) ?? []).filter((p) => !isPodFinished(p)).toSorted((a, b) => Number(isPodReady(b)) - Number(isPodReady(a)) || oldest(a, b))
    if (!placement(ds, node).run) { if (here.length) misscheduled++; continue }
    desired++
    const pod = here[0]
    if (!pod) continue
    current++
    const wait = untilAvailable(pod, minReady, now)
    if (wait !== undefined) ready++
    if (wait === 0) available++
    else if (wait !== undefined) next = Math.min(next ?? Infinity, wait)
    if (here.some((p) => isNew(p, hash))) updated++
  }
  const optional = (key: 'numberAvailable' | 'numberUnavailable' | 'updatedNumberScheduled', n: number) => (n > 0 ? { [key]: n } : {})
  return {
    status: {
      currentNumberScheduled: current, desiredNumberScheduled: desired, numberMisscheduled: misscheduled, numberReady: ready, observedGeneration: ds.metadata.generation ?? 0,
      ...optional('numberAvailable', available), ...optional('numberUnavailable', desired - available), ...optional('updatedNumberScheduled', updated),
      ...(ds.status?.collisionCount === undefined ? {} : { collisionCount: ds.status.collisionCount }), ...(ds.status?.conditions ? { conditions: ds.status.conditions } : {}),
    },
    nextChange: next,
  }
}
