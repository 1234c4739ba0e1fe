/** The informers the collector looks through: shared ones of what is there from the start, its own of custom resources, which come and go. */
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { createInformer, type Informer } from '../../../shared/reconcile/informer.ts'
import type { ControllerDeps } from '../controller.ts'
import type { GarbageCollectorConfig } from './controller.ts'

/** What is there now, and a call whenever that changed. */
export interface ChangingResources {
  list(): readonly ResourceRef[]
  onChange(listener: () => void): Disposable
}

type Any = Stored<KubeObject>
type Handle = (informer: Informer<KubeObject>) => Disposable

interface Own { readonly informer: Informer<KubeObject>; readonly handled: Disposable }

/** Names a resource whatever the version it is followed in. */
export const nameOf = (ref: ResourceRef): string => `${ref.group}/${ref.resource}`

const byOwner = (o: Any): readonly string[] => o.metadata.ownerReferences?.map((r) => r.uid) ?? []
const byUid = (o: Any): readonly string[] => [o.metadata.uid]

export class Followed {
  readonly #deps: ControllerDeps
  readonly #config: GarbageCollectorConfig
  readonly #shared: ReadonlyMap<string, Informer<KubeObject>>
  readonly #own = new Map<string, Own>()
  #all: readonly Informer<KubeObject>[]

  constructor(deps: ControllerDeps, config: GarbageCollectorConfig) {
    this.#deps = deps
    this.#config = config
    this.#shared = new Map(config.resources.map((ref) => [nameOf(ref), indexed(deps.informers.for(ref))]))
    this.#all = [...this.#shared.values()]
  }

  get all(): readonly Informer<KubeObject>[] { return this.#all }

  /** By {@link nameOf}. */
  of(name: string): Informer<KubeObject> | undefined { return this.#shared.get(name) ?? this.#own.get(name)?.informer }

  /** Registers handlers with every informer, those to come included, until disposed. */
  watch(handle: Handle): Disposable {
    const registered = [...this.#shared.values()].map(handle)
    const { custom } = this.#config
    if (custom) this.#follow(custom, handle)
    const changed = custom?.onChange(() => { this.#follow(custom, handle) })
    return {
      [Symbol.dispose]: () => {
        changed?.[Symbol.dispose]()
        for (const r of registered) r[Symbol.dispose]()
        for (const name of this.#own.keys()) this.#drop(name)
      },
    }
  }

  #follow(custom: ChangingResources, handle: Handle): void {
    const wanted = new Map(custom.list().map((ref) => [nameOf(ref), ref]))
    for (const [name, { informer }] of this.#own) if (wanted.get(name)?.version !== informer.ref.version) this.#drop(name)
    for (const [name, { group, version, resource, kind, namespaced }] of wanted) {
      if (this.#shared.has(name) || this.#own.has(name)) continue
      const informer = indexed(createInformer<KubeObject>({ client: this.#deps.client, host: this.#deps.host, ref: { group, version, resource, kind, namespaced } }))
      this.#own.set(name, { informer, handled: handle(informer) })
    }
    this.#all = [...this.#shared.values(), ...[...this.#own.values()].map((o) => o.informer)]
  }

  #drop(name: string): void {
    const own = this.#own.get(name)
    if (!own) return
    this.#own.delete(name)
    own.handled[Symbol.dispose]()
    own.informer.close().catch((error: unknown) => { this.#deps.host.log.error('an informer did not close', { resource: name, error: error as Error }) })
  }
}

function indexed(informer: Informer<KubeObject>): Informer<KubeObject> {
  informer.addIndexer('owner', byOwner)
  informer.addIndexer('uid', byUid)
  return informer
}
