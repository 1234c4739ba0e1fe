/** The table of what is served: the built-in resources and, while the server runs, custom ones. */
import type { ResourceDefinition } from './definition.ts'

export interface Registry {
  /** Every served version of every resource, in the order discovery lists them: of one group the preferred version first. A new array after each change. */
  readonly all: readonly ResourceDefinition[]
  /** Each resource once, in its stored version where that is served, else in another: for whoever walks over objects. */
  readonly resources: readonly ResourceDefinition[]
  /** Counts changes: what was derived from the table holds as long as this does. */
  readonly generation: number
  /** `group` is `''` for the core group; `resource` the plural, as in the path. */
  find(group: string, version: string, resource: string): ResourceDefinition | undefined
  byKind(group: string, version: string, kind: string): ResourceDefinition | undefined
  /** Called after each change, in order of registration; must not throw. */
  onChange(listener: () => void): Disposable
}

const hubOf = (d: ResourceDefinition): ResourceDefinition => d.storage?.definition ?? d

function onePerResource(all: readonly ResourceDefinition[]): ResourceDefinition[] {
  const chosen = new Map<string, ResourceDefinition>()
  for (const d of all) {
    const hub = hubOf(d)
    const key = `${hub.group}/${hub.resource}`
    if (!chosen.has(key) || (d.version === hub.version && d.group === hub.group)) chosen.set(key, d)
  }
  return [...chosen.values()]
}

export class LiveRegistry implements Registry {
  readonly #builtIn: readonly ResourceDefinition[]
  /** By owner (the name of a CustomResourceDefinition): the served versions of a resource. */
  readonly #custom = new Map<string, readonly ResourceDefinition[]>()
  readonly #listeners = new Set<() => void>()
  #all: readonly ResourceDefinition[] = []
  #resources: readonly ResourceDefinition[] | undefined
  #byResource = new Map<string, ResourceDefinition>()
  #byKind = new Map<string, ResourceDefinition>()
  #generation = 0

  constructor(builtIn: readonly ResourceDefinition[]) {
    this.#builtIn = builtIn
    this.#index()
  }

  get all(): readonly ResourceDefinition[] { return this.#all }
  get generation(): number { return this.#generation }
  get resources(): readonly ResourceDefinition[] { return (this.#resources ??= onePerResource(this.#all)) }
  find(group: string, version: string, resource: string): ResourceDefinition | undefined { return this.#byResource.get(`${group}/${version}/${resource}`) }
  byKind(group: string, version: string, kind: string): ResourceDefinition | undefined { return this.#byKind.get(`${group}/${version}/${kind}`) }

  /** Serves these versions of one resource in place of those its owner had before: all at once, so that nobody sees half of them. */
  replace(owner: string, definitions: readonly ResourceDefinition[]): void {
    if (!definitions.length && !this.#custom.has(owner)) return
    if (definitions.length) this.#custom.set(owner, definitions)
    else this.#custom.delete(owner)
    this.#changed()
  }

  /** Built in whatever is registered: such a name is never given to a custom resource. */
  isBuiltIn(group: string, resource: string): boolean { return this.#builtIn.some((d) => d.group === group && d.resource === resource) }

  /** Serves nothing of this owner any more. */
  remove(owner: string): void { this.replace(owner, []) }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => { this.#listeners.delete(listener) } }
  }

  #changed(): void {
    this.#generation++
    this.#index()
    for (const listener of this.#listeners) listener()
  }

  #index(): void {
    this.#all = [...this.#builtIn, ...[...this.#custom.keys()].sort().flatMap((owner) => this.#custom.get(owner) ?? [])]
    this.#resources = undefined
    this.#byResource = new Map()
    this.#byKind = new Map()
    for (const d of this.#all) {
      // What is built in comes first and is never shadowed.
      const [resource, kind] = [`${d.group}/${d.version}/${d.resource}`, `${d.group}/${d.version}/${d.kind}`]
      if (!this.#byResource.has(resource)) this.#byResource.set(resource, d)
      if (!this.#byKind.has(kind)) this.#byKind.set(kind, d)
    }
  }
}
