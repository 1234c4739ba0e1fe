/**
 * Server-side apply: an applied document laid over the live object, with what its manager applied before and does not any more taken out, unless
 * others own it (`structured-merge-diff/merge.Updater.Apply` with the managers around it in `managedfields`). Pure.
 */
import type { ManagedFieldsEntry, StatusCause } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { badRequest, StatusError } from '../../../shared/base/errors.ts'
import { equalJson, isRecord } from '../../../shared/values/json-value.ts'
import { checkApplied, findingsText } from './check-applied.ts'
import { compare } from './compare.ts'
import type { FieldSet } from './field-set.ts'
import { difference, EMPTY, intersection, isEmpty, pathsOf, union, withNamedFields } from './field-set.ts'
import type { FieldType } from './field-type.ts'
import { configuredBefore, refreshLastApplied } from './last-applied.ts'
import type { Manager, Managers } from './managers.ts'
import { BEFORE_FIRST_APPLY, idOf, ManagedFieldsError, managerText, readManagers, setFields, withoutIdentity, writeManagers } from './managers.ts'
import { merge, removeItems } from './merge.ts'
import { setOf } from './set-of.ts'
import type { CompareIn } from './track-update.ts'
import { compareIn, take } from './track-update.ts'
import type { OtherVersion, Write } from './write.ts'
import { counted } from './write.ts'

export interface ApplyWrite extends Write {
  readonly force: boolean
  /** Group, version and kind as messages name them: `apps/v1, Kind=Deployment`. */
  readonly gvk: string
  /** The document as it came: parsed, unchecked. */
  readonly applied: Readonly<Record<string, unknown>>
  /** The live object; undefined where the document makes a new one. */
  readonly live: KubeObject | undefined
  /** The object in a manager's version; undefined where that is not served any more. Called with `after` of the write. */
  other(apiVersion: string, after: object): OtherVersion | undefined
}

/** The object, not yet decoded and defaulted, and who owns what of it. */
export interface Applied { readonly object: KubeObject; readonly managedFields: ManagedFieldsEntry[] | undefined }

interface Conflict { readonly manager: Manager; readonly set: FieldSet }

/** What went wrong in the server's words and without a reason, as upstream. */
const failed = (message: string): StatusError => new StatusError('', message, { code: 500 })

/**
 * 400 for a document that does not fit the kind (upstream says the same, but as 500: it is the client's to mend). Rejects with Conflict where others own what the document changes
 * and `force` is not set.
 */
export function applyDocument(write: ApplyWrite): Applied {
  checkDocument(write)
  const managers = managersBefore(write)
  const outcome = tryApply(write, managers, write.force)
  const done = outcome.conflicts.length ? resolved(write, managers, outcome.conflicts) : outcome
  const { object, managers: after } = done
  return { object: refreshLastApplied(write, object), managedFields: writeManagers(after) }
}

const textAt = (value: unknown, ...path: string[]): string => {
  const found = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), value)
  return typeof found === 'string' ? found : ''
}

/** Upstream's `GroupVersionKind.String`: the group of the core is empty. */
export function gvkText(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') || apiVersion === '' ? apiVersion || '/' : `/${apiVersion}`}, Kind=${kind}`
}

function checkDocument({ applied, gvk, type }: ApplyWrite): void {
  const given = gvkText(textAt(applied, 'apiVersion'), textAt(applied, 'kind'))
  if (given !== gvk) throw badRequest(`invalid object type: ${given}`)
  if (isRecord(applied.metadata) && applied.metadata.managedFields !== undefined && applied.metadata.managedFields !== null) throw badRequest('metadata.managedFields must be nil')
  const found = checkApplied(type, applied)
  const where = `${textAt(applied, 'metadata', 'namespace')}/${textAt(applied, 'metadata', 'name')}; ${gvk}`
  if (found.length) throw badRequest(`failed to create typed patch object (${where}): ${findingsText(found)}`)
}

