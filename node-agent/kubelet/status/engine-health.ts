/** Whether the container engine answers, as the node's Ready condition tells it. Source of the words: upstream `pkg/kubelet/runtime.go` (`runtimeErrors`). */
import type { Clock } from '../../../shared/base/host.ts'
import type { Millis } from '../../../shared/base/brands.ts'

export interface EngineHealth {
  /** The engine does not answer; may be repeated. */
  down(): void
  /** It answers (again). */
  up(): void
  /** Undefined while the node counts as healthy. */
  readonly trouble: string | undefined
  close(): void
}

/** An engine that is restarted is back well before; upstream waits 30 s and looks every 5. */
export const engineGrace: Millis = 8000

/** `changed` is called when {@link EngineHealth.trouble} comes or goes. No timer runs while the engine is up. */
export function createEngineHealth(deps: { clock: Clock; changed: () => void }): EngineHealth {
  let timer: Disposable | undefined
  let trouble: string | undefined
  let closed = false
  const stopTimer = (): void => { timer?.[Symbol.dispose](); timer = undefined }
  return {
    down() {
      if (closed || trouble !== undefined) return
      timer ??= deps.clock.after(engineGrace, () => { timer = undefined; trouble = 'container runtime is down'; deps.changed() })
    },
    up() {
      stopTimer()
      if (trouble === undefined) return
      trouble = undefined
      deps.changed()
    },
    get trouble() { return trouble },
    close() { closed = true; stopTimer() },
  }
}
