/** Annotations and revisions that tie a Deployment to its ReplicaSets (upstream `deployment_util.go`). Pure. */
import type { Deployment, ReplicaSet } from '../../../shared/api/apps-v1.ts'
import type { PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { canonicalJson } from '../../../shared/values/canonical-json.ts'
import { equalJson } from '../../../shared/values/json-value.ts'

export const hashLabel = 'pod-template-hash'
export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const historyAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas'
/** A revision history longer than this many characters loses its oldest entries (upstream `maxRevHistoryLengthInChars`). */
const maxHistory = 2000
const notCopied = new Set(['kubectl.kubernetes.io/last-applied-configuration', revisionAnnotation, historyAnnotation, desiredAnnotation, maxAnnotation, 'deprecated.deployment.rollback.to'])

export type StoredSet = Stored<ReplicaSet>

/** Characters of upstream's `rand.SafeEncodeString`: no vowels, so no words. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** A short name for a template: the same template gives the same name; `collisions` gives another one where a foreign object has it. */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  // FNV-1a, 32 bit, as upstream's; over canonical JSON rather than Go's print of the struct.
  let hash = 0x811c9dc5
  for (const char of `${canonicalJson(template)}${collisions > 0 ? collisions : ''}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return [...String(hash)].map((d) => alphabet[(d.codePointAt(0) ?? 0) % alphabet.length]).join('')
}

/** Equal but for the hash label, which is ours. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  const bare = (t: PodTemplateSpec | undefined) => {
    const { [hashLabel]: _, ...labels } = t?.metadata?.labels ?? {}
    const { creationTimestamp: __, ...metadata } = (t?.metadata ?? {}) as Record<string, unknown>
    return { ...t, metadata: { ...metadata, labels } }
  }
  return equalJson(bare(a), bare(b))
}

const byCreation = (a: StoredSet, b: StoredSet): number =>
  a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1

export const oldestFirst = (sets: readonly StoredSet[]): StoredSet[] => [...sets].sort(byCreation)

/** The set of the deployment's present template; the oldest where there are several. */
export const findNewSet = (deployment: Deployment, sets: readonly StoredSet[]): StoredSet | undefined =>
  oldestFirst(sets).find((s) => sameTemplate(s.spec?.template, deployment.spec?.template))

export const revisionOf = (object: { metadata?: { annotations?: Record<string, string> } }): number => Number.parseInt(object.metadata?.annotations?.[revisionAnnotation] ?? '0', 10) || 0

export const replicaAnnotations = (desired: number, max: number): Record<string, string> => ({ [desiredAnnotation]: String(desired), [maxAnnotation]: String(max) })

/** The annotations of the new set: the deployment's own, the revision, and the revisions it had before (a rollback reuses a set). */
export function newSetAnnotations(deployment: Deployment, present: Readonly<Record<string, string>>, revision: number, exists: boolean): Record<string, string> {
  const out: Record<string, string> = { ...present }
  for (const [k, v] of Object.entries(deployment.metadata?.annotations ?? {})) if (!notCopied.has(k)) out[k] = v
  const old = present[revisionAnnotation]
  const oldRevision = Number.parseInt(old ?? '0', 10) || 0
  if (oldRevision < revision) {
    out[revisionAnnotation] = String(revision)
    if (exists && old) {
      const history = [...(present[historyAnnotation]?.split(',') ?? []), old].filter((r) => r !== '')
      while (history.join(',').length > maxHistory) history.shift()
      out[historyAnnotation] = history.join(',')
    }
  }
  return out
}
