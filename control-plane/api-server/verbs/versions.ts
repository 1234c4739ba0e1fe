/**
 * Between the version a request is in and the one that is stored. Verbs work on the stored form; what comes in and goes out is converted here.
 * Whatever is stored in its own form (nearly everything) passes through untouched and without waiting.
 */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { Entry } from '../../store/store.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ApiContext, Target } from './context.ts'

/** The definition whose key, bytes, strategy and admission count. */
export const hubOf = (definition: ResourceDefinition): ResourceDefinition => definition.storage?.definition ?? definition

/** `definition` and `asked` of a target for a request in this version. */
export const versionsOf = (definition: ResourceDefinition): Pick<Target, 'definition' | 'asked'> => {
  const hub = hubOf(definition)
  return hub === definition ? { definition } : { definition: hub, asked: definition }
}

/** The version the request is in: what decodes its body and prints its answer. */
export const askedOf = (target: Target): ResourceDefinition => target.asked ?? target.definition

/** What ends the watches of a definition, for `AbortSignal.any`. */
export const endOf = (definition: ResourceDefinition): readonly AbortSignal[] => (definition.ended ? [definition.ended] : [])

/** A decoded body, with its own version's defaults, in the stored form. */
export async function toStored(target: Target, object: KubeObject): Promise<KubeObject> {
  const { asked } = target
  if (!asked?.storage) return object
  asked.strategy.default?.(object)
  const stored = await asked.storage.toStorage(object)
  stored.kind = target.definition.kind
  stored.apiVersion = apiVersionOf(target.definition)
  return stored
}

/** A stored object in a version: what {@link ResourceDefinition.storage} makes of it. */
export const inVersion = (definition: ResourceDefinition, object: KubeObject): KubeObject | Promise<KubeObject> =>
  definition.storage ? definition.storage.fromStorage(object) : object

export async function allInVersion(definition: ResourceDefinition, objects: readonly KubeObject[]): Promise<readonly KubeObject[]> {
  const { storage } = definition
  if (!storage || objects.length === 0) return objects
  if (storage.allFromStorage) return storage.allFromStorage(objects)
  const out: KubeObject[] = []
  for (const object of objects) out.push(await storage.fromStorage(object))
  return out
}

/** The object of an entry in the stored version of today, where the bytes may be of an older one. */
export const currentForm = (ctx: ApiContext, hub: ResourceDefinition, entry: Entry): Stored<KubeObject> | Promise<Stored<KubeObject>> =>
  inVersion(hub, ctx.objects.object(entry)) as Stored<KubeObject> | Promise<Stored<KubeObject>>

/** A change of a stored object that is described in the version of the request: converted there and back. */
export async function throughVersion(target: Target, old: Stored<KubeObject>, change: (old: Stored<KubeObject>) => KubeObject | Promise<KubeObject>): Promise<KubeObject> {
  if (!target.asked) return change(old)
  return toStored(target, await change(await inVersion(target.asked, old) as Stored<KubeObject>))
}
