/** Who owns what after an object was created, replaced or patched (`managedfields.FieldManager.UpdateNoErrors`). Pure. */
import type { ManagedFieldsEntry } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { Comparison } from './compare.ts'
import { compare } from './compare.ts'
import type { FieldSet } from './field-set.ts'
import { difference, EMPTY, intersects, isEmpty, union } from './field-set.ts'
import type { Managers } from './managers.ts'
import { capUpdaters, idOf, ManagedFieldsError, readManagers, setFields, withoutIdentity, writeManagers } from './managers.ts'
import { ElementError } from './path-element.ts'
import type { OtherVersion, Write } from './write.ts'

/** The comparison in a manager's own version; undefined where that is not served any more. */
export type CompareIn = (apiVersion: string) => Comparison | undefined

/** Compares in each version once. `other` gives the states of the object in a version that is not the write's. */
export function compareIn(write: Write, own: Comparison, other: (apiVersion: string) => OtherVersion | undefined): CompareIn {
  const known = new Map<string, Comparison | undefined>([[write.by.apiVersion, own]])
  return (apiVersion) => {
    if (!known.has(apiVersion)) {
      const states = other(apiVersion)
      known.set(apiVersion, states && compare(states.type, states.before, states.after, write.reset))
    }
    return known.get(apiVersion)
  }
}

/** One `{}`: the client wants the list emptied. */
const isReset = (entries: readonly ManagedFieldsEntry[] | undefined): boolean => entries?.length === 1 && Object.keys(entries[0] as object).length === 0

/** The live object's, which count for nothing where they cannot be read. */
function liveManagers(live: KubeObject | undefined): Managers {
  try {
    return readManagers(live?.metadata?.managedFields, true)
  } catch (e) {
    if (e instanceof ManagedFieldsError) return new Map()
    throw e
  }
}

/** A client may write the list itself; one that does not know it, or sends what cannot be read, leaves the live object's. */
function startingManagers(write: Write, live: KubeObject | undefined, object: KubeObject): Managers {
  const sent = object.metadata?.managedFields
  if (write.by.subresource || !sent?.length) return liveManagers(live)
  if (isReset(sent)) return new Map()
  if (live && equalJson(sent, live.metadata?.managedFields)) return liveManagers(live)
  try {
    return readManagers(sent, false)
  } catch (e) {
    if (e instanceof ManagedFieldsError) return liveManagers(live)
    throw e
  }
}

/**
 * The `managedFields` of `object`, which is about to take the place of `live` (undefined: it is new). The fields the write changed are the
 * writer's now and nobody else's. Undefined where nothing is tracked: an object of before its fields were, or one whose list was emptied.
 */
export function trackUpdate(write: Write, live: KubeObject | undefined, object: KubeObject, other: (apiVersion: string) => OtherVersion | undefined): ManagedFieldsEntry[] | undefined {
  const managers = startingManagers(write, live, object)
  if (live && !managers.size) return undefined
  try {
    const own = compare(write.type, live ?? write.empty, object, write.reset)
    if (isEmpty(own.changed) && isEmpty(own.removed)) return writeManagers(managers)
    take(managers, compareIn(write, own, other))
    claim(managers, write, withoutIdentity(own.changed))
  } catch (e) {
    // An element without its keys: nobody can be said to own it. The write itself is judged by validation.
    if (e instanceof ElementError) return undefined
    throw e
  }
  capUpdaters(managers)
  return writeManagers(managers)
}

/** What was changed or removed is not theirs any more. `except`: whose fields stay. */
export function take(managers: Managers, compared: CompareIn, except?: string): void {
  for (const [id, m] of managers) {
    if (id === except) continue
    const found = compared(m.apiVersion)
    if (!found) {
      managers.delete(id)
      continue
    }
    let { set } = m
    if (intersects(set, found.changed)) set = difference(set, found.changed)
    if (intersects(set, found.removed)) set = difference(set, found.removed)
    if (set !== m.set) setFields(managers, { ...m, set })
  }
}

function claim(managers: Managers, { by, time }: Write, changed: FieldSet): void {
  if (isEmpty(changed)) return
  const before = managers.get(idOf(by))
  setFields(managers, { ...by, set: union(changed, before?.set ?? EMPTY), time })
}
