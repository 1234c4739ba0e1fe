/** postStart and preStop of one container. Source: upstream `pkg/kubelet/lifecycle/handlers.go`; the words of a failure are its. */
import type { Container as ContainerDef, LifecycleHandler } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { httpHook } from '../probes/http-client.ts'
import { portOf } from '../probes/probe-set.ts'

export interface LifecycleDeps {
  readonly clock: Clock
  readonly runtime: Pick<Runtime, 'execSync'>
  readonly http?: typeof httpHook
}

export interface HookTarget {
  readonly id: string
  readonly container: ContainerDef
  /** As upstream formats a pod, for messages. */
  readonly pod: string
  /** Of the pod, or of the node with hostNetwork; empty where it has none yet. */
  readonly ip: string
}

const maxOutput = 10 << 10
/** A hook has no time limit of its own; timers do (2^31 ms), with what is added to them on the way. */
export const noLimit: Millis = 24 * 3_600_000

async function runExec(deps: LifecycleDeps, target: HookTarget, argv: readonly string[], timeout: Millis): Promise<string | undefined> {
  const say = (error: string, output: string): string =>
    `Exec lifecycle hook ([${argv.join(' ')}]) for Container ${JSON.stringify(target.container.name)} in Pod ${JSON.stringify(target.pod)} failed - error: ${error}, message: ${JSON.stringify(output)}`
  try {
    const result = await deps.runtime.execSync(target.id, argv, timeout, maxOutput)
    const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8')
    if (result.timedOut) return say(`command '${argv.join(' ')}' timed out`, output)
    return result.exitCode === 0 ? undefined : say(`command '${argv.join(' ')}' exited with ${result.exitCode}: ${result.stderr.toString('utf8')}`, output)
  } catch (e) {
    return say(messageOf(e), '')
  }
}

/**
 * Runs a handler to its end. Resolves with what went wrong, undefined where nothing did; never rejects. Like upstream, an HTTP handler that answers has
 * succeeded whatever its status, and a tcpSocket handler always fails: the API keeps the field, no kubelet serves it.
 */
export async function runLifecycleHook(deps: LifecycleDeps, handler: LifecycleHandler, target: HookTarget, timeout: Millis, signal: AbortSignal): Promise<string | undefined> {
  const where = `for Container ${JSON.stringify(target.container.name)} in Pod ${JSON.stringify(target.pod)} failed - error:`
  if (handler.exec) return runExec(deps, target, handler.exec.command ?? [], timeout)
  if (handler.httpGet) {
    const { host, path = '/', port, scheme = 'HTTP', httpHeaders = [] } = handler.httpGet
    const number = port === '' ? 80 : portOf(target.container, port)
    const problem = number === undefined ? `failed to find port ${JSON.stringify(port)}` : await (deps.http ?? httpHook)({
      scheme: scheme.toUpperCase() === 'HTTPS' ? 'https' : 'http', host: host || target.ip, port: number, path, headers: httpHeaders.map((h) => ({ name: h.name, value: h.value })),
    }, timeout)
    return problem === undefined ? undefined : `HTTP lifecycle hook (${path}) ${where} ${problem}`
  }
  if (handler.sleep) {
    await deps.clock.sleep(Math.min(handler.sleep.seconds * 1000, timeout), signal).catch((e: unknown) => { if (!signal.aborted) throw e })
    return undefined
  }
  return `Cannot run handler: ${handler.tcpSocket ? 'tcpSocket is not supported in a lifecycle hook' : 'no handler is given'}`
}
