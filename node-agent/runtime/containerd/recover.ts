/** What to do about each recorded container once the engine's own list of tasks is known. Pure. */
export interface Known { readonly id: string; readonly ended: boolean }
export interface Task { readonly pid: number; readonly status: string }

export type Recovery =
  | { readonly do: 'adopt'; readonly id: string; readonly pid: number }
  /** The engine knows how it ended: deleting the task tells. */
  | { readonly do: 'collect'; readonly id: string }
  /** It ended unseen, with the machine or with its shim. */
  | { readonly do: 'lost'; readonly id: string }
  /** Ended and recorded, or of no record: what the engine still holds is rubbish. */
  | { readonly do: 'discard'; readonly id: string; readonly alive: boolean }

/**
 * `containers` are the engine's that carry our label. One without a record is left over from a removal: records are written first and removed last.
 * Others in the namespace are not ours to touch.
 */
export function recover(known: readonly Known[], containers: readonly string[], tasks: ReadonlyMap<string, Task>): Recovery[] {
  const records = new Map(known.map((k) => [k.id, k]))
  const alive = (id: string): boolean => { const status = tasks.get(id)?.status; return status !== undefined && status !== 'STOPPED' }
  const steps = known.filter((k) => !k.ended).map((k): Recovery => {
    const task = tasks.get(k.id)
    if (!task) return { do: 'lost', id: k.id }
    return task.status === 'RUNNING' || task.status === 'PAUSED' ? { do: 'adopt', id: k.id, pid: task.pid } : { do: 'collect', id: k.id }
  })
  const rubbish = containers.filter((id) => records.get(id)?.ended !== false)
  return [...steps, ...rubbish.map((id): Recovery => ({ do: 'discard', id, alive: alive(id) })), ...steps.filter((s) => s.do === 'lost' && containers.includes(s.id)).map((s): Recovery => ({ do: 'discard', id: s.id, alive: false }))]
}
