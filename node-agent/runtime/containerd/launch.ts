/** From a container's spec to its running process: root, record, runtime spec, one `ctr run`. What fails on the way is undone. */
import type { Clock } from '../../../shared/base/host.ts'
import { run } from '../../../shared/host/exec.ts'
import { cut, deviceNode, fileFacts, makeFolder, readAt, readText, removeTree, touch, writeText, type DeviceNode } from '../../../shared/host/tree.ts'
import { RuntimeError, type Container, type ContainerSpec, type SandboxSpec } from '../runtime.ts'
import { resolveUser, type ResolvedUser } from '../user.ts'
import * as argv from './argv.ts'
import type { ContainerIds } from './container-ids.ts'
import { heldOf, type ContainerTable } from './container-table.ts'
import type { Holders } from './holder.ts'
import { hostDevices } from './devices.ts'
import { readHostFacts } from './host-facts.ts'
import type { KnownImage } from './images.ts'
import type { PodNamespaces } from './netns.ts'
import { classifyStart, isAway } from './parse.ts'
import { isPause, pauseName } from './pause.ts'
import { isHeld, toContainer, type ContainerRecord, type Records } from './records.ts'
import { mountRoot, readInRoot, removeRoots, rootPaths, unmountAll } from './rootfs.ts'
import { argvOf, ociSpec, type HostFacts } from './spec.ts'

