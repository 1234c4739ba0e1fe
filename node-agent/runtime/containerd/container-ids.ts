/** Ids of containers: the same for the same container of a pod, until the engine has spoilt one. */
import { ignore } from '../../../shared/base/ignore.ts'
import { runOk } from '../../../shared/host/exec.ts'
import { fileFacts, namesIn, readText } from '../../../shared/host/tree.ts'
import { sendSignal } from '../signals.ts'
import { deleteInRunc, runcState, type Engine } from './argv.ts'
import { containerId } from './records.ts'

/**
 * An engine that is killed while it creates a task leaves that task's shim behind. Started again it counts the shim's id as taken, yet knows no task of it, so that nothing can
 * delete it (containerd issue 6860; upstream's kubelet does not notice, as its ids are random). Such an id is passed over; the shim itself serves the pod's next container, as all
 * of a pod share one, and ends with the pod.
 */
export class ContainerIds {
  readonly #engine: Engine
  /** By sandbox. */
  readonly #spoilt = new Map<string, Set<string>>()

  constructor(engine: Engine) { this.#engine = engine }

  next(sandbox: string, name: string, attempt: number): string {
    const spoilt = this.#spoilt.get(sandbox)
    for (let again = 0; ; again++) {
      const id = containerId(sandbox, name, attempt, again)
      if (!spoilt?.has(id)) return id
    }
  }

  /** The engine has said that `id` exists, or has ended while it made it. Its half-made container is removed. */
  async spoil(sandbox: string, id: string): Promise<void> {
    const spoilt = this.#spoilt.get(sandbox) ?? new Set()
    this.#spoilt.set(sandbox, spoilt.add(id))
    if (await fileFacts(`${runcState(this.#engine)}/${id}`)) await ignore(runOk(deleteInRunc(this.#engine, id)), 'the engine may remove it at the same time')
  }

  /** The pod is gone with all its containers: a shim that never came to serve one ends as well. */
  async forget(sandbox: string): Promise<void> {
    const spoilt = this.#spoilt.get(sandbox)
    this.#spoilt.delete(sandbox)
    if (!spoilt) return
    for (const name of await namesIn('/proc')) {
      const argv = /^\d+$/.test(name) ? (await readText(`/proc/${name}/cmdline`))?.split('\0') ?? [] : []
      const after = (flag: string): string | undefined => argv[argv.indexOf(flag) + 1]
      if (argv[0]?.includes('containerd-shim') && after('-namespace') === this.#engine.namespace && spoilt.has(after('-id') ?? '')) sendSignal(Number(name), 9)
    }
  }
}
