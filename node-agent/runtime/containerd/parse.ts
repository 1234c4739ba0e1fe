/** What `ctr` and `runc` print, as facts. Pure. */
import { RuntimeError, type RuntimeErrorCode } from '../runtime.ts'

export type EngineEvent =
  | { readonly type: 'exit' | 'delete'; readonly id: string; readonly pid: number; readonly exitCode: number; readonly at: number }
  | { readonly type: 'start' | 'oom'; readonly id: string }
  | { readonly type: 'image' }
  | { readonly type: 'mark'; readonly nonce: string }

type Json = Readonly<Record<string, unknown>>
const text = (v: unknown): string => (typeof v === 'string' ? v : '')
const count = (v: unknown): number => (typeof v === 'number' ? v : 0)

/** One line of `ctr events`: `date time +0000 UTC namespace topic {json}`; undefined for what does not concern us. */
export function parseEvent(line: string, namespace: string): EngineEvent | undefined {
  const match = /^\S+ \S+ \S+ \S+ (\S*) (\/\S+) (\{.*\})$/.exec(line.trim())
  if (!match) return undefined
  const [, where, topic, body] = match
  let json: Json
  try { json = JSON.parse(body!) as Json } catch { return undefined }
  if (topic === '/namespaces/update' && json.name === namespace) return { type: 'mark', nonce: text((json.labels as Json | undefined)?.['bramble.sync']) }
  if (where !== namespace) return undefined
  if (topic!.startsWith('/images/')) return { type: 'image' }
  const id = text(json.container_id)
  const at = Date.parse(text(json.exited_at).replace(/(\.\d{3})\d*Z$/, '$1Z'))
  switch (topic) {
    // An exec's exit carries its own id beside the container's.
    case '/tasks/exit': return json.id === id ? { type: 'exit', id, pid: count(json.pid), exitCode: count(json.exit_status), at } : undefined
    case '/tasks/delete': return json.id === undefined || json.id === id ? { type: 'delete', id, pid: count(json.pid), exitCode: count(json.exit_status), at } : undefined
    case '/tasks/start': return { type: 'start', id }
    case '/tasks/oom': return { type: 'oom', id }
    default: return undefined
  }
}

/** `ctr tasks ls`. */
export function parseTasks(output: string): Map<string, { pid: number; status: string }> {
  return new Map(output.split('\n').slice(1).map((line) => line.trim().split(/\s+/)).filter((f) => f.length >= 3).map((f) => [f[0]!, { pid: Number(f[1]), status: f[2]! }]))
}

const units: Readonly<Record<string, number>> = { B: 1, KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30, kB: 1e3, MB: 1e6, GB: 1e9 }

/** `ctr images ls`: reference, type, digest, size, platforms, labels. */
export function parseImages(output: string): { reference: string; digest: string; sizeBytes: number }[] {
  return output.split('\n').slice(1).map((line) => /^(\S+)\s+\S+\s+(sha256:[0-9a-f]{64})\s+([\d.]+)\s*([KMGk]?i?B)/.exec(line)).filter((m) => m !== null)
    .map((m) => ({ reference: m[1]!, digest: m[2]!, sizeBytes: Math.round(Number(m[3]) * (units[m[4]!] ?? 1)) }))
}

export interface SnapshotRow { readonly key: string; /** Empty for none. */ readonly parent: string; readonly kind: string }

/** `ctr snapshots ls`: key, parent where there is one, kind. A key of a layer that is being unpacked is two words (`extract-… sha256:…`). */
export function parseSnapshots(output: string): SnapshotRow[] {
  return output.split('\n').slice(1).map((line) => line.trim().split(/\s+/)).filter((f) => f.length >= 2).map((f) => {
    const words = f[0]!.startsWith('extract-') && f.length > 2 ? 2 : 1
    return { key: f.slice(0, words).join(' '), parent: f.length - words > 1 ? f[words]! : '', kind: f.at(-1)! }
  })
}

/** `lost` and all that stands on one of it, what stands on others first. */
export function standingOn(all: readonly SnapshotRow[], lost: ReadonlySet<string>): string[] {
  const out: string[] = []
  const take = (key: string): void => {
    for (const s of all) if (s.parent === key && !out.includes(s.key)) take(s.key)
    if (!out.includes(key)) out.push(key)
  }
  for (const key of lost) take(key)
  return out
}

