/** The pod and the claims of one ordinal of a StatefulSet (upstream `stateful_set_utils.go`). Pure. */
import type { StatefulSet } from '../../../shared/api/apps-v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import type { OwnerReference } from '../../../shared/api/meta-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { NewPod } from '../pod-control.ts'
import { revisionLabel } from '../revisions/plan.ts'

export const podNameLabel = 'statefulset.kubernetes.io/pod-name'
export const podIndexLabel = 'apps.kubernetes.io/pod-index'
export type NewClaim = PersistentVolumeClaim & { metadata: { name: string; namespace: string } }
type StoredSet = Stored<StatefulSet>

export const setOwner = (set: StoredSet) => controllerRef(set, { apiVersion: 'apps/v1', kind: 'StatefulSet' })
export const startOf = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0
export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1

/** The ordinal of a pod of this set; undefined where its name is not `<set>-<number>`. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const name = pod.metadata?.name ?? ''
  const prefix = `${set.metadata?.name}-`
  const text = name.slice(prefix.length)
  return name.startsWith(prefix) && /^\d+$/.test(text) ? Number(text) : undefined
}

export const inRange = (set: StatefulSet, ordinal: number): boolean => ordinal >= startOf(set) && ordinal < startOf(set) + replicasOf(set)

const claimName = (set: StatefulSet, template: string, ordinal: number): string => `${template}-${set.metadata?.name}-${ordinal}`

/** The claims of an ordinal as they are created. */
export function claimsFor(set: StoredSet, ordinal: number): NewClaim[] {
  const ownerReferences = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete' ? [setOwner(set)] : undefined
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata = {}, spec }) => ({
    metadata: {
      name: claimName(set, metadata.name ?? '', ordinal), namespace: set.metadata.namespace ?? '', labels: { ...metadata.labels, ...set.spec?.selector.matchLabels },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}), ...(ownerReferences ? { ownerReferences } : {}),
    },
    ...(spec ? { spec } : {}),
  }))
}

/**
 * The owners a claim is to have by the set's retention policy: the set where it goes with the set, the pod where it goes with a pod that is scaled
 * away. References of others stay. Undefined: it has them already.
 */
export function claimOwners(set: StoredSet, pod: Stored<Pod>, claim: PersistentVolumeClaim, condemned: boolean): OwnerReference[] | undefined {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy
  const byPod = policy?.whenScaled === 'Delete' && condemned
  const wanted = [
    ...(policy?.whenDeleted === 'Delete' && !byPod ? [setOwner(set)] : []),
    ...(byPod ? [controllerRef(pod, { apiVersion: 'v1', kind: 'Pod' })] : []),
  ]
  const before = claim.metadata?.ownerReferences ?? []
  // Whatever else controls a claim is left in control of it.
  if (before.some((o) => o.controller && o.uid !== set.metadata.uid && !(o.kind === 'Pod' && o.name === pod.metadata.name))) return undefined
  const after = [...before.filter((o) => o.uid !== set.metadata.uid && !(o.kind === 'Pod' && o.name === pod.metadata.name)), ...wanted]
  return equalJson(after.map((o) => o.uid).sort(), before.map((o) => o.uid).sort()) ? undefined : after
}

function withStorage(set: StatefulSet, ordinal: number, spec: NonNullable<Pod['spec']>): NonNullable<Pod['spec']> {
  const templates = (set.spec?.volumeClaimTemplates ?? []).map((t) => t.metadata?.name ?? '')
  if (!templates.length) return spec
  const own = templates.map((name) => ({ name, persistentVolumeClaim: { claimName: claimName(set, name, ordinal) } }))
  return { ...spec, volumes: [...own, ...(spec.volumes ?? []).filter((v) => !templates.includes(v.name))] }
}

/** The pod of an ordinal by a template; `revision` is the name of the template's ControllerRevision. */
export function statefulPod(set: StoredSet, template: PodTemplateSpec, revision: string, ordinal: number): NewPod & { metadata: { name: string } } {
  const { metadata: meta = {}, spec } = template
  const name = `${set.metadata.name}-${ordinal}`
  return {
    metadata: {
      name, namespace: set.metadata.namespace ?? '', ownerReferences: [setOwner(set)],
      labels: { ...meta.labels, [podNameLabel]: name, [podIndexLabel]: String(ordinal), [revisionLabel]: revision },
      ...(meta.annotations ? { annotations: { ...meta.annotations } } : {}), ...(meta.finalizers ? { finalizers: [...meta.finalizers] } : {}),
    },
    ...(spec ? { spec: { ...withStorage(set, ordinal, spec), hostname: name, ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}) } } : {}),
  }
}

/** The pod with the label of its name and the volumes of its claims put right; undefined where they are. */
export function repaired(set: StoredSet, pod: Stored<Pod>, ordinal: number): Stored<Pod> | undefined {
  const named = pod.metadata.labels?.[podNameLabel] === pod.metadata.name
  const held = (set.spec?.volumeClaimTemplates ?? []).every(({ metadata }) =>
    pod.spec?.volumes?.find((v) => v.name === metadata?.name)?.persistentVolumeClaim?.claimName === claimName(set, metadata?.name ?? '', ordinal))
  if (named && held) return undefined
  return {
    ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [podNameLabel]: pod.metadata.name } },
    ...(pod.spec ? { spec: withStorage(set, ordinal, pod.spec) } : {}),
  }
}
