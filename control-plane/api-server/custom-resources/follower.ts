/**
 * Follows CustomResourceDefinitions: gives them their names, serves what they define, and empties and lets go those that are deleted. One at a
 * time and from the stored state, so it may be killed anywhere: what is established is served again at the next start.
 */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { ResourceRef, Stored } from '../../../shared/api/object.ts'
import { isConflict, isNotFound } from '../../../shared/base/errors.ts'
import type { Clock, Log, Random } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import type { Entry, Store } from '../../store/store.ts'
import { CompactedError } from '../../store/store.ts'
import { resourcePrefix } from '../keys.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { LiveRegistry } from '../resources/live-registry.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { WebhookClient } from '../webhook-client/client.ts'
import { CLEANUP_FINALIZER, conditionOf, isTrue, setCondition } from './conditions.ts'
import { converterOf } from './conversion.ts'
import { approvalOf } from './definition-rules.ts'
import { removeInstances } from './instances.ts'
import type { Taken } from './names.ts'
import { decideNames } from './names.ts'
import { compileRules } from './cel-rules.ts'
import { definitionsOf } from './serve.ts'

type Crd = Stored<CustomResourceDefinition>

export const customResourceDefinitionRef: ResourceRef<CustomResourceDefinition> =
  { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false }

export interface FollowerDeps {
  readonly store: Store
  readonly objects: ObjectCache
  readonly registry: LiveRegistry
  readonly client: ApiClient
  readonly webhooks: WebhookClient
  readonly host: { readonly clock: Clock; readonly random: Random; readonly log: Log }
}

interface Held { crd: Crd; /** Of what is served now. */ served?: { readonly uid: string; readonly generation: number; readonly ended: AbortController }; removing?: true }

/** A failed conversation with the store or a race lost is tried again after this. */
const RETRY = 1000

export class CustomResources {
  readonly #deps: FollowerDeps
  readonly #prefix = resourcePrefix(customResourceDefinitionRef)
  /** By name. */
  readonly #held = new Map<string, Held>()

  constructor(deps: FollowerDeps) { this.#deps = deps }

  /** Serves what the store has. To be awaited before requests are taken. */
  async load(): Promise<void> {
    for (const entry of this.#deps.store.list({ prefix: this.#prefix }).entries) await this.#seen(this.#crd(entry))
  }

  /** Follows changes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, host } = this.#deps
    while (!signal.aborted) {
      const watcher = store.watch(this.#prefix, store.revision)
      try {
        await this.#all(signal)
        for (;;) {
          for (const { type, entry } of await watcher.next(signal)) {
            if (type === 'delete') this.#gone(entry)
            else await this.#reconcile(this.#crd(entry), signal)
          }
        }
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) host.log.error('following custom resource definitions failed; beginning again', { error: e as Error })
        await pause(host.clock, RETRY, signal)
      } finally {
        watcher.close()
      }
    }
  }

  #crd(entry: Entry): Crd { return this.#deps.objects.object(entry) as Crd }

  async #all(signal: AbortSignal): Promise<void> {
    const stored = new Set<string>()
    for (const entry of this.#deps.store.list({ prefix: this.#prefix }).entries) {
      const crd = this.#crd(entry)
      stored.add(crd.metadata.name)
      await this.#reconcile(crd, signal)
    }
    for (const [name] of this.#held) if (!stored.has(name)) this.#forget(name)
  }

  /** What is overtaken by a newer write is not acted on: the newer one is on its way. */
  async #reconcile(crd: Crd, signal: AbortSignal): Promise<void> {
    const named = await this.#named(crd)
    await this.#seen(named)
    try {
      if (!equalJson(named.status, crd.status)) await this.#deps.client.update(customResourceDefinitionRef, named, { subresource: 'status' })
    } catch (e) {
      if (!isConflict(e) && !isNotFound(e)) throw e
      return
    }
    if (crd.metadata.deletionTimestamp && crd.metadata.finalizers?.includes(CLEANUP_FINALIZER)) this.#remove(crd.metadata.name, signal)
  }

  /** The definition with the names and conditions it has now. */
  async #named(crd: Crd): Promise<Crd> {
    const next = copyJson(crd) as Crd
    const now = timestamp(this.#deps.host.clock.now())
    const { accepted, conditions } = decideNames(crd, this.#taken(crd))
    ;(next.status ??= {}).acceptedNames = accepted
    for (const condition of conditions) setCondition(next, condition, now)
    const approval = approvalOf(crd)
    if (approval) setCondition(next, { type: 'KubernetesAPIApprovalPolicyConformant', status: approval.ok ? 'True' : 'False', reason: approval.reason, message: approval.message }, now)
    return next
  }

  #builtIn(crd: Crd): boolean {
    const { group, names } = crd.spec
    return this.#deps.registry.isBuiltIn(group, names.plural)
  }

  #taken(crd: Crd): Taken {
    const resources = new Set<string>()
    const kinds = new Set<string>()
    const take = (names: { plural?: string; singular?: string; shortNames?: readonly string[]; kind?: string; listKind?: string }): void => {
      for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) if (name) resources.add(name)
      for (const name of [names.kind, names.listKind]) if (name) kinds.add(name)
    }
    for (const [name, { crd: other }] of this.#held) if (name !== crd.metadata.name && other.spec.group === crd.spec.group) take(other.status?.acceptedNames ?? {})
    if (this.#builtIn(crd)) take({ plural: crd.spec.names.plural })
    return { resources, kinds }
  }

  /** Serves the definition as it is now, or no more. */
  async #seen(crd: Crd): Promise<void> {
    const { name, uid, generation = 1 } = crd.metadata
    const held = this.#held.get(name)
    const served = held?.served
    const before = held?.crd
    const entry: Held = { ...held, crd }
    this.#held.set(name, entry)
    if (!isTrue(crd, 'Established') || this.#builtIn(crd)) return this.#withdraw(entry, name)
    const same = served?.uid === uid && served.generation === generation
    if (same && before && equalJson(before.status?.acceptedNames, crd.status?.acceptedNames) && isTrue(before, 'Terminating') === isTrue(crd, 'Terminating')) return
    const ended = same && served ? served.ended : new AbortController()
    try {
      const { webhooks, host, registry } = this.#deps
      const definitions = definitionsOf({ crd, convert: converterOf(crd, { webhooks, random: host.random }), rules: await compileRules(crd) })
      registry.replace(name, definitions.map((d): ResourceDefinition => Object.assign(d, { ended: ended.signal })))
      entry.served = { uid, generation, ended }
      if (!same) served?.ended.abort()
    } catch (e) {
      // A definition that came past validation (written by an older server) and cannot be served must not take the others with it.
      this.#deps.host.log.error('a custom resource definition cannot be served', { name, error: e as Error })
      this.#withdraw(entry, name)
    }
  }

  #withdraw(entry: Held, name: string): void {
    this.#deps.registry.remove(name)
    entry.served?.ended.abort()
    delete entry.served
  }

