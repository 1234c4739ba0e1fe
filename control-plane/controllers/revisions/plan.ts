/**
 * Snapshots of a template as ControllerRevisions, for DaemonSets and StatefulSets (upstream `pkg/controller/history`). The same template is the
 * same revision: one that comes back gets a new number, not a new object. Pure.
 */
import type { ControllerRevision } from '../../../shared/api/apps-v1.ts'
import type { PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { canonicalJson } from '../../../shared/values/canonical-json.ts'
import { equalJson } from '../../../shared/values/json-value.ts'

export const revisionLabel = 'controller-revision-hash'
export type StoredRevision = Stored<ControllerRevision>

/** As a strategic merge patch that makes any object of the kind have this template. */
export const snapshotOf = (template: PodTemplateSpec): unknown => ({ spec: { template: { ...template, $patch: 'replace' } } })

/** The template a snapshot holds. */
export function templateIn(revision: Pick<ControllerRevision, 'data'>): PodTemplateSpec | undefined {
  const held = (revision.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined)?.spec?.template
  if (!held) return undefined
  const { $patch: _, ...template } = held
  return template
}

/** Characters of upstream's `rand.SafeEncodeString`: no vowels, so no words. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

function hashOf(data: unknown, collisions: number): string {
  let hash = 0x811c9dc5
  for (const char of `${canonicalJson(data)}${collisions > 0 ? collisions : ''}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return [...String(hash)].map((d) => alphabet[(d.codePointAt(0) ?? 0) % alphabet.length]).join('')
}

export interface RevisionInput {
  readonly owner: { readonly name: string; readonly namespace: string }
  readonly template: PodTemplateSpec
  /** Of this owner. */
  readonly revisions: readonly StoredRevision[]
  readonly collisions: number
}

export type NewRevision = ControllerRevision & { metadata: { name: string; namespace: string; labels: Record<string, string> } }

/** The revision of the present template: there as it is, there but to be numbered as the newest, or to be made. */
export type RevisionPlan =
  | { readonly do: 'nothing'; readonly current: StoredRevision }
  | { readonly do: 'renumber'; readonly current: StoredRevision; readonly revision: number }
  | { readonly do: 'create'; readonly wanted: NewRevision }

export const byRevision = (a: StoredRevision, b: StoredRevision): number => a.revision - b.revision || a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1)

export function planRevision({ owner, template, revisions, collisions }: RevisionInput): RevisionPlan {
  const data = snapshotOf(template)
  const sorted = revisions.toSorted(byRevision)
  const newest = sorted.at(-1)
  const equal = sorted.findLast((r) => equalJson(r.data, data))
  if (equal) return equal === newest ? { do: 'nothing', current: equal } : { do: 'renumber', current: equal, revision: (newest?.revision ?? 0) + 1 }
  const hash = hashOf(data, collisions)
  return {
    do: 'create',
    wanted: {
      metadata: { name: `${owner.name}-${hash}`, namespace: owner.namespace, labels: { ...template.metadata?.labels, [revisionLabel]: hash } }, data, revision: (newest?.revision ?? 0) + 1,
    },
  }
}

/** Revisions to delete, oldest first: those no pod is of, beyond what is to be kept. */
export function surplus(revisions: readonly StoredRevision[], live: ReadonlySet<string>, limit: number): StoredRevision[] {
  const idle = revisions.filter((r) => !live.has(r.metadata.name)).toSorted(byRevision)
  return idle.slice(0, Math.max(0, idle.length - limit))
}
