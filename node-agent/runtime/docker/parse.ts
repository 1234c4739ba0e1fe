/** What `docker` prints, as facts. Pure. */
import { lastError } from '../containerd/parse.ts'
import { dockerScope, pathOfSlice } from '../../../shared/host/cgroup-names.ts'
import { RuntimeError, type Container, type Image, type RuntimeErrorCode, type Sandbox, type SandboxSpec } from '../runtime.ts'
import { ownerLabel } from './argv.ts'

type Json = Readonly<Record<string, unknown>>
const text = (v: unknown): string => (typeof v === 'string' ? v : '')

export type EngineEvent = { readonly type: 'create' | 'start' | 'die' | 'oom' | 'destroy'; readonly id: string } | { readonly type: 'image' }

/** One line of `docker events --format '{{json .}}'`; undefined for what is not ours. */
export function parseEvent(line: string, owner: string): EngineEvent | undefined {
  let json: { Type?: string; Action?: string; Actor?: { ID?: string; Attributes?: Record<string, string> } }
  try { json = JSON.parse(line) as typeof json } catch { return undefined }
  if (json.Type === 'image') return { type: 'image' }
  if (json.Type !== 'container' || json.Actor?.Attributes?.[ownerLabel] !== owner || !json.Actor.ID) return undefined
  const type = json.Action
  return type === 'create' || type === 'start' || type === 'die' || type === 'oom' || type === 'destroy' ? { type, id: json.Actor.ID } : undefined
}

export type Inspected = { readonly kind: 'sandbox'; readonly sandbox: Sandbox; readonly pid: number; readonly spec: SandboxSpec } | { readonly kind: 'container'; readonly container: Container; readonly cgroupPath: string; readonly writableLayer: string | undefined; readonly logFolder: string | undefined; readonly stopSignal: string; readonly tty: boolean }

const time = (v: unknown): number | undefined => { const ms = Date.parse(text(v)); return Number.isFinite(ms) && ms > 0 ? ms : undefined }

/** With the systemd driver the parent is a slice's name, and a container's cgroup a scope in it. */
const containerCgroup = (parent: string, id: string): string => (parent.endsWith('.slice') ? `${pathOfSlice(parent)}/${dockerScope(id)}` : `${parent}/${id}`)

/** `docker inspect` of containers of ours; others are left out. */
export function parseInspect(output: string, owner: string): Inspected[] {
  const all = JSON.parse(output) as { Id: string; Created: string; Image: string; State: Json; Config: { Labels?: Record<string, string>; StopSignal?: string; Tty?: boolean }; HostConfig: { CgroupParent?: string }; LogPath?: string; GraphDriver?: { Data?: { UpperDir?: string } | null } }[]
  return all.filter((c) => c.Config.Labels?.[ownerLabel] === owner).map((c): Inspected => {
    const l = c.Config.Labels ?? {}
    const { State: s } = c
    const pid = Number(s.Pid ?? 0)
    const createdAt = time(c.Created) ?? 0
    if (l['bramble.kind'] === 'sandbox') {
      const spec = JSON.parse(l['bramble.sandbox-spec'] ?? '{}') as SandboxSpec
      const ready = s.Running === true
      const { podUid, podName, podNamespace, attempt } = spec
      return { kind: 'sandbox', spec, pid, sandbox: { id: c.Id, podUid, podName, podNamespace, attempt, state: ready ? 'ready' : 'not-ready', createdAt, netns: ready && !spec.hostNetwork ? `/proc/${pid}/ns/net` : undefined } }
    }
    const running = s.Running === true
    const failed = !running && text(s.Error) !== ''
    const exited = s.Status === 'exited' || s.Status === 'dead' || failed
    return {
      kind: 'container', stopSignal: c.Config.StopSignal || 'SIGTERM', tty: c.Config.Tty === true, cgroupPath: containerCgroup(c.HostConfig.CgroupParent ?? '', c.Id),
      writableLayer: c.GraphDriver?.Data?.UpperDir, logFolder: c.LogPath ? c.LogPath.slice(0, c.LogPath.lastIndexOf('/')) : undefined,
      container: {
        id: c.Id, sandboxId: l['bramble.sandbox'] ?? '', podUid: l['bramble.pod-uid'] ?? '', name: l['bramble.name'] ?? '', attempt: Number(l['bramble.attempt'] ?? 0), state: running ? 'running' : exited ? 'exited' : 'created',
        createdAt, startedAt: failed ? undefined : time(s.StartedAt), finishedAt: exited ? time(s.FinishedAt) ?? createdAt : undefined, exitCode: exited ? Number(s.ExitCode ?? 0) : undefined, oomKilled: s.OOMKilled === true && Number(s.ExitCode) === 137,
        message: text(s.Error) || undefined, imageId: c.Image, image: l['bramble.image'] ?? c.Image, pid: running ? pid : undefined,
      },
    }
  })
}