export interface LaunchRequest {
  readonly ids: ContainerIds
  readonly pod: { readonly sandboxId: string; readonly spec: SandboxSpec; readonly namespaces: PodNamespaces }
  readonly spec: ContainerSpec
  readonly image: KnownImage
  readonly engine: argv.Engine
  readonly records: Records
  readonly table: ContainerTable
  readonly holders: Holders
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** With the id that it is tried under. */
type Try = LaunchRequest & { readonly id: string }

let facts: Promise<HostFacts> | undefined

/** More spoilt ids for one container than an engine that works ever leaves. */
const mostTries = 4

/** Called with the pod's lock held. */
export async function launch(request: LaunchRequest): Promise<Container> {
  const { ids, pod, spec } = request
  for (let tries = 1; ; tries++) {
    const id = ids.next(pod.sandboxId, spec.name, spec.attempt)
    try { return await launchAs({ ...request, id }) } catch (e) {
      const { message } = e as Error
      const again = isAgain(message, id)
      if (again || request.signal.aborted || isAway(message)) await ids.spoil(pod.sandboxId, id)
      if (!again || tries === mostTries) throw e
    }
  }
}

async function launchAs(request: Try): Promise<Container> {
  const { id, pod, spec, image, records, table, clock } = request
  const { podUid, cgroupParent } = pod.spec
  if (argvOf(spec, image.config).length === 0) throw new RuntimeError('create-failed', 'no command specified')
  const record: ContainerRecord = {
    id, sandboxId: pod.sandboxId, podUid, name: spec.name, attempt: spec.attempt, imageId: image.image.id, image: spec.imageName, createdAt: clock.now(),
    logPath: spec.logPath, cgroupPath: `${cgroupParent}/${id}`, stopSignal: image.config.stopSignal || 'SIGTERM', tty: spec.tty, ...(spec.stdin ? { stdin: true, stdinOnce: spec.stdinOnce } : {}),
  }
  await missingMounts(spec)
  table.starting(id, true)
  const entry = table.add(record)
  try {
    await makeFolder(records.containerFolder(id))
    await Promise.all([mountRoot(records.containerFolder(id), image.layers), touch(spec.logPath)])
    const user = await userOf(request)
    entry.record = { ...record, user }
    await records.saveContainer(entry.record)
    await writeConfig(request, record, user)
    await table.watchLog(entry)
    await (isHeld(record) ? startHeld(request, record) : startIt(request))
    entry.pid = Number(await readText(records.pidPath(id)))
    entry.startedAt = (await fileFacts(records.pidPath(id)))?.mtimeMs ?? clock.now()
    return toContainer(entry.record, { ...entry, exit: undefined })
  } catch (e) {
    await run(argv.removeContainers(request.engine, [id]))
    if (!(e instanceof RuntimeError) || e.code !== 'start-failed') {
      table.dismiss(entry)
      await removeRoots([records.containerFolder(id)])
      // An engine that was killed meanwhile may have it, of a try that it answered with an error. Forgotten first, or its end would be taken for ours.
      if (isAgain((e as Error).message, id)) await table.discard(id)
      throw e instanceof RuntimeError ? e : request.signal.aborted ? request.signal.reason : new RuntimeError('create-failed', (e as Error).message)
    }
    await unmountAll([rootPaths(records.containerFolder(id)).rootfs])
    await removeTree(records.configPath(id))
    await table.ended(entry, { exitCode: e.exitCode ?? 128, at: clock.now(), message: e.message }, false)
    throw e
  } finally {
    table.starting(id, false)
  }
}

async function startIt(request: Try): Promise<void> {
  const { engine, id, records, spec, signal } = request
  const command = argv.runContainer(engine, { id, configPath: records.configPath(id), logPath: spec.logPath, pidFile: records.pidPath(id), handler: request.pod.spec.runtimeHandler })
  signal.throwIfAborted()
  const result = await run(command)
  if (result.exitCode !== 0) throw classifyStart(result.stderr.toString())
}

/** The pod's shim was just ending with its last container: its socket answered once more and closed. Under the same id the events of the first try would be taken for the second's. */
const isShimEnding = (message: string): boolean => /ttrpc: closed|shim.*connection refused|containerd-shim.*no such file|transport is closing/i.test(message)

/** By containerd's word (of its database, or of the folder where it keeps a task), or by runc's. */
export const isThere = (message: string, id: string): boolean => /already exists|: file exists/.test(message) && (message.includes(id) || message.includes('given ID'))
/** Nothing in the container is wrong: under another id it may start at once. */
const isAgain = (message: string, id: string): boolean => isThere(message, id) || isShimEnding(message)

/** The command stays: what tells that the container runs is the engine's event, what tells that it does not is the command's end. */
async function startHeld(request: Try, record: ContainerRecord): Promise<void> {
  const { engine, id, records, table, holders, spec } = request
  const running = table.whenStarted(id).then(() => true as const)
  const begin = (await fileFacts(record.logPath))?.size ?? 0
  const child = await holders.start(heldOf(record), argv.runHeld(engine, { id, configPath: records.configPath(id), pidFile: records.pidPath(id), tty: spec.tty, handler: request.pod.spec.runtimeHandler }))
  const ended = new Promise<false>((resolve) => { child.once('exit', () => resolve(false)); child.once('error', () => resolve(false)) })
  if (await Promise.race([running, ended])) return holders.started(heldOf(record))
  const timer = new AbortController()
  // A program that ends at once: its start is told, though later than its end is seen here.
  const told = await Promise.race([running, request.clock.sleep(1000, timer.signal).then(() => false, () => false)])
  timer.abort()
  if (told) return
  const said = (await readAt(record.logPath, begin, 8192)).toString()
  await cut(record.logPath, begin)
  await holders.forget(id)
  throw classifyStart(said)
}

async function userOf({ id, spec, image, records }: Try): Promise<ResolvedUser> {
  const { rootfs } = rootPaths(records.containerFolder(id))
  const [passwd, group] = await Promise.all([readInRoot(rootfs, '/etc/passwd'), readInRoot(rootfs, '/etc/group')])
  return resolveUser({ security: spec.security, imageUser: image.config.user, passwd, group })
}

async function writeConfig(request: Try, record: ContainerRecord, user: ResolvedUser): Promise<void> {
  const { id, pod, spec, image, records } = request
  const { rootfs } = rootPaths(records.containerFolder(id))
  facts ??= readHostFacts()
  const { seccomp, privileged } = spec.security
  const [host, devices, profile] = await Promise.all([
    facts, devicesOf(spec), seccomp.type === 'localhost' && !privileged ? readProfile(seccomp.path) : undefined,
  ])
  const config = ociSpec({
    sandbox: pod.spec, container: spec, image: image.config, user, rootfs, cgroupsPath: record.cgroupPath, group: pod.sandboxId,
    namespaces: pod.namespaces, shm: pod.namespaces.shm, hostnameFile: pod.namespaces.hostnameFile, devices, seccompProfile: profile, host, pidNamespace: pidNamespaceOf(request),
  })
  await writeText(records.configPath(id), JSON.stringify(config))
}

function pidNamespaceOf({ spec, pod, table }: LaunchRequest): string | undefined {
  const shared = pod.spec.shareProcessNamespace && !pod.spec.hostPID && !isPause(spec)
  if (!shared && spec.pidOf === undefined) return undefined
  const pid = (shared ? table.named(pod.sandboxId, pauseName, 0) : table.get(spec.pidOf!))?.pid
  if (pid === undefined) throw new RuntimeError('create-failed', `container ${shared ? pauseName : spec.pidOf}, whose processes are to be shared, is not running`)
  return `/proc/${pid}/ns/pid`
}

async function missingMounts(spec: ContainerSpec): Promise<void> {
  const found = await Promise.all(spec.mounts.map((m) => fileFacts(m.source)))
  const missing = spec.mounts.find((_, i) => found[i] === undefined)
  if (missing) throw new RuntimeError('create-failed', `failed to generate container "${spec.name}" spec: mount source ${missing.source} for ${missing.target} does not exist`)
}

async function readProfile(path: string): Promise<unknown> {
  const text = await readText(path)
  if (text === undefined) throw new RuntimeError('create-failed', `cannot load seccomp profile "${path}": no such file`)
  try { return JSON.parse(text) } catch (e) { throw new RuntimeError('create-failed', `cannot load seccomp profile "${path}": ${(e as Error).message}`) }
}

async function devicesOf(spec: ContainerSpec): Promise<(DeviceNode & { permissions: string })[]> {
  const asked = await Promise.all(spec.devices.map(async (d) => {
    const node = await deviceNode(d.hostPath)
    if (!node) throw new RuntimeError('create-failed', `${d.hostPath} is not a device node`)
    return { ...node, path: d.containerPath, permissions: d.permissions }
  }))
  if (!spec.security.privileged) return asked
  const host = (await hostDevices()).filter((h) => !asked.some((a) => a.path === h.path)).map((h) => ({ ...h, permissions: 'rwm' }))
  return [...asked, ...host]
}
