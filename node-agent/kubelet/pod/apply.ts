/**
 * Performs the steps of a plan. Each may be cut off anywhere and done again: ids follow from pod and attempt, and what is there is found again.
 * An expected failure becomes an Event and a reason to wait in the record; only the unexpected rejects.
 */
import type { ConfigMap, Container as ContainerDef, LifecycleHandler, Secret, Service } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { DesiredState } from '../../link/link.ts'
import { RuntimeError, type Runtime } from '../../runtime/runtime.ts'
import type { PodRuntimeFacts } from '../env/field-ref.ts'
import type { Slots } from '../bounded.ts'
import type { Devices } from '../devices/devices.ts'
import { HookError, setUpAll, tearDownAll, type PodHook } from '../hooks/hook.ts'
import { setUpVolumes, type VolumeDeps } from '../hooks/volumes.ts'
import type { Puller } from '../images/puller.ts'
import type { RuntimeCache } from '../observe/cache.ts'
import { advance, firstDelay } from './backoff.ts'
import { ConfigError, containerSpec } from './container-spec.ts'
import { noLimit, runLifecycleHook, type HookTarget } from './lifecycle-hooks.ts'
import { minimumGrace, newestContainer, type Step, type StepMap, type StopCause } from './plan.ts'
import { containerNamed, fieldPathOf, formatPod, isChanged, type StoredPod } from './pod-facts.ts'
import type { PodRecord } from './record.ts'
import { unsupportedFields } from './security.ts'

