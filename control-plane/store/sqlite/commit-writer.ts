import type { Revision } from '../../../shared/base/brands.ts'
import type { Connection, Database, Statement } from '../../../shared/host/sqlite.ts'
import type { Entry } from '../store.ts'
import type { Batch } from './dirty-rows.ts'
import type { ValueCodec } from './value-codec.ts'
import { deleteEntries, entryParams, updateLimit, upsertEntries } from './schema.ts'

/** Rows of the largest statement. Larger ones gain nothing measurable and keep their bound values in memory. */
const maxRows = 128

type Step = (connection: Connection) => Promise<number>

/** Writes batches, each as one transaction: one fsync. Statements take a power of two of rows, so that few of them are ever compiled. */
export class CommitWriter {
  readonly #db: Database
  readonly #values: ValueCodec
  readonly #statements = new Map<string, Statement>()

  constructor(db: Database, values: ValueCodec) {
    this.#db = db
    this.#values = values
  }

  /** On disk when it resolves, or not at all. Writes nothing where there is nothing to write. `limit`: the new revision limit, if it moves. */
  async commit(batch: Batch, limit: Revision | undefined): Promise<void> {
    const steps: Step[] = []
    for (const chunk of chunks([...batch.puts.values()])) steps.push(await this.#upsert(chunk))
    for (const chunk of chunks([...batch.deletes.keys()])) steps.push(await this.#delete(chunk))
    if (limit !== undefined) steps.push(await this.#step('limit', () => updateLimit, () => [limit]))
    if (steps.length === 0) return
    if (steps.length === 1) {
      await steps[0]!(this.#db)
      return
    }
    await this.#db.transaction(async (tx) => {
      for (const step of steps) await step(tx)
    })
  }

  #upsert(entries: readonly Entry[]): Promise<Step> {
    const rows = powerOfTwo(entries.length)
    return this.#step(`put ${rows}`, () => upsertEntries(rows), () => entryParams(entries, rows, (entry) => this.#values.encode(entry)))
  }

  #delete(ids: readonly Revision[]): Promise<Step> {
    const rows = powerOfTwo(ids.length)
    return this.#step(`delete ${rows}`, () => deleteEntries(rows), () => [...ids, ...new Array<null>(rows - ids.length).fill(null)])
  }

  async #step(name: string, sql: () => string, params: () => (number | string | Buffer | null)[]): Promise<Step> {
    let statement = this.#statements.get(name)
    if (!statement) this.#statements.set(name, (statement = await this.#db.prepare(sql())))
    const prepared = statement
    return (connection) => connection.run(prepared, params())
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[], void, void> {
  for (let i = 0; i < items.length; i += maxRows) yield items.length > maxRows ? items.slice(i, i + maxRows) : items
}

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(n))