/** `docker image inspect`. */
export function parseImages(output: string): Image[] {
  const all = JSON.parse(output) as { Id: string; RepoTags?: string[] | null; RepoDigests?: string[] | null; Size?: number; Config?: { User?: string } | null }[]
  return all.map((i) => ({ id: i.Id, tags: (i.RepoTags ?? []).filter((t) => !t.includes('<none>')).sort(), digests: (i.RepoDigests ?? []).filter((d) => !d.includes('<none>')).sort(), sizeBytes: i.Size ?? 0, user: i.Config?.User ?? '' }))
}

/** Lines of id, repository, tag and digest: what is known of an image that cannot be inspected. */
export function parseListed(output: string): Image[] {
  const all = new Map<string, { tags: Set<string>; digests: Set<string> }>()
  for (const line of output.split('\n')) {
    const [id = '', repository = '', tag = '', digest = ''] = line.split('\t')
    if (!/^sha256:[0-9a-f]{64}$/.test(id)) continue
    const entry = all.get(id) ?? { tags: new Set(), digests: new Set() }
    all.set(id, entry)
    if (repository === '<none>') continue
    if (tag !== '<none>') entry.tags.add(`${repository}:${tag}`)
    if (digest !== '<none>') entry.digests.add(`${repository}@${digest}`)
  }
  return [...all].map(([id, { tags, digests }]) => ({ id, tags: [...tags].sort(), digests: [...digests].sort(), sizeBytes: 0, user: '' }))
}

/** Where `docker info` says that images lie, in the one form whose layers can be verified. */
export function parseStore(output: string): { root: string } | { why: string } {
  const { DockerRootDir: root, Driver: driver, DriverStatus: status } = JSON.parse(output) as { DockerRootDir?: string; Driver?: string; DriverStatus?: [string, string][] | null }
  if (status?.some(([key, value]) => key === 'driver-type' && value.startsWith('io.containerd.snapshotter'))) return { why: "Docker keeps images in containerd's store" }
  return driver === 'overlay2' && root ? { root } : { why: `Docker keeps images with ${driver ?? 'an unknown driver'}, not overlay2` }
}

/** Lines of id, state, owner and name. */
export function parseContainers(output: string): { id: string; running: boolean; owner: string; name: string }[] {
  return output.split('\n').filter(Boolean).map((line) => { const [id = '', state = '', owner = '', name = ''] = line.split('\t'); return { id, running: !['created', 'exited', 'dead'].includes(state), owner, name } })
}

/** `docker run` ends with 127 or 126 where the program cannot be started, 125 where the daemon refused. */
export function classifyStart(exitCode: number, output: string): RuntimeError {
  const message = lastError(output.replace(/^Run 'docker run --help'.*$/gm, '').replace(/^See 'docker run --help'.*$/gm, '')).replace(/^Error response from daemon: /, '')
  if (/Cannot connect to the Docker daemon/.test(message)) return new RuntimeError('unavailable', message)
  if (exitCode === 127 || exitCode === 126) return new RuntimeError('start-failed', message, exitCode)
  if (/unable to start container process: exec/.test(message)) return new RuntimeError('start-failed', message, 128)
  return new RuntimeError('create-failed', message)
}

export function classifyPull(reference: string, output: string): RuntimeError {
  const message = lastError(output).replace(/^Error response from daemon: /, '')
  // Docker Hub says "denied" of what may also not exist; Docker words both in one.
  const code: RuntimeErrorCode = /manifest unknown|manifest for .* not found|no matching manifest|: not found/i.test(message) ? 'image-not-found' : /denied|unauthorized|authentication|no basic auth|forbidden|\b(?:401|403)\b/i.test(message) ? 'pull-denied'
    : /Cannot connect to the Docker daemon/.test(message) ? 'unavailable' : 'pull-failed'
  return new RuntimeError(code, `failed to pull image "${reference}": ${message}`)
}
