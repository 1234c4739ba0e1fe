/** One concern of making a pod's surroundings. Small and optional; listed once, in `order.ts`. */
import type { PodRecord } from '../pod/record.ts'
import type { StoredPod } from '../pod/pod-facts.ts'

export interface SetUpContext { readonly record: PodRecord; readonly pod: StoredPod; readonly attempt: number; readonly signal: AbortSignal }

/** What a set-up failure is told as: an Event of this reason. */
export class HookError extends Error {
  override readonly name = 'HookError'
  readonly reason: string
  constructor(reason: string, message: string, cause?: unknown) { super(message, cause === undefined ? undefined : { cause }); this.reason = reason }
}

export interface PodHook {
  readonly name: string
  /** May be repeated at any time, also on a pod that is set up. */
  setUp?(context: SetUpContext): Promise<void>
  /** Safe without set-up; may be repeated. `keep`: the pod has ended but its containers and logs stay. */
  tearDown?(record: PodRecord, keep: 'containers' | 'nothing'): Promise<void>
}

/** Groups in order; the hooks of a group at the same time. Stops at the first group that fails, with the first error of it. */
export async function setUpAll(groups: readonly (readonly PodHook[])[], context: SetUpContext): Promise<void> {
  for (const group of groups) {
    const results = await Promise.allSettled(group.map((h) => h.setUp?.(context)))
    for (const r of results) if (r.status === 'rejected') throw r.reason
  }
}

/** Every hook in reverse order, one after the other, whatever fails; then throws what failed. */
export async function tearDownAll(groups: readonly (readonly PodHook[])[], record: PodRecord, keep: 'containers' | 'nothing'): Promise<void> {
  const errors: unknown[] = []
  for (const hook of groups.flat().toReversed()) {
    try { await hook.tearDown?.(record, keep) } catch (e) { errors.push(e) }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, `tear-down: ${errors.map((e) => (e instanceof Error ? e.message : String(e))).join('; ')}`)
}
