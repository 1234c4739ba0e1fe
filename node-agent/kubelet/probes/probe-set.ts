/** The probes of all running containers: one timer each, no process but for exec. */
import type { Container as ContainerDef, Pod, Probe } from '../../../shared/api/core-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { Container, Runtime } from '../../runtime/runtime.ts'
import type { ProbeResults } from '../pod/plan.ts'
import { containerNamed } from '../pod/pod-facts.ts'
import type { PodRecord } from '../pod/record.ts'
import type { ProbeTotal } from '../metrics/endpoints.ts'
import { grpcProbe } from './grpc-client.ts'
import { httpProbe, type ProbeAnswer } from './http-client.ts'
import { initialState, nextDue, step, type ProbeState } from './machine.ts'
import { tcpProbe } from './tcp-client.ts'

type Kind = 'liveness' | 'readiness' | 'startup'
const kinds: readonly Kind[] = ['startup', 'liveness', 'readiness']
const titles = { liveness: 'Liveness', readiness: 'Readiness', startup: 'Startup' } as const satisfies Record<Kind, string>
const maxOutput = 10 * 1024
/** Upstream's `maxProbeRetries`: of a probe that could not be made. */
const attempts = 3
/** What runc says of a program that is not there, on either engine. */
const notStarted = /exec failed: unable to start container process/

export interface ProbeDeps {
  readonly host: Host
  readonly runtime: Pick<Runtime, 'execSync'>
  readonly http?: typeof httpProbe
  readonly tcp?: typeof tcpProbe
  readonly grpc?: typeof grpcProbe
  hostIP(): string
  event(record: PodRecord, reason: string, message: string, container: string): void
  wake(record: PodRecord): void
}

interface Worker { timer: Disposable | undefined; state: ProbeState; stopped: boolean; readonly total: { -readonly [K in keyof ProbeTotal]: ProbeTotal[K] } }
interface Target { readonly record: PodRecord; readonly pod: Pod; readonly def: ContainerDef; readonly container: Container }

const probeOf = (def: ContainerDef, kind: Kind): Probe | undefined => (kind === 'liveness' ? def.livenessProbe : kind === 'readiness' ? def.readinessProbe : def.startupProbe)

/** A port by number or by the name of a container port; undefined where there is none of the name. */
export function portOf(def: ContainerDef, port: number | string): number | undefined {
  if (typeof port === 'number') return port
  const named = def.ports?.find((p) => p.name === port)?.containerPort
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined)
}

