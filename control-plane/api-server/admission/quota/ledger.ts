/**
 * The books of all quotas. A write that would use more of something is entered in the quota's `status.used` by compare-and-swap before it is
 * tried, so that writers at the same time never exceed `hard` together. What was refused after all, or deleted, is taken out by counting anew.
 *
 * Counting is synchronous: the store answers from memory, so the count, the entries of writes under way and the quota's revision are of one
 * instant, and the compare-and-swap refuses a result that a new entry overtook.
 */
import type { ResourceQuota } from '../../../../shared/api/core-v1.ts'
import type { Quantity } from '../../../../shared/values/quantity.ts'
import { copyJson, equalJson } from '../../../../shared/values/json-value.ts'
import type { Entry, Store } from '../../../store/store.ts'
import { objectKey, resourcePrefix } from '../../keys.ts'
import { storedAs } from '../../verbs/stored-form.ts'
import type { ObjectCache } from '../../watch/cache.ts'
import { addInto, amountsOf, count, listOf, masked } from '../resource-amounts.ts'
import type { Amounts } from '../resource-amounts.ts'
import { inScope } from './scopes.ts'
import type { Counted } from './usage.ts'
import { countedResources, countsIn, usageOf } from './usage.ts'

export const quotaKind = { group: '', resource: 'resourcequotas', namespaced: true } as const

/** A write that was entered and whose outcome is not known yet. */
export interface Reservation {
  /** Of the object written. */
  readonly key: string
  /** Revision of the object before the write, 0 for a creation: once the store has a later one, the count sees it. */
  readonly before: number
  /** By key of the quota. */
  readonly entered: Map<string, Amounts>
}

export class QuotaLedger {
  readonly #store: Store
  readonly #objects: ObjectCache
  readonly #open = new Set<Reservation>()

  constructor(store: Store, objects: ObjectCache) {
    this.#store = store
    this.#objects = objects
  }

  /** The namespace's quotas by name; empty and cheap for most namespaces. */
  entries(namespace: string): readonly Entry[] { return this.#store.list({ prefix: resourcePrefix(quotaKind, namespace) }).entries }

  quota(entry: Entry): ResourceQuota { return this.#objects.object(entry) as ResourceQuota }

  current(key: string): Entry | undefined { return this.#store.get(key) }

  open(namespace: string, kind: Counted, name: string): Reservation {
    const key = objectKey({ ...kind, namespaced: true }, namespace, name)
    const reservation = { key, before: Number(this.#store.get(key)?.modRevision ?? 0), entered: new Map<string, Amounts>() }
    this.#open.add(reservation)
    return reservation
  }

  /** The quota with a status that was counted for its present spec. */
  settled(entry: Entry): ResourceQuota {
    const quota = this.quota(entry)
    const known = quota.status?.used ?? {}
    return Object.keys(quota.spec?.hard ?? {}).every((name) => known[name] !== undefined && quota.status?.hard?.[name] !== undefined) ? quota : this.#counted(entry.key, quota)
  }

  /** Enters `more` on the quota as it was seen. Undefined: done; else what the quota is now. */
  async enter(entry: Entry, quota: ResourceQuota, more: Amounts, reservation: Reservation): Promise<{ current: Entry | undefined } | undefined> {
    const used = addInto(amountsOf(quota.status?.used), more)
    reservation.entered.set(entry.key, more)
    const result = await this.#write(entry, { ...copyJson(quota), status: { ...copyJson(quota.status ?? {}), used: listOf(used) } })
    if (result.ok) return undefined
    reservation.entered.delete(entry.key)
    return { current: result.current }
  }

  /** The outcome is known. What was not written after all is taken out again. */
  async close(reservation: Reservation, committed: boolean): Promise<void> {
    this.#open.delete(reservation)
    if (!committed) for (const key of reservation.entered.keys()) await this.recount(key)
  }

  /** Counts anew and writes what differs. A quota that went meanwhile needs nothing. */
  async recount(key: string): Promise<void> {
    let entry = this.#store.get(key)
    while (entry) {
      const quota = this.quota(entry)
      const fresh = this.#counted(key, quota)
      if (equalJson(fresh.status, quota.status)) return
      const result = await this.#write(entry, fresh)
      if (result.ok) return
      entry = result.current
    }
  }

  #write(entry: Entry, quota: ResourceQuota) {
    const object = { ...quota, metadata: { ...quota.metadata } }
    return this.#store.write({ type: 'put', key: entry.key, expect: entry.modRevision, durability: 'lazy', value: storedAs(this.#objects, object) })
  }

  #counted(key: string, quota: ResourceQuota): ResourceQuota {
    const names = Object.keys(quota.spec?.hard ?? {})
    const used = new Map<string, Quantity>(names.map((name) => [name, count(0)]))
    for (const kind of countedResources(names)) addInto(used, this.#usage(quota, kind, names.filter((name) => countsIn(name, kind))))
    for (const { key: object, before, entered } of this.#open) {
      const mine = entered.get(key)
      if (mine && Number(this.#store.get(object)?.modRevision ?? 0) <= before) addInto(used, masked(mine, names))
    }
    return { ...copyJson(quota), status: { hard: { ...quota.spec?.hard }, used: listOf(used) } }
  }

  #usage(quota: ResourceQuota, kind: Counted, names: readonly string[]): Amounts {
    const prefix = resourcePrefix({ ...kind, namespaced: true }, quota.metadata?.namespace ?? '')
    const scoped = Boolean(quota.spec?.scopes?.length || quota.spec?.scopeSelector?.matchExpressions?.length)
    const simple = kind.group !== '' || !['pods', 'services', 'persistentvolumeclaims'].includes(kind.resource)
    // Where only the number counts no object is looked at.
    if (simple && !scoped) return new Map(names.map((name) => [name, count(this.#store.count(prefix))]))
    const used = new Map<string, Quantity>()
    for (const entry of this.#store.list({ prefix }).entries) {
      const object = this.#objects.object(entry)
      if (inScope(quota, kind, object)) addInto(used, masked(usageOf(kind, object), names))
    }
    return used
  }
}
