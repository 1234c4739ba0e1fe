/**
 * `metadata.managedFields` as a table of managers: who wrote which fields last, how (`Apply` or `Update`), through which subresource and version.
 * Order, names and limits are upstream's (`k8s.io/apimachinery/pkg/util/managedfields`). Pure.
 */
import type { ManagedFieldsEntry } from '../../../shared/api/meta-v1.ts'
import type { FieldSet } from './field-set.ts'
import { difference, EMPTY, FieldsError, isEmpty, parseFields, union } from './field-set.ts'
import { fieldStep } from './path-element.ts'

export interface ManagerKey {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
}
export interface Manager extends ManagerKey {
  readonly set: FieldSet
  /** RFC 3339; undefined where a client left it out. */
  readonly time: string | undefined
}
/** By {@link idOf}. */
export type Managers = Map<string, Manager>

/** Who is the same manager: an applier whatever version it applies in. */
export const idOf = (key: ManagerKey): string =>
  `${key.operation}\0${key.manager}\0${key.operation === 'Apply' ? '' : key.apiVersion}\0${key.subresource}`

export const UNKNOWN_MANAGER = 'unknown'
/** Takes over what an object had before anybody applied to it. */
export const BEFORE_FIRST_APPLY = 'before-first-apply'
const ANCIENT = 'ancient-changes'
/** Upstream's `DefaultMaxUpdateManagers`. */
export const MAX_UPDATE_MANAGERS = 10

/** Entries that cannot be read: the whole list counts for nothing. */
export class ManagedFieldsError extends Error {
  override readonly name = 'ManagedFieldsError'
}

/** `trusted`: the entries are ours, from the store, and in canonical form. Throws {@link ManagedFieldsError}. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined, trusted: boolean): Managers {
  const managers: Managers = new Map()
  entries?.forEach((entry, i) => {
    const { operation, apiVersion = '', fieldsType, manager = '', subresource = '', time } = entry
    if (operation !== 'Apply' && operation !== 'Update') throw new ManagedFieldsError('operation must be `Apply` or `Update`')
    if (!apiVersion) throw new ManagedFieldsError('apiVersion must not be empty')
    if (!fieldsType) throw new ManagedFieldsError(`missing fieldsType in managed fields entry ${i}`)
    if (fieldsType !== 'FieldsV1') throw new ManagedFieldsError(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${i}`)
    const key: ManagerKey = { manager: manager || UNKNOWN_MANAGER, operation, apiVersion, subresource }
    managers.set(idOf(key), { ...key, set: readSet(entry.fieldsV1, trusted), time })
  })
  return managers
}

function readSet(fields: unknown, trusted: boolean): FieldSet {
  if (fields === undefined || fields === null) return EMPTY
  if (trusted) return fields as FieldSet
  try {
    return parseFields(fields)
  } catch (e) {
    if (e instanceof FieldsError) throw new ManagedFieldsError(e.message)
    throw e
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const seconds = (time: string | undefined): number => (time ? Math.floor(Date.parse(time) / 1000) : 0)
const order = (a: Manager, b: Manager): number =>
  byText(a.operation, b.operation) || seconds(a.time) - seconds(b.time) || byText(a.manager, b.manager) || byText(a.apiVersion, b.apiVersion) || byText(a.subresource, b.subresource)

/** Undefined where nobody owns anything: the field is then left out. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (!managers.size) return undefined
  return [...managers.values()].sort(order).map(({ manager, operation, apiVersion, time, set, subresource }) => ({
    manager, operation, apiVersion, ...(time === undefined ? {} : { time }), fieldsType: 'FieldsV1', fieldsV1: set as Record<string, unknown>, ...(subresource ? { subresource } : {}),
  }))
}

const meta = ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion']

/** Identity is nobody's (upstream's `stripMetaManager`). */
const STRIPPED: FieldSet = {
  'f:apiVersion': EMPTY, 'f:kind': EMPTY, 'f:metadata': { '.': EMPTY, ...Object.fromEntries(meta.map((name) => [fieldStep(name), EMPTY])) },
}
export const withoutIdentity = (set: FieldSet): FieldSet => difference(set, STRIPPED)

/** Sets a manager's fields; a manager of nothing is none. */
export function setFields(managers: Managers, manager: Manager): void {
  const id = idOf(manager)
  if (isEmpty(manager.set)) managers.delete(id)
  else managers.set(id, manager)
}

/** The oldest updaters beyond the limit become one for each version. */
export function capUpdaters(managers: Managers): void {
  const updaters = [...managers.values()].filter((m) => m.operation === 'Update')
  let count = updaters.length
  if (count <= MAX_UPDATE_MANAGERS) return
  updaters.sort((a, b) => seconds(a.time) - seconds(b.time) || byText(idOf(a), idOf(b)))
  const first = new Map<string, Manager>()
  for (const m of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) break
    const oldest = first.get(m.apiVersion)
    if (!oldest) {
      first.set(m.apiVersion, m)
      continue
    }
    const key: ManagerKey = { manager: ANCIENT, operation: 'Update', apiVersion: m.apiVersion, subresource: '' }
    const bucket = managers.get(idOf(key)) ?? oldest
    managers.delete(idOf(oldest))
    managers.delete(idOf(m))
    // The time of what was merged last: it is the more recent.
    managers.set(idOf(key), { ...key, set: union(m.set, bucket.set), time: m.time })
    count--
  }
}

/** `"kubectl" with subresource "scale" using apps/v1`. */
export function managerText({ manager, operation, apiVersion, subresource }: ManagerKey): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '')
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}