export class ProbeSet {
  readonly #deps: ProbeDeps
  /** By container id and kind. */
  readonly #workers = new Map<string, Worker>()
  constructor(deps: ProbeDeps) { this.#deps = deps }

  /** Starts the probes of containers that run and ends those of others. `adopted`: results that the API server still has, for containers that ran before us. */
  sync(record: PodRecord, pod: Pod, containers: readonly Container[], adopted: (c: Container) => boolean): void {
    const live = new Set(containers.filter((c) => c.state === 'running').map((c) => c.id))
    for (const id of record.probes.keys()) if (!live.has(id)) this.#drop(record, id)
    for (const container of containers) {
      // One that is being stopped may not be restarted, nor declared started; whether it still serves is asked on, as upstream does.
      if (record.stopping.has(container.id)) for (const kind of ['liveness', 'startup'] as const) this.#end(container.id, kind)
      if (container.state !== 'running' || record.probes.has(container.id)) continue
      const def = containerNamed(pod, container.name)
      if (!def) continue
      const was = adopted(container)
      record.probes.set(container.id, { liveness: 'unknown', readiness: was ? 'success' : 'unknown', startup: was ? 'success' : 'unknown' })
      for (const kind of kinds) {
        const probe = probeOf(def, kind)
        if (!probe || (was && kind === 'startup')) continue
        const worker: Worker = { timer: undefined, state: initialState(was && kind === 'readiness' ? 'success' : 'unknown'), stopped: false, total: { ...record.ref, pod: record.ref.name, container: container.name, kind: titles[kind], successful: 0, failed: 0, unknown: 0 } }
        this.#workers.set(`${container.id} ${kind}`, worker)
        // Gated probes begin when the startup probe has succeeded.
        if (kind === 'startup' || !def.startupProbe || was) this.#begin({ record, pod, def, container }, kind, probe, worker, was)
      }
    }
  }

  /** How often each probe that runs had which result. */
  totals(): ProbeTotal[] { return [...this.#workers.values()].map((w) => w.total) }

  /** Ends all probes of a pod. */
  forget(record: PodRecord): void { for (const id of [...record.probes.keys()]) this.#drop(record, id) }

  #drop(record: PodRecord, id: string): void {
    record.probes.delete(id)
    for (const kind of kinds) this.#end(id, kind)
  }

  #end(id: string, kind: Kind): void {
    const worker = this.#workers.get(`${id} ${kind}`)
    if (!worker) return
    worker.stopped = true
    worker.timer?.[Symbol.dispose]()
    this.#workers.delete(`${id} ${kind}`)
  }

  /**
   * The first probe is at once, or when the initial delay since the container's start is over. Of containers that ran before this agent (`adopted`) it is somewhere in the
   * first period, as upstream has it after a restart: all of a full node's at once would be a burst of a hundred processes.
   */
  #begin(target: Target, kind: Kind, probe: Probe, worker: Worker, adopted = false): void {
    const { clock, random } = this.#deps.host
    const age = Math.max(0, clock.now() - (target.container.startedAt ?? clock.now()))
    const spread = adopted ? random.float() * (probe.periodSeconds ?? 10) * 1000 : 0
    this.#plan(target, kind, probe, worker, clock.monotonic() + Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - age) + spread)
  }

  #plan(target: Target, kind: Kind, probe: Probe, worker: Worker, due: number): void {
    const { clock } = this.#deps.host
    const period = (probe.periodSeconds ?? 10) * 1000
    // Processes, unlike requests, gain nothing from coming together.
    const next = (): number => (probe.exec ? clock.monotonic() + period : nextDue(due, clock.monotonic(), period))
    worker.timer = clock.after(Math.max(0, due - clock.monotonic()), () => {
      this.#run(target, kind, probe, worker).catch((e: unknown) => this.#deps.host.log.error('probe failed unexpectedly', { container: target.def.name, error: messageOf(e) })).finally(() => {
        if (!worker.stopped) this.#plan(target, kind, probe, worker, next())
      })
    })
  }

  async #run(target: Target, kind: Kind, probe: Probe, worker: Worker): Promise<void> {
    let answer = await this.#probe(target, probe)
    for (let i = 1; i < attempts && answer.unknown && !worker.stopped; i++) answer = await this.#probe(target, probe)
    if (worker.stopped) return
    const { record, container, def } = target
    worker.total[answer.unknown ? 'unknown' : answer.ok ? 'successful' : 'failed']++
    if (answer.unknown) {
      // It says nothing of the container: an engine that is away must not have its containers restarted.
      this.#deps.event(record, 'Unhealthy', `${titles[kind]} probe errored and resulted in unknown state: ${answer.output}`, def.name)
      return
    }
    if (!answer.ok) this.#deps.event(record, 'Unhealthy', `${titles[kind]} probe failed: ${answer.output}`, def.name)
    else if (answer.warning) this.#deps.event(record, 'ProbeWarning', `${titles[kind]} probe warning: ${answer.output}`, def.name)
    const before = worker.state.result
    worker.state = step(worker.state, answer.ok ? 'success' : 'failure', { success: probe.successThreshold ?? 1, failure: probe.failureThreshold ?? 3 })
    if (worker.state.result === before) return
    const results: ProbeResults | undefined = record.probes.get(container.id)
    if (!results) return
    record.probes.set(container.id, { ...results, [kind]: worker.state.result })
    // The container is restarted, or has started: this probe has said what it can.
    if (kind === 'startup' || (kind === 'liveness' && worker.state.result === 'failure')) worker.stopped = true
    if (kind === 'startup' && worker.state.result === 'success') this.#openGate(target)
    this.#deps.wake(record)
  }

  #openGate(target: Target): void {
    for (const kind of ['liveness', 'readiness'] as const) {
      const probe = probeOf(target.def, kind)
      const worker = this.#workers.get(`${target.container.id} ${kind}`)
      if (probe && worker && !worker.timer) this.#begin(target, kind, probe, worker)
    }
  }

  async #probe({ record, pod, def, container }: Target, probe: Probe): Promise<ProbeAnswer> {
    const timeout = (probe.timeoutSeconds ?? 1) * 1000
    const podIP = pod.spec?.hostNetwork ? this.#deps.hostIP() : record.ips[0] ?? ''
    if (probe.exec) {
      const argv = probe.exec.command ?? []
      try {
        const result = await this.#deps.runtime.execSync(container.id, argv, timeout, maxOutput)
        if (result.timedOut) return { ok: false, output: `command timed out: "${argv.join(' ')}" timed out after ${probe.timeoutSeconds ?? 1}s` }
        const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8')
        return result.exitCode > 125 && notStarted.test(output) ? { ok: false, unknown: true, output } : { ok: result.exitCode === 0, output }
      } catch (e) {
        return { ok: false, unknown: true, output: messageOf(e) }
      }
    }
    if (probe.httpGet) {
      const { port, path = '/', scheme = 'HTTP', host, httpHeaders = [] } = probe.httpGet
      const number = portOf(def, port)
      if (number === undefined) return { ok: false, unknown: true, output: `strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax` }
      const headers = httpHeaders.map((h) => ({ name: h.name ?? '', value: h.value ?? '' }))
      return (this.#deps.http ?? httpProbe)({ scheme: scheme.toUpperCase() === 'HTTPS' ? 'https' : 'http', host: host || podIP, port: number, path, headers }, timeout)
    }
    if (probe.tcpSocket) {
      const number = portOf(def, probe.tcpSocket.port)
      if (number === undefined) return { ok: false, unknown: true, output: `strconv.Atoi: parsing ${JSON.stringify(probe.tcpSocket.port)}: invalid syntax` }
      return (this.#deps.tcp ?? tcpProbe)({ host: probe.tcpSocket.host || podIP, port: number }, timeout)
    }
    if (probe.grpc) return (this.#deps.grpc ?? grpcProbe)({ host: podIP, port: probe.grpc.port, service: probe.grpc.service ?? '' }, timeout)
    return { ok: false, unknown: true, output: 'missing probe handler' }
  }
}