  #gone(entry: Entry): void {
    const { name, uid } = this.#crd(entry).metadata
    if (this.#held.get(name)?.crd.metadata.uid === uid) this.#forget(name)
  }

  /** Its names are free again: others of the group may have waited for them. */
  #forget(name: string): void {
    const held = this.#held.get(name)
    if (!held) return
    this.#withdraw(held, name)
    this.#held.delete(name)
    for (const { crd } of this.#held.values()) {
      if (crd.spec.group !== held.crd.spec.group || conditionOf(crd, 'NamesAccepted')?.status === 'True') continue
      // Written by hand rather than from this loop's state: the write comes back as a change.
      this.#named(crd).then((next) => this.#deps.client.update(customResourceDefinitionRef, next, { subresource: 'status' }))
        .catch((e: unknown) => { if (!isConflict(e) && !isNotFound(e)) this.#deps.host.log.error('names of a custom resource definition could not be given', { name: crd.metadata.name, error: e as Error }) })
    }
  }

  /** Beside the loop: instances with finalizers may keep it waiting for long. */
  #remove(name: string, signal: AbortSignal): void {
    const held = this.#held.get(name)
    if (!held || held.removing) return
    held.removing = true
    this.#removed(name, signal).catch(async (e: unknown) => {
      if (signal.aborted) return
      this.#deps.host.log.error('removing the instances of a custom resource failed; trying again', { name, error: e as Error })
      await pause(this.#deps.host.clock, RETRY, signal)
    }).finally(() => {
      const now = this.#held.get(name)
      if (!now) return
      delete now.removing
      if (!signal.aborted && now.crd.metadata.uid === held.crd.metadata.uid) this.#remove(name, signal)
    })
  }

  async #removed(name: string, signal: AbortSignal): Promise<void> {
    const { client, host } = this.#deps
    const state = async (status: 'True' | 'False', reason: string, message: string): Promise<Crd | undefined> => {
      const crd = await this.#current(name)
      if (!crd?.metadata.deletionTimestamp) return undefined
      const next = copyJson(crd) as Crd
      setCondition(next, { type: 'Terminating', status, reason, message }, timestamp(host.clock.now()))
      return client.update(customResourceDefinitionRef, next, { subresource: 'status' })
    }
    const crd = await state('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')
    if (!crd) return this.#forgetIfGone(name)
    if (!this.#builtIn(crd)) await removeInstances({ ...this.#deps, crd }, signal)
    const done = await state('False', 'InstanceDeletionCompleted', 'removed all instances')
    if (!done) return this.#forgetIfGone(name)
    const { finalizers: _finalizers, ...metadata } = done.metadata
    const left = done.metadata.finalizers?.filter((f) => f !== CLEANUP_FINALIZER) ?? []
    await client.update(customResourceDefinitionRef, { ...done, metadata: { ...metadata, ...(left.length ? { finalizers: left } : {}) } })
    if (!left.length) this.#forget(name)
  }

  async #current(name: string): Promise<Crd | undefined> {
    try {
      return await this.#deps.client.get(customResourceDefinitionRef, { name })
    } catch (e) {
      if (isNotFound(e)) return undefined
      throw e
    }
  }

  async #forgetIfGone(name: string): Promise<void> {
    if (!await this.#current(name)) this.#forget(name)
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.after(ms, resolve)
  signal.addEventListener('abort', () => { timer[Symbol.dispose](); resolve() }, { once: true })
  return promise
}