/** Folders of the layers, topmost first, from the mounts of a view: one layer is a bind mount, more are an overlay. */
export function parseLayers(output: string): string[] {
  const mounts = JSON.parse(output) as { Source?: string; source?: string; Type?: string; type?: string; Options?: string[]; options?: string[] }[]
  const mount = mounts[0]
  const type = mount?.Type ?? mount?.type
  const lower = (mount?.Options ?? mount?.options ?? []).find((o) => o.startsWith('lowerdir='))
  if (lower !== undefined) return lower.slice('lowerdir='.length).split(':')
  const source = mount?.Source ?? mount?.source
  if (type !== 'bind' || source === undefined) throw new RuntimeError('unsupported', `the snapshotter gives mounts of type ${type ?? 'none'}; overlayfs is what works here`)
  return [source]
}

export interface ImageConfig { readonly user: string; readonly env: readonly string[]; readonly entrypoint: readonly string[]; readonly cmd: readonly string[]; readonly workingDir: string; readonly stopSignal: string; readonly diffIds: readonly string[] }

const list = (v: unknown): string[] => (Array.isArray(v) ? v.filter((x) => typeof x === 'string') : [])

/** The config blob of an OCI or Docker image. */
export function parseImageConfig(blob: string): ImageConfig {
  const json = JSON.parse(blob) as { config?: Json; rootfs?: Json }
  const c = json.config ?? {}
  return {
    user: text(c.User), env: list(c.Env), entrypoint: list(c.Entrypoint), cmd: list(c.Cmd), workingDir: text(c.WorkingDir), stopSignal: text(c.StopSignal), diffIds: list(json.rootfs?.diff_ids),
  }
}

/** A manifest names its config, an index the manifests of the platforms. */
export function parseManifest(blob: string, platform: { readonly architecture: string }): { readonly config: string } | { readonly manifest: string } | undefined {
  const json = JSON.parse(blob) as { config?: { digest?: string }; manifests?: { digest: string; platform?: { os?: string; architecture?: string } }[] }
  if (json.config?.digest) return { config: json.config.digest }
  const fit = json.manifests?.find((m) => m.platform === undefined || (m.platform.os === 'linux' && m.platform.architecture === platform.architecture))
  return fit && { manifest: fit.digest }
}

/** Digests of the layers of a manifest, the lowest first, as they were downloaded. */
export function parseLayerBlobs(manifest: string): string[] {
  const { layers } = JSON.parse(manifest) as { layers?: { digest?: unknown }[] }
  return list((layers ?? []).map((l) => l.digest))
}

/** `ctr` did not reach the engine, or the engine ended before it answered. */
export const isAway = (message: string): boolean => /failed to dial|code = Unavailable|transport is closing|connection (?:error|refused|reset)|no such file or directory.*containerd.*sock|context deadline exceeded: unavailable/i.test(message)

/** Why a container could not be started, as the codes shells and Docker use: 127 not found, 126 not executable, 128 else. */
export function classifyStart(output: string): RuntimeError {
  const message = lastError(output)
  const isExec = /unable to start container process: exec: |exec: ".*": |exec user process caused/.test(message)
  if (!isExec) {
    return new RuntimeError(isAway(message) ? 'unavailable' : 'create-failed', message)
  }
  const exitCode = /not found|no such file or directory/.test(message) ? 127 : /permission denied|is a directory|exec format error/.test(message) ? 126 : 128
  return new RuntimeError('start-failed', message, exitCode)
}

/** Why a pull failed, in the classes the kubelet tells apart. */
export function classifyPull(reference: string, output: string): RuntimeError {
  const message = lastError(output)
  const code: RuntimeErrorCode = /\b(?:401|403)\b|unauthorized|forbidden|denied|insufficient_scope|authorization failed|no basic auth/i.test(message) ? 'pull-denied'
    : /not found|manifest unknown|does not exist|no match for platform/i.test(message) ? 'image-not-found'
      : /connect(ion)?: .*containerd|cannot connect to the docker daemon/i.test(message) ? 'unavailable' : 'pull-failed'
  return new RuntimeError(code, `failed to pull and unpack image "${reference}": ${message}`)
}

/** Colours and cursor moves of a terminal. */
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g')

/** The last line that is no progress bar, without log decoration and colours. */
export function lastError(output: string): string {
  const lines = output.replace(ansi, '').split(/[\r\n]+/).map((l) => l.trim()).filter((l) => l !== '')
  const line = lines.findLast((l) => /^(ctr|docker): |level=(error|fatal)|^ERRO|rror/.test(l)) ?? lines.at(-1) ?? 'no message'
  const quoted = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]
  return (quoted?.replace(/\\(.)/g, '$1') ?? line).replace(/^(ctr|docker): /, '').replace(/^ERRO\[\d+\]\s*/, '').trim()
}