export interface ApplyDeps {
  readonly host: Host
  readonly runtime: Runtime
  readonly cache: RuntimeCache
  readonly desired: DesiredState
  readonly files: FileTree
  readonly puller: Puller
  readonly hooks: readonly (readonly PodHook[])[]
  readonly volumes: VolumeDeps
  readonly devices: Pick<Devices, 'give'>
  readonly memoryCapacity: number
  readonly recursiveReadOnly: boolean
  hostIP(): string
  /** Sets the limits of a running container and of its pod in their cgroups. */
  resizeCgroups(pod: StoredPod, containerId: string, container: ContainerDef): Promise<void>
  readonly seccompDir: string
  /** Bounds what starts processes. */
  readonly slot: Slots
  factsOf(record: PodRecord): PodRuntimeFacts
  event(record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
  /** Look at the pod again. */
  wake(record: PodRecord): void
}

export type Executors = { readonly [K in keyof StepMap]: (record: PodRecord, pod: StoredPod, step: StepMap[K]) => Promise<void> }

function stopMessage(name: string, cause: StopCause): string {
  if (cause === 'postStart') return 'FailedPostStartHook'
  if (cause === 'changed') return `Container ${name} definition changed, will be restarted`
  if (cause === 'resize') return `Container ${name} resize requires restart`
  if (cause === 'device') return `Container ${name} has lost its device, will be stopped`
  return cause === 'liveness' || cause === 'startup' ? `Container ${name} failed ${cause} probe, will be restarted` : `Stopping container ${name}`
}

export function createExecutors(deps: ApplyDeps): Executors {
  return {
    setUp: (record, pod, step) => setUp(deps, record, pod, step),
    refreshVolumes: (record, pod) => refreshVolumes(deps, record, pod),
    pull: async (record, pod, step) => pull(deps, record, pod, step.container),
    start: (record, pod, step) => start(deps, record, pod, step),
    preStop: async (record, pod, step) => void beginPreStop(deps, record, pod, step),
    stop: async (record, pod, step) => stop(deps, record, pod, step),
    resize: (record, pod, step) => resize(deps, record, pod, step),
    async removeContainer(record, _pod, step) {
      await deps.runtime.removeContainer(step.id)
      await deps.files.remove(record.paths.log(step.container, step.attempt))
      await deps.files.remove(record.paths.terminationMessage(step.container, step.attempt))
      deps.cache.dropContainer(step.id)
    },
    async removeSandbox(_record, _pod, step) {
      await deps.runtime.removeSandbox(step.id)
      deps.cache.dropSandbox(step.id)
    },
    async fail(record, _pod, step) {
      record.failed = step
      deps.event(record, 'Normal', step.reason, step.message)
    },
    async release(record) {
      await tearDownAll(deps.hooks, record, 'containers')
      record.setup = { at: 'none' }
      record.released = 'containers-kept'
    },
    async tearDown(record) {
      await tearDownAll(deps.hooks, record, 'nothing')
      record.setup = { at: 'none' }
      record.released = 'all'
    },
  }
}

/** One step. The union and the record have the same keys, which the compiler cannot see across the call. */
export function apply(executors: Executors, record: PodRecord, pod: StoredPod, step: Step): Promise<void> {
  const executor = executors[step.do] as (record: PodRecord, pod: StoredPod, step: Step) => Promise<void>
  return executor(record, pod, step)
}

async function setUp(deps: ApplyDeps, record: PodRecord, pod: StoredPod, step: StepMap['setUp']): Promise<void> {
  const { clock } = deps.host
  if (step.changed) deps.event(record, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
  try {
    const unsupported = unsupportedFields(pod)
    if (unsupported.length > 0) throw new HookError('FailedCreatePodSandBox', `Failed to create pod sandbox: this node does not support ${unsupported.join(', ')}`)
    record.released = 'no'
    await deps.slot(() => setUpAll(deps.hooks, { record, pod, attempt: step.attempt, signal: record.abort.signal }))
    const sandbox = deps.cache.pod(record.ref.uid).sandboxes.find((s) => s.attempt === step.attempt)
    record.setup = sandbox ? { at: 'done', sandboxId: sandbox.id } : { at: 'none' }
    record.setupFailures = 0
    record.volumesStale = false
  } catch (e) {
    if (record.abort.signal.aborted) return
    // 0.5 s doubling to 2 min 2 s, as upstream's volume manager (`exponentialbackoff`).
    const delay = Math.min(122_000, 500 * 2 ** record.setupFailures++)
    record.setup = { at: 'failed', retryAt: clock.monotonic() + delay }
    deps.event(record, 'Warning', e instanceof HookError ? e.reason : 'FailedSync', messageOf(e))
    deps.host.log.warn('pod cannot be set up', { pod: `${record.ref.namespace}/${record.ref.name}`, error: messageOf(e), retryMs: delay })
  }
}

/** The pod's cgroup first, so that a container that grows has room; and again after, so that one that shrinks takes its pod along. */
async function resize(deps: ApplyDeps, record: PodRecord, pod: StoredPod, step: StepMap['resize']): Promise<void> {
  const container = containerNamed(pod, step.container)
  if (!container) return
  try {
    await deps.resizeCgroups(pod, step.id, container)
    record.applied.set(step.id, container.resources ?? {})
    record.resizeError = undefined
  } catch (e) {
    record.resizeError = { message: messageOf(e), retryAt: deps.host.clock.monotonic() + 10_000 }
    deps.host.log.warn('container cannot be resized', { container: step.container, pod: record.ref.name, error: messageOf(e) })
  }
}

async function refreshVolumes(deps: ApplyDeps, record: PodRecord, pod: StoredPod): Promise<void> {
  record.volumesStale = false
  try { await setUpVolumes(deps.volumes, record, pod) } catch (e) {
    deps.event(record, 'Warning', e instanceof HookError ? e.reason : 'FailedMount', messageOf(e))
    // What is mounted stays as it was; the next change of the object, or this, tries again.
    record.volumesDueAt = deps.host.clock.monotonic() + 60_000
  }
}

function pull(deps: ApplyDeps, record: PodRecord, pod: StoredPod, name: string): void {
  const container = containerNamed(pod, name)
  if (!container) return
  const { clock, log } = deps.host
  record.images.set(name, { at: 'pulling' })
  const named = (pod.spec?.imagePullSecrets ?? []).flatMap((s) => s.name || [])
  const secrets = named.flatMap((s) => deps.desired.get<Secret>('Secret', record.ref.namespace, s) ?? [])
  const ranBefore = newestContainer(deps.cache.pod(record.ref.uid).containers, name) !== undefined || (record.firstAttempt.get(name) ?? 0) > 0
  const event = (type: 'Normal' | 'Warning', reason: string, message: string): void => deps.event(record, type, reason, message, fieldPathOf(pod, name))
  if (secrets.length < named.length) {
    const missing = named.filter((s) => !deps.desired.get<Secret>('Secret', record.ref.namespace, s))
    deps.event(record, 'Warning', 'FailedToRetrieveImagePullSecret', `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`)
  }
  const done = async (): Promise<void> => {
    const result = await deps.puller.ensure({ container, secrets, ranBefore, event }, record.abort.signal)
    // The pod may name another by now: that one is asked for next.
    if (containerNamed(record.pod ?? pod, name)?.image !== container.image) { record.images.delete(name); return }
    if (result.ok) {
      record.images.set(name, { at: 'ready', id: result.image.id })
      record.resolved.set(name, result.image)
      record.pullBackoff.delete(name)
      return
    }
    const now = clock.monotonic()
    const entry = advance(record.pullBackoff.get(name), now, now)
    record.pullBackoff.set(name, entry)
    record.trouble.set(name, { reason: result.reason, message: result.message })
    record.images.set(name, { at: 'failed', reason: result.reason, message: result.message, since: now, retryAt: now + entry.delay })
  }
  done().catch((e: unknown) => {
    record.images.delete(name)
    if (!record.abort.signal.aborted) log.error('image check failed', { image: container.image, error: messageOf(e) })
  }).finally(() => deps.wake(record))
}

async function start(deps: ApplyDeps, record: PodRecord, pod: StoredPod, step: StepMap['start']): Promise<void> {
  const { clock } = deps.host
  const name = step.container
  const container = containerNamed(pod, name)
  const image = record.resolved.get(name)
  if (!container || !image || record.setup.at !== 'done') return
  const { sandboxId } = record.setup
  const path = fieldPathOf(pod, name)
  const before = newestContainer(deps.cache.pod(record.ref.uid).containers, name)
  if (before?.state === 'exited' && isChanged(pod, container, before)) record.backoff.delete(name)
  try {
    const namespace = record.ref.namespace
    const given = await deps.devices.give(record.ref.uid, container)
    // Waiting for a device is no crash.
    if (!given.ok) throw new ConfigError(given.message)
    if (before?.state === 'exited') record.backoff.set(name, advance(record.backoff.get(name), record.endedAt.get(before.id) ?? clock.monotonic(), clock.monotonic()))
    const spec = await containerSpec({
      record, pod, container, given, attempt: step.attempt, image, facts: deps.factsOf(record), files: deps.files, mounter: deps.volumes.mounter, recursiveReadOnly: deps.recursiveReadOnly, memoryCapacity: deps.memoryCapacity, seccompDir: deps.seccompDir, ...targetOf(deps, record, pod, name),
      sources: {
        configMap: (n) => deps.desired.get<ConfigMap>('ConfigMap', namespace, n), secret: (n) => deps.desired.get<Secret>('Secret', namespace, n),
        services: deps.desired.list<Service>('Service'),
      },
    })
    const started = await deps.slot.first(() => deps.runtime.startContainer(sandboxId, spec, record.abort.signal))
    deps.cache.put({ container: started })
    record.applied.set(started.id, container.resources ?? {})
    record.trouble.delete(name)
    record.startRetryAt.delete(name)
    deps.event(record, 'Normal', 'Created', `Created container: ${name}`, path)
    deps.event(record, 'Normal', 'Started', `Started container ${name}`, path)
    if (container.lifecycle?.postStart) beginPostStart(deps, record, pod, { id: started.id, container, handler: container.lifecycle.postStart })
  } catch (e) {
    if (record.abort.signal.aborted) return
    await startFailed(deps, record, { name, path, image: container.image ?? '' }, e)
  } finally {
    record.images.delete(name)
  }
}

/** Whose processes an ephemeral container is to see. */
function targetOf(deps: ApplyDeps, record: PodRecord, pod: StoredPod, name: string): { pidOf?: string } {
  const target = pod.spec?.ephemeralContainers?.find((c) => c.name === name)?.targetContainerName
  if (!target) return {}
  const container = newestContainer(deps.cache.pod(record.ref.uid).containers, target)
  if (container?.state !== 'running') throw new ConfigError(`target container ${JSON.stringify(target)} is not running`)
  return { pidOf: container.id }
}

async function startFailed(deps: ApplyDeps, record: PodRecord, of: { name: string; path: string; image: string }, e: unknown): Promise<void> {
  const message = messageOf(e)
  const code = e instanceof RuntimeError ? e.code : undefined
  const reason = e instanceof ConfigError ? 'CreateContainerConfigError' : code === 'start-failed' ? 'RunContainerError' : 'CreateContainerError'
  record.trouble.set(of.name, { reason, message })
  deps.event(record, 'Warning', 'Failed', `Error: ${message}`, of.path)
  if (!(e instanceof ConfigError) && !(e instanceof RuntimeError)) deps.host.log.error('container cannot be started', { container: of.name, pod: record.ref.name, error: message })
  // A container that failed to start is there, exited, and backs off like one that crashed; otherwise nothing is there, and this is the pause.
  if (code !== 'start-failed') record.startRetryAt.set(of.name, deps.host.clock.monotonic() + firstDelay)
  if (code === 'create-failed' || code === 'image-not-found') deps.puller.forget(of.image)
  if (code !== undefined) await deps.cache.relist()
}

const targetOfHook = (deps: ApplyDeps, record: PodRecord, pod: StoredPod, id: string, container: ContainerDef): HookTarget =>
  ({ id, container, pod: formatPod(record.ref), ip: pod.spec?.hostNetwork ? deps.hostIP() : record.ips[0] ?? '' })

/** Goes on in the background: the container counts as starting until it ends, and is killed where it fails. */
function beginPostStart(deps: ApplyDeps, record: PodRecord, pod: StoredPod, of: { id: string; container: ContainerDef; handler: LifecycleHandler }): void {
  const { id, container } = of
  record.postStart.set(id, 'running')
  const done = async (): Promise<void> => {
    const problem = await runLifecycleHook({ clock: deps.host.clock, runtime: deps.runtime }, of.handler, targetOfHook(deps, record, pod, id, container), noLimit, record.abort.signal)
    // A container that ended meanwhile is dealt with as one that crashed.
    if (problem === undefined || deps.cache.container(id)?.state !== 'running') { record.postStart.delete(id); return }
    record.postStart.set(id, 'failed')
    record.trouble.set(container.name, { reason: 'PostStartHookError', message: problem })
    // What a hook printed may be a secret: the status, which fewer may read, has it; the Event does not.
    deps.event(record, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', fieldPathOf(pod, container.name))
  }
  done().catch((e: unknown) => { record.postStart.delete(id); deps.host.log.error('postStart hook failed unexpectedly', { container: container.name, error: messageOf(e) }) }).finally(() => deps.wake(record))
}

/** The hook of a container, once for each; resolves when it is over, or when `grace` is. */
function beginPreStop(deps: ApplyDeps, record: PodRecord, pod: StoredPod, of: { id: string; container: string; grace: Millis }): Promise<void> {
  const container = containerNamed(pod, of.container)
  const handler = container?.lifecycle?.preStop
  if (!container || !handler || of.grace === 0) return Promise.resolve()
  const begun = record.preStops.get(of.id)
  if (begun) return begun
  const { clock, log } = deps.host
  const run = async (): Promise<void> => {
    const timer = new AbortController()
    const late = clock.sleep(of.grace, timer.signal).then(() => 'the grace period is over', () => undefined)
    const problem = await Promise.race([runLifecycleHook({ clock, runtime: deps.runtime }, handler, targetOfHook(deps, record, pod, of.id, container), of.grace, timer.signal), late])
    timer.abort()
    if (problem === undefined || deps.cache.container(of.id)?.state !== 'running') return
    log.warn('preStop hook failed', { container: of.container, pod: record.ref.name, error: problem })
    deps.event(record, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', fieldPathOf(pod, of.container))
  }
  const running = run().catch((e: unknown) => log.error('preStop hook failed unexpectedly', { container: of.container, error: messageOf(e) }))
  record.preStops.set(of.id, running)
  return running
}

function stop(deps: ApplyDeps, record: PodRecord, pod: StoredPod, step: StepMap['stop']): void {
  const { clock, log } = deps.host
  const again = record.stopping.has(step.id)
  record.stopping.set(step.id, step.until)
  if (!again) deps.event(record, 'Normal', 'Killing', stopMessage(step.container, step.cause), fieldPathOf(pod, step.container))
  const done = async (): Promise<void> => {
    // A second stop is one in more of a hurry: it does not wait for a hook.
    if (!again) await beginPreStop(deps, record, pod, step)
    const left = Math.min(record.stopping.get(step.id) ?? step.until, step.until) - clock.monotonic()
    await deps.runtime.stopContainer(step.id, step.grace === 0 ? 0 : Math.max(minimumGrace, left))
    await deps.cache.look(step.id)
  }
  done().then(() => { record.stopping.delete(step.id); deps.wake(record) }, (e: unknown) => {
    log.warn('container cannot be stopped, will try again', { container: step.container, pod: record.ref.name, error: messageOf(e) })
    deps.event(record, 'Warning', 'FailedKillPod', `error killing pod: ${messageOf(e)}`)
    clock.after(1000, () => { record.stopping.delete(step.id); deps.wake(record) })
  })
}
