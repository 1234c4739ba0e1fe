/**
 * The desired state on disk and in memory: what the node runs from when it starts without a control plane. A transfer and the position it
 * leads to are one transaction (WAL, synchronous FULL); memory and listeners follow after the commit.
 */
import type { KubeObject, Stored } from '../../shared/api/object.ts'
import type { Database } from '../../shared/host/sqlite.ts'
import { desiredKinds, type DesiredKindName, type Position } from '../../shared/mqtt/messages.ts'
import type { Transfer } from '../../shared/mqtt/delta.ts'
import { digestOf } from '../../shared/mqtt/projection.ts'
import { freezeJson } from '../../shared/values/json-value.ts'
import type { DesiredChange, DesiredKind, DesiredState } from './link.ts'

export const storeSetup = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tokens (key TEXT PRIMARY KEY, token TEXT NOT NULL, issued INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;`

type Held = Map<string, Stored<KubeObject>>
const pathOf = (namespace: string, name: string): string => `${namespace}/${name}`

interface Plan { readonly put: { kind: DesiredKindName; namespace: string; name: string; object: Stored<KubeObject>; json: string }[]; readonly del: DesiredChange[] }

export class DesiredStore implements DesiredState {
  readonly #database: Database
  readonly #held: Record<DesiredKindName, Held>
  readonly #listeners = new Set<(changes: readonly DesiredChange[]) => void>()
  #position: Position | null

  private constructor(database: Database, held: Record<DesiredKindName, Held>, position: Position | null) {
    this.#database = database
    this.#held = held
    this.#position = position
  }

  /** Reads everything. The database was opened with {@link storeSetup}. */
  static async load(database: Database): Promise<DesiredStore> {
    const held = Object.fromEntries(desiredKinds.map((kind) => [kind, new Map() as Held])) as Record<DesiredKindName, Held>
    const position = await database.get("SELECT value FROM meta WHERE key = 'position'", [], (row) => JSON.parse(String(row['value'])) as Position)
    await database.all('SELECT kind, namespace, name, body FROM objects', [], (row) => {
      held[row['kind'] as DesiredKindName]?.set(pathOf(String(row['namespace']), String(row['name'])), freezeJson(JSON.parse(String(row['body'])) as Stored<KubeObject>))
    })
    return new DesiredStore(database, held, position ?? null)
  }

  get known(): boolean { return this.#position !== null }
  /** What is durably stored. */
  get position(): Position | null { return this.#position }

  get<T extends KubeObject>(kind: DesiredKind, namespace: string, name: string): Stored<T> | undefined {
    return this.#held[kind].get(pathOf(namespace, name)) as Stored<T> | undefined
  }

  list<T extends KubeObject>(kind: DesiredKind): readonly Stored<T>[] { return [...this.#held[kind].values()] as Stored<T>[] }

  onChange(listener: (changes: readonly DesiredChange[]) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => { this.#listeners.delete(listener) } }
  }

  /** Every object with its digest: the gateway sends what differs. */
  inventory(): [DesiredKindName, string, string, string][] {
    return desiredKinds.flatMap((kind) => [...this.#held[kind].values()].map((o): [DesiredKindName, string, string, string] => [kind, o.metadata.namespace ?? '', o.metadata.name, digestOf(kind, o)]))
  }

  /** Stores a transfer; resolves when it is on disk and visible. Calls must not overlap. Rejects where the disk fails: nothing is changed then. */
  async apply(transfer: Transfer): Promise<void> {
    const plan = this.#plan(transfer)
    await this.#database.transaction(async (tx) => {
      for (const d of plan.del) await tx.run('DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?', [d.kind, d.namespace, d.name])
      for (const p of plan.put) await tx.run('INSERT OR REPLACE INTO objects (kind, namespace, name, body) VALUES (?, ?, ?, ?)', [p.kind, p.namespace, p.name, p.json])
      await tx.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('position', ?)", [JSON.stringify(transfer.to)])
    })
    for (const d of plan.del) this.#held[d.kind].delete(pathOf(d.namespace, d.name))
    for (const p of plan.put) this.#held[p.kind].set(pathOf(p.namespace, p.name), p.object)
    this.#position = transfer.to
    const changes = [...plan.del, ...plan.put.map(({ kind, namespace, name }): DesiredChange => ({ kind, namespace, name }))]
    if (changes.length > 0) for (const listener of [...this.#listeners]) listener(changes)
  }

  /** A snapshot may repeat what is here: that is not written again. */
  #plan(transfer: Transfer): Plan {
    const put: Plan['put'] = []
    const wanted = new Set<string>()
    for (const [kind, sent] of transfer.put) {
      const object = freezeJson(sent as Stored<KubeObject>)
      const namespace = object.metadata.namespace ?? ''
      const { name } = object.metadata
      wanted.add(`${kind}/${pathOf(namespace, name)}`)
      const json = JSON.stringify(object)
      if (JSON.stringify(this.#held[kind].get(pathOf(namespace, name))) !== json) put.push({ kind, namespace, name, object, json })
    }
    const del: DesiredChange[] = transfer.replace
      ? desiredKinds.flatMap((kind) => this.list(kind).map((o) => ({ kind, namespace: o.metadata.namespace ?? '', name: o.metadata.name })).filter((d) => !wanted.has(`${kind}/${pathOf(d.namespace, d.name)}`)))
      : transfer.del.filter(([kind, namespace, name]) => this.#held[kind].has(pathOf(namespace, name))).map(([kind, namespace, name]) => ({ kind, namespace, name }))
    return { put, del }
  }
}
