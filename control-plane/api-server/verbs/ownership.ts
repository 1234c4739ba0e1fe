/** Writes down who owns which fields of an object that is about to be stored: `metadata.managedFields` of every create, update, patch and subresource write. */
import type { ManagedFieldsEntry } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { LEAF } from '../managed-fields/field-set.ts'
import type { FieldType } from '../managed-fields/field-type.ts'
import { UNKNOWN_MANAGER } from '../managed-fields/managers.ts'
import { schemaRootType } from '../managed-fields/schema-types.ts'
import { emptyObject, tableType } from '../managed-fields/table-types.ts'
import { trackUpdate } from '../managed-fields/track-update.ts'
import type { OtherVersion, Reset, Write } from '../managed-fields/write.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ApiContext, Target } from './context.ts'
import { timestamp } from './context.ts'
import { askedOf, inVersion } from './versions.ts'

/** Posted acts change the object in the server's name: nobody comes to own what they set (as upstream's, whose storage they write directly). */
const acts = new Set(['binding', 'eviction', 'token'])

export const typeOf = (definition: ResourceDefinition): FieldType =>
  definition.codec ? schemaRootType(definition.codec.openApi) : tableType(definition.schema)

const bare = Object.freeze({})
const emptyOf = (definition: ResourceDefinition): object => (definition.codec ? bare : emptyObject(definition.schema))

const leaves = (...names: string[]): Record<string, typeof LEAF> => Object.fromEntries(names.map((n) => [`f:${n}`, LEAF]))
const identity = ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'managedFields', 'resourceVersion']
/** Never compared: nobody owns them. */
const always = { ...leaves('apiVersion', 'kind'), 'f:metadata': leaves(...identity) }
const plain: Reset = { fields: always }
const specWrite: Reset = { fields: { ...always, ...leaves('status') } }
const statusWrite: Reset = { fields: { ...always, ...leaves('spec'), 'f:metadata': leaves(...identity, 'labels', 'ownerReferences', 'deletionTimestamp') } }
const customStatusWrite: Reset = { fields: always, only: 'status' }
const approvalWrite: Reset = { fields: { ...always, ...leaves('spec'), 'f:status': leaves('certificate') } }

/** What strategies put back after such a write (`GetResetFields`). */
function resetOf({ codec, subresources }: ResourceDefinition, subresource: string): Reset {
  if (subresource === 'status') return codec ? customStatusWrite : statusWrite
  if (subresource === 'approval') return approvalWrite
  return subresource === '' && subresources.status ? specWrite : plain
}

/** What a write is compared in; undefined where the writer is not to be written down. */
export function writeOf(ctx: ApiContext, target: Target, operation: 'Apply' | 'Update'): Write | undefined {
  if (target.manager === undefined || acts.has(target.subresource)) return undefined
  const definition = askedOf(target)
  return {
    type: typeOf(definition), empty: emptyOf(definition), reset: resetOf(definition, target.subresource), time: timestamp(ctx.host.clock.now()),
    by: { manager: target.manager || UNKNOWN_MANAGER, operation, apiVersion: apiVersionOf(definition), subresource: target.subresource },
  }
}

/**
 * Sets `managedFields` of an object that takes the place of `live` (undefined: it is new), both in the stored version. To be called when
 * defaults are set and before admission, as upstream: what plugins add is nobody's.
 */
export function own(ctx: ApiContext, target: Target, live: KubeObject | undefined, object: KubeObject): void | Promise<void> {
  const write = writeOf(ctx, target, 'Update')
  if (!write) return setManaged(object, live?.metadata?.managedFields)
  if (target.asked || foreignVersions(live, write).length || foreignVersions(object, write).length) return ownAcross(ctx, target, { live, object, write })
  setManaged(object, trackUpdate(write, live, object, () => undefined))
}

/** Through versions: what was asked for is compared in its own, each manager's fields in theirs. */
async function ownAcross(ctx: ApiContext, target: Target, { live, object, write }: { live: KubeObject | undefined; object: KubeObject; write: Write }): Promise<void> {
  const asked = askedOf(target)
  const before = live && await inVersion(asked, live)
  const after = await inVersion(asked, object)
  const other = await versionsFor(ctx, target, { write, managed: [live, object], states: async (d) => [live && await inVersion(d, live), await inVersion(d, object)] })
  setManaged(object, trackUpdate(write, before && withManaged(before, live), withManaged(after, object), other))
}

const withManaged = (object: KubeObject, from: KubeObject | undefined): KubeObject => {
  const { managedFields: _mine, ...metadata } = object.metadata ?? {}
  const given = from?.metadata?.managedFields
  return { ...object, metadata: given ? { ...metadata, managedFields: given } : metadata }
}

const foreignVersions = (object: KubeObject | undefined, { by }: Write): string[] => {
  const found: string[] = []
  for (const { apiVersion = '' } of object?.metadata?.managedFields ?? []) if (apiVersion !== by.apiVersion && !found.includes(apiVersion)) found.push(apiVersion)
  return found
}

interface Across {
  readonly write: Write
  /** Objects whose managers' versions are needed. */
  readonly managed: readonly (KubeObject | undefined)[]
  /** Both states in a version. */
  states(definition: ResourceDefinition): Promise<readonly [KubeObject | undefined, KubeObject]>
}

/** The states of an object in each version its managers wrote in; undefined for a version that is not served any more. */
export async function versionsFor(ctx: ApiContext, target: Target, { write, managed, states }: Across): Promise<(apiVersion: string) => OtherVersion | undefined> {
  const known = new Map<string, OtherVersion>()
  for (const apiVersion of new Set(managed.flatMap((object) => foreignVersions(object, write)))) {
    const definition = versionOf(ctx, target, apiVersion)
    if (!definition) continue
    const [before, after] = await states(definition)
    known.set(apiVersion, { type: typeOf(definition), before: before ?? emptyOf(definition), after })
  }
  return (apiVersion) => known.get(apiVersion)
}

function versionOf(ctx: ApiContext, { definition }: Target, apiVersion: string): ResourceDefinition | undefined {
  if (apiVersion === apiVersionOf(definition)) return definition
  const slash = apiVersion.indexOf('/')
  return ctx.registry?.find(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), definition.resource)
}

export function setManaged(object: KubeObject, entries: readonly ManagedFieldsEntry[] | undefined): void {
  const { managedFields: _old, ...metadata } = object.metadata ?? {}
  object.metadata = entries?.length ? { ...metadata, managedFields: entries as ManagedFieldsEntry[] } : metadata
}

const withoutTime = ({ time: _time, ...entry }: ManagedFieldsEntry): ManagedFieldsEntry => entry

/** A write that changed nothing but the time of its entry leaves that too: it is then none at all. */
export function keepTimes(object: KubeObject, old: KubeObject): void {
  const [now, before] = [object.metadata?.managedFields, old.metadata?.managedFields]
  if (!now || !before || now === before || now.length !== before.length || !now.every((entry, i) => equalJson(withoutTime(entry), withoutTime(before[i] ?? {})))) return
  const kept: KubeObject = { ...object, metadata: { ...object.metadata, managedFields: before } }
  if (equalJson(kept, old)) object.metadata = kept.metadata ?? {}
}
