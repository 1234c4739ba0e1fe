/** Keeps the `Dangling` condition of FlowSchemas: whether the priority level that they name exists (`apiserver/pkg/util/flowcontrol/apf_controller.go`). */
import type { FlowSchema, FlowSchemaCondition } from '../../../shared/api/flowcontrol-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isConflict, isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import type { Store } from '../../store/store.ts'
import { resourcePrefix } from '../keys.ts'

interface Deps { readonly store: Store; /** Acts as a superuser. */ readonly client: ApiClient; readonly clock: Clock; readonly log: Log }

const MANAGER = 'api-priority-and-fairness-config-consumer-v1'
/** Priority levels that are there whatever was deleted. */
const mandatory = ['exempt', 'catch-all']

/** The schema with the condition it should have; undefined where it has it. `now`: RFC 3339. */
export function withDangling(schema: FlowSchema, levels: ReadonlySet<string>, now: string): FlowSchema | undefined {
  const level = schema.spec?.priorityLevelConfiguration.name ?? ''
  const text = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`
  const wanted = levels.has(level) ? { status: 'False', reason: 'Found', message: `${text} and it exists` } : { status: 'True', reason: 'NotFound', message: `${text} but there is no such object` }
  const conditions = schema.status?.conditions ?? []
  const before = conditions.find((c) => c.type === 'Dangling')
  if (before?.status === wanted.status && before.reason === wanted.reason && before.message === wanted.message) return undefined
  const next: FlowSchemaCondition = { type: 'Dangling', ...wanted, lastTransitionTime: now }
  return { ...schema, status: { ...schema.status, conditions: [...conditions.filter((c) => c !== before), next] } }
}

export class DanglingStatus {
  readonly #deps: Deps
  #running: Promise<void> | undefined
  #again = false

  constructor(deps: Deps) { this.#deps = deps }

  /** To be called after each change of FlowSchemas or priority levels. */
  changed(): void {
    this.#again = true
    this.#running ??= this.#run().finally(() => { this.#running = undefined })
  }

  /** Resolves when what was begun is done. */
  async idle(): Promise<void> { await this.#running }

  async #run(): Promise<void> {
    const { clock, client, log } = this.#deps
    while (this.#again) {
      this.#again = false
      const levels = new Set([...mandatory, ...this.#stored('prioritylevelconfigurations').map((l) => l.metadata?.name ?? '')])
      for (const schema of this.#stored('flowschemas')) {
        const next = withDangling(schema, levels, timestamp(clock.now()))
        if (!next) continue
        try {
          await client.update(refs.FlowSchema, next, { subresource: 'status', fieldManager: MANAGER })
        } catch (e) {
          // Changed or deleted meanwhile: that change is on its way here.
          if (!isConflict(e) && !isNotFound(e)) log.error('the status of a FlowSchema was not written', { schema: schema.metadata?.name, error: messageOf(e) })
        }
      }
    }
  }

  #stored(resource: string): FlowSchema[] {
    return this.#deps.store.list({ prefix: resourcePrefix({ group: refs.FlowSchema.group, resource, namespaced: false }) }).entries.map((e) => JSON.parse(e.value.toString()) as FlowSchema)
  }
}