/** An object that nobody was tracked on becomes that of `before-first-apply`, so that nothing of it is taken silently. */
function managersBefore({ live, type, empty, reset, by, time }: ApplyWrite): Managers {
  let managers: Managers
  try {
    managers = readManagers(live?.metadata?.managedFields, true)
  } catch (e) {
    if (e instanceof ManagedFieldsError) throw failed(`failed to decode managed fields: ${e.message}`)
    throw e
  }
  if (live && !managers.size) {
    const { changed } = compare(type, empty, live, reset)
    setFields(managers, { ...by, manager: BEFORE_FIRST_APPLY, operation: 'Update', set: withoutIdentity(changed), time })
  }
  return managers
}

interface Tried { readonly object: KubeObject; readonly managers: Managers; readonly conflicts: readonly Conflict[] }

function tryApply(write: ApplyWrite, before: Managers, force: boolean): Tried {
  const { type, by, time, applied, reset } = write
  const live = write.live ?? write.empty
  const managers: Managers = new Map(before)
  const id = idOf(by)
  const last = managers.get(id)
  const set = withoutIdentity(counted(reset, setOf(type, applied)))
  managers.set(id, { ...by, set, time: last?.time ?? time })
  const object = prune(write, merge(type, live, applied) as object, managers, last) as KubeObject
  const compared = compareIn(write, compare(type, live, object, reset), (apiVersion) => write.other(apiVersion, object))
  const conflicts = force ? [] : conflictsOf(managers, compared, id)
  if (conflicts.length) return { object, managers, conflicts }
  take(managers, compared, id)
  const mine = managers.get(id)
  if (mine) setFields(managers, equalJson(live, object) ? mine : { ...mine, time })
  return { object, managers, conflicts }
}

function conflictsOf(managers: Managers, compared: CompareIn, except: string): Conflict[] {
  const found: Conflict[] = []
  for (const [id, manager] of managers) {
    const changed = id === except ? undefined : compared(manager.apiVersion)?.changed
    const set = changed ? intersection(manager.set, changed) : EMPTY
    if (!isEmpty(set)) found.push({ manager, set })
  }
  const name = ({ manager: m }: Conflict): string => `${m.manager}\0${idOf(m)}`
  return found.sort((a, b) => (name(a) < name(b) ? -1 : 1))
}

/** kubectl may take over what it applied itself, client-side, and what nobody has changed since. */
function resolved(write: ApplyWrite, managers: Managers, conflicts: readonly Conflict[]): Tried {
  const mine = write.by.manager === 'kubectl' && write.live ? configuredBefore(write, write.live) : undefined
  const left = mine ? conflicts.map((c) => ({ ...c, set: difference(c.set, mine) })).filter((c) => !isEmpty(c.set)) : conflicts
  if (left.length) throw conflictError(left)
  return tryApply(write, managers, true)
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes: StatusCause[] = []
  const lines: string[] = []
  for (const { manager, set } of conflicts) {
    const who = managerText(manager)
    const paths = pathsOf(set)
    causes.push(...paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })))
    lines.push(`conflicts with ${who}:`, ...paths.map((p) => `- ${p}`))
  }
  const [first] = causes
  const message = causes.length === 1 && first ? `Apply failed with 1 conflict: ${first.message ?? ''}: ${first.field ?? ''}` : `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`
  return new StatusError('Conflict', message, { details: { causes } })
}

/**
 * Takes out what the manager applied last time and not now. What another owns stays, and so does what nobody had applied: only what is in the
 * last set goes. Sets of other versions are read as they are: names that differ between versions keep their field, which is the careful error.
 */
function prune({ type }: ApplyWrite, merged: object, managers: Managers, last: Manager | undefined): object {
  if (!last || isEmpty(last.set)) return merged
  const named = (set: FieldSet): FieldSet => withNamedFields(set, type)
  const present = (value: unknown): FieldSet => named(setOf(type, value))
  let owned: FieldSet = EMPTY
  for (const m of managers.values()) owned = union(owned, m.set)
  const all = present(merged)
  const lastSet = named(last.set)
  let pruned = removed(type, merged, lastSet)
  pruned = removed(type, merged, difference(all, union(present(pruned), named(owned))))
  return removed(type, merged, intersection(difference(all, present(pruned)), lastSet))
}

const removed = (type: FieldType, value: object, set: FieldSet): object => (removeItems(type, value, set) ?? {}) as object
