/**
 * Follows APIServices: registers what we serve ourselves, passes requests for the others on, and keeps their `Available` condition and what
 * discovery says of them. Level-triggered from the store, one key an APIService, so it may be killed anywhere.
 */
import type { APIService } from '../../../shared/api/apiregistration-v1.ts'
import type { ResourceRef } from '../../../shared/api/object.ts'
import { isAlreadyExists, isConflict, isNotFound, messageOf } from '../../../shared/base/errors.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import type { Clock, Log, Random } from '../../../shared/base/host.ts'
import type { Metrics } from '../../../shared/base/metrics.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { KeyPair } from '../../../shared/pki/certificates.ts'
import { createWorkQueue, type HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { CompactedError, type Store, type Watcher } from '../../store/store.ts'
import type { Elsewhere, ElsewhereVersion } from '../discovery/groups.ts'
import { resourcePrefix } from '../keys.ts'
import type { RequestInfo } from '../request-info.ts'
import type { Registry } from '../resources/registry.ts'
import { endpointOf, serviceKind, serviceNamed, sliceKind, slicesOf } from '../service-endpoint.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { Aggregation, RemoteServer } from './aggregation.ts'
import { type GroupVersion, nameOf, registrationSteps, type Step, wantedFor } from './plan.ts'
import { type Priority, priorityOf } from './priorities.ts'
import { RemoteClient, type RemoteTarget } from './remote-client.ts'
import { discoveredIn, type DiscoveredResource } from './remote-discovery.ts'
import { type Availability, failedDiscovery, isAvailable, localAvailability, objection, passed, setAvailability } from './rules.ts'

export const apiServiceRef: ResourceRef<APIService> = { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices', kind: 'APIService', namespaced: false }

export interface AggregatorDeps {
  readonly store: Store
  readonly objects: ObjectCache
  readonly registry: Registry
  /** Group-versions served here, stored or not. */
  readonly served: () => readonly GroupVersion[]
  /** Shown to aggregated servers. */
  readonly frontProxy: KeyPair
  /** Acts as a superuser. */
  readonly client: ApiClient
  readonly metrics: Metrics
  readonly host: { readonly clock: Clock; readonly random: Random; readonly log: Log }
}

/** The key of the work queue under which what we serve is registered; no APIService has a name like it. */
const REGISTER = '/register'
/** Upstream looks at each again after this, for a server may die without anything changing in the API. */
const RECHECK = 30_000
const CHECK_TIMEOUT = 5000
const ATTEMPTS = 5
/** A lost conversation with the store is begun again after this. */
const RETRY = 1000

interface Remote {
  readonly client: RemoteClient
  readonly gv: GroupVersion
  available: boolean
  resources: readonly DiscoveredResource[]
  freshness: 'Current' | 'Stale'
}

const keyOf = ({ group, version }: GroupVersion): string => `${group}/${version}`
const gvOf = ({ spec }: APIService): GroupVersion => ({ group: spec?.group ?? '', version: spec?.version ?? '' })

function targetOf({ spec }: APIService): RemoteTarget | undefined {
  const { service, caBundle = '', insecureSkipTLSVerify = false } = spec ?? {}
  return service && { namespace: service.namespace ?? '', name: service.name ?? '', port: service.port ?? 443, caBundle, insecureSkipTLSVerify }
}

export class Aggregator implements Aggregation, Elsewhere {
  readonly #deps: AggregatorDeps
  readonly #queue
  readonly #prefix = resourcePrefix(apiServiceRef)
  /** By name. */
  #services: ReadonlyMap<string, APIService> = new Map()
  /** By group and version. */
  readonly #remotes = new Map<string, Remote>()
  #registered = false
  #generation = 0
  #followingServices: AbortController | undefined
  /** While it runs. */
  #signal: AbortSignal | undefined

  constructor(deps: AggregatorDeps) {
    this.#deps = deps
    this.#queue = createWorkQueue({ name: 'api-services', clock: deps.host.clock, log: deps.host.log, maxDelay: RECHECK, metrics: deps.metrics })
    deps.registry.onChange(() => this.#queue.add(REGISTER))
    deps.metrics.collected('aggregator_unavailable_apiservice', {
      kind: 'gauge', help: 'Gauge of APIServices which are marked as unavailable broken down by APIService name.', labels: ['name'],
      read: () => [...this.#services.values()].map((s) => ({ labels: [s.metadata?.name ?? ''], value: isAvailable(s) ? 0 : 1 })),
    })
  }

  // What discovery asks.
  get generation(): number { return this.#generation }
  get all(): readonly ElsewhereVersion[] { return [...this.#remotes.values()].map(({ gv, resources, freshness }) => ({ ...gv, resources, freshness })) }
  /** Those that answer, for whoever asks them for documents. */
  get clients(): readonly { readonly gv: GroupVersion; readonly client: RemoteClient }[] { return [...this.#remotes.values()].filter((r) => r.available) }

  priorityOf(gv: GroupVersion): Priority {
    const spec = this.#services.get(nameOf(gv))?.spec
    return spec ? { group: spec.groupPriorityMinimum, version: spec.versionPriority } : priorityOf(gv)
  }

  serverOf(info: RequestInfo): RemoteServer | undefined {
    if (!this.#remotes.size) return undefined
    const [, root, first = '', second = '', third = '', fourth = ''] = info.path.split('/')
    if (root === 'apis') return this.#remotes.get(`${first}/${second}`)?.client
    if (root === 'api') return this.#remotes.get(`/${first}`)?.client
    // Their documents are passed on as they are.
    if (root === 'openapi' && first === 'v3') return this.#remotes.get(second === 'apis' ? `${third}/${fourth}` : `/${third}`)?.client
    return undefined
  }

  /** Registers what is served and knows what is registered. To be awaited before requests are taken. */
  async load(): Promise<void> {
    this.#read()
    await this.#register()
    this.#read()
  }

  /** Follows changes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const work = this.#queue.run(2, (key) => this.#work(key), signal)
    // What was registered meanwhile may not be all by now.
    this.#queue.add(REGISTER)
    await this.#follow(this.#prefix, signal, () => this.#read())
    this.#followingServices?.abort()
    await work
    for (const { client } of this.#remotes.values()) client.destroy()
  }

  /** `changed` gets the keys, or nothing where any may have changed. */
  async #follow(prefix: string, signal: AbortSignal, changed: (keys?: readonly string[]) => void): Promise<void> {
    const { store, host } = this.#deps
    while (!signal.aborted) {
      try {
        await this.#followOnce(store.watch(prefix, store.revision), signal, changed)
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) host.log.error('following API services failed; beginning again', { error: e as Error })
        await ignore(host.clock.sleep(RETRY, signal), 'the loop sees that it was aborted')
      }
    }
  }

  async #followOnce(watcher: Watcher, signal: AbortSignal, changed: (keys?: readonly string[]) => void): Promise<never> {
    try {
      changed()
      for (;;) changed((await watcher.next(signal)).map((c) => c.entry.key))
    } finally {
      watcher.close()
    }
  }

  /** Takes over what is stored; whatever changed is looked at. */
  #read(): void {
    const { store, objects } = this.#deps
    const before = this.#services
    const now = new Map<string, APIService>()
    for (const entry of store.list({ prefix: this.#prefix }).entries) {
      const service = objects.object(entry) as APIService
      now.set(service.metadata?.name ?? '', service)
    }
    this.#services = now
    for (const [name, service] of now) {
      const last = before.get(name)
      if (last === service) continue
      this.#seen(service)
      // Our own word about a server is no reason to ask it again.
      if (!last || !service.spec?.service || !equalJson(last.spec, service.spec)) this.#queue.add(name)
    }
    for (const [name, service] of before) {
      if (now.has(name)) continue
      this.#forget(gvOf(service))
      this.#queue.add(REGISTER)
    }
    this.#followServices()
  }

  #seen(service: APIService): void {
    const target = targetOf(service)
    const gv = gvOf(service)
    this.#generation++
    if (!target) { this.#forget(gv); return }
    const known = this.#remotes.get(keyOf(gv))
    if (known && JSON.stringify(known.client.target) === JSON.stringify(target)) {
      known.available = isAvailable(service)
      return
    }
    known?.client.close()
    const remote: Remote = {
      gv, available: isAvailable(service), resources: known?.resources ?? [], freshness: 'Stale',
      client: new RemoteClient(target, {
        client: this.#deps.frontProxy, isAvailable: () => remote.available,
        resolve: (t) => endpointOf({ store: this.#deps.store, objects: this.#deps.objects, random: this.#deps.host.random }, t),
      }),
    }
    this.#remotes.set(keyOf(gv), remote)
  }

  #forget(gv: GroupVersion): void {
    const remote = this.#remotes.get(keyOf(gv))
    remote?.client.close()
    this.#remotes.delete(keyOf(gv))
    this.#generation++
  }

  /** Services and their endpoints are followed while somebody depends on them. */
  #followServices(): void {
    if (!this.#signal) return
    if (this.#remotes.size && !this.#followingServices) {
      const following = this.#followingServices = new AbortController()
      for (const kind of [serviceKind, sliceKind]) {
        void this.#follow(resourcePrefix(kind), AbortSignal.any([following.signal, this.#signal]), (keys) => {
          for (const { gv, client } of this.#remotes.values()) {
            const within = resourcePrefix(kind, client.target.namespace)
            if (keys?.some((k) => k.startsWith(within)) ?? true) this.#queue.add(nameOf(gv))
          }
        })
      }
    } else if (!this.#remotes.size) {
      this.#followingServices?.abort()
      this.#followingServices = undefined
    }
  }

  async #work(key: string): Promise<HandlerResult> {
    if (key === REGISTER) return await this.#register()
    const service = this.#services.get(key)
    if (!service) return
    const remote = this.#remotes.get(keyOf(gvOf(service)))
    const availability = remote ? await this.#check(remote) : localAvailability
    const changed = copyJson(service) as APIService
    if (setAvailability(changed, availability, timestamp(this.#deps.host.clock.now()))) await this.#writeStatus(changed)
    if (!remote) return
    if (availability.reason === 'FailedDiscoveryCheck') throw new Error(availability.message)
    return { after: RECHECK }
  }

  async #writeStatus(service: APIService): Promise<void> {
    try {
      await this.#deps.client.update(apiServiceRef, service, { subresource: 'status' })
    } catch (e) {
      // Changed or deleted meanwhile: that change is on its way here.
      if (!isConflict(e) && !isNotFound(e)) throw e
    }
  }

  /** Upstream asks five times at once; here the others are asked where the first one failed. */
  async #check(remote: Remote): Promise<Availability> {
    const { target } = remote.client
    const no = objection(target, serviceNamed(this.#deps, target), slicesOf(this.#deps, target))
    const attempt = (): Promise<void> => this.#discover(remote)
    const answer = no ?? await attempt().catch(() => Promise.any(Array.from({ length: ATTEMPTS - 1 }, attempt))).then(() => passed, (e: unknown) => failedDiscovery(messageOf(e instanceof AggregateError ? e.errors.at(-1) : e)))
    if (answer !== passed) this.#discovered(remote, remote.resources, 'Stale')
    return answer
  }

  /** Whether somebody answers is known without looking at the certificate; what is served is believed only of the right server. */
  async #discover(remote: Remote): Promise<void> {
    const { group, version } = remote.gv
    const path = group ? `/apis/${group}/${version}` : `/api/${version}`
    const ask = (verify: boolean) => remote.client.get(path, { accept: 'application/json', timeoutMs: CHECK_TIMEOUT, verify })
    const verified = await ignore(ask(true), 'the second try says why')
    const { code, body } = verified ?? await ask(false).catch((e: unknown) => { throw new Error(`failing or missing response from ${remote.client.urlOf(path)}: ${messageOf(e)}`, { cause: e }) })
    if (code < 200 || code > 299) throw new Error(`failing or missing response from ${remote.client.urlOf(path)}: bad status from ${remote.client.urlOf(path)}: ${code}`)
    try {
      if (verified) this.#discovered(remote, discoveredIn(body.toString(), remote.gv), 'Current')
      else this.#discovered(remote, remote.resources, 'Stale')
    } catch (e) {
      this.#deps.host.log.warn('an aggregated server does not say what it serves', { path, error: messageOf(e) })
      this.#discovered(remote, remote.resources, 'Stale')
    }
  }

  #discovered(remote: Remote, resources: readonly DiscoveredResource[], freshness: Remote['freshness']): void {
    if (remote.freshness === freshness && JSON.stringify(remote.resources) === JSON.stringify(resources)) return
    Object.assign(remote, { resources, freshness })
    this.#generation++
  }

  async #register(): Promise<void> {
    const { registry, served } = this.#deps
    const custom = new Set(registry.all.filter((d) => d.codec).map(keyOf))
    const wanted = wantedFor(served(), (gv) => custom.has(keyOf(gv)))
    const steps = registrationSteps({ wanted, current: [...this.#services.values()], first: !this.#registered })
    await Promise.all(steps.map((step) => this.#apply(step)))
    this.#registered = true
  }

  async #apply(step: Step): Promise<void> {
    const { client } = this.#deps
    try {
      switch (step.do) {
        case 'create': await client.create(apiServiceRef, step.object as APIService & { metadata: object }); return
        case 'update': await client.update(apiServiceRef, step.object); return
        case 'delete': await client.delete(apiServiceRef, { name: step.name }); return
      }
    } catch (e) {
      // Somebody was quicker, and what they did comes back here as a change.
      if (!isAlreadyExists(e) && !isNotFound(e)) throw e
    }
  }
}
