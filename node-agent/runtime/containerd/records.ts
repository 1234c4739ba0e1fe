/**
 * What the agent must know of its pods after a crash, beside what containerd knows: one file when a thing is made, one when it has ended, never
 * touched in between. A file that a power cut left empty counts as not written: the thing it was for has died with the machine.
 */
import { createHash } from 'node:crypto'
import { fileFacts, makeFolder, namesIn, readText, removeTree, replaceText } from '../../../shared/host/tree.ts'
import type { Container, SandboxSpec } from '../runtime.ts'
import type { ResolvedUser } from '../user.ts'

export interface SandboxRecord { readonly id: string; readonly spec: SandboxSpec; readonly createdAt: number; readonly stopped?: boolean }

export interface ContainerRecord {
  readonly id: string
  readonly sandboxId: string
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly imageId: string
  readonly image: string
  readonly createdAt: number
  readonly logPath: string
  readonly cgroupPath: string
  readonly stopSignal: string
  readonly tty: boolean
  readonly stdin?: boolean
  readonly stdinOnce?: boolean
  readonly user?: ResolvedUser
}

/** Somebody must hold the other end of its streams. */
export const isHeld = (r: ContainerRecord): boolean => r.tty || r.stdin === true

export interface ExitRecord { readonly startedAt: number | undefined; readonly finishedAt: number; readonly exitCode: number; readonly oomKilled: boolean; readonly message: string | undefined }

/** The engine's namespace is part of an id, so that two agents on one machine never name the same thing. */
const idOf = (...parts: readonly (string | number)[]): string => createHash('sha256').update(parts.join('\0')).digest('hex')
export const sandboxId = (namespace: string, podUid: string, attempt: number): string => idOf('sandbox', namespace, podUid, attempt)
/** `again` counts the ids of this container that the engine has spoilt. */
export const containerId = (sandbox: string, name: string, attempt: number, again = 0): string => idOf('container', sandbox, name, attempt, ...(again > 0 ? [again] : []))

export class Records {
  readonly #dataDir: string
  constructor(dataDir: string) { this.#dataDir = dataDir }

  containerFolder(id: string): string { return `${this.#dataDir}/containers/${id}` }
  imagesFolder(): string { return `${this.#dataDir}/images` }
  configPath(id: string): string { return `${this.containerFolder(id)}/config.json` }
  pidPath(id: string): string { return `${this.containerFolder(id)}/pid` }
  logIndexPath(id: string): string { return `${this.containerFolder(id)}/log-index.json` }
  logStartPath(id: string): string { return `${this.containerFolder(id)}/log-start` }
  #sandboxPath(id: string): string { return `${this.#dataDir}/sandboxes/${id}.json` }

  async prepare(): Promise<void> {
    await Promise.all(['containers', 'sandboxes', 'images'].map((name) => makeFolder(`${this.#dataDir}/${name}`)))
  }

  saveSandbox(record: SandboxRecord): Promise<void> { return replaceText(this.#sandboxPath(record.id), JSON.stringify(record)) }
  forgetSandbox(id: string): Promise<void> { return removeTree(this.#sandboxPath(id)) }

  /** The container's folder is there. */
  saveContainer(record: ContainerRecord): Promise<void> { return replaceText(`${this.containerFolder(record.id)}/record.json`, JSON.stringify(record)) }

  saveExit(id: string, exit: ExitRecord): Promise<void> { return replaceText(`${this.containerFolder(id)}/exit.json`, JSON.stringify(exit)) }

  async sandboxes(): Promise<SandboxRecord[]> {
    const names = (await namesIn(`${this.#dataDir}/sandboxes`)).filter((n) => n.endsWith('.json'))
    const read = await Promise.all(names.map((n) => this.#read<SandboxRecord>(`${this.#dataDir}/sandboxes/${n}`)))
    return read.filter((r) => r !== undefined)
  }

  /** Every container with a record; the folders of the others are `torn`. */
  async containers(): Promise<{ whole: { record: ContainerRecord; exit: ExitRecord | undefined; startedAt: number | undefined; pid: number | undefined }[]; torn: string[] }> {
    const names = await namesIn(`${this.#dataDir}/containers`)
    const read = await Promise.all(names.map(async (id) => {
      const folder = this.containerFolder(id)
      const [record, exit, pid, facts] = await Promise.all([this.#read<ContainerRecord>(`${folder}/record.json`), this.#read<ExitRecord>(`${folder}/exit.json`), readText(this.pidPath(id)), fileFacts(this.pidPath(id))])
      return { folder, record, exit, pid: pid ? Number(pid) : undefined, startedAt: facts?.mtimeMs }
    }))
    return {
      whole: read.flatMap(({ record, exit, pid, startedAt }) => (record ? [{ record, exit, pid, startedAt }] : [])),
      torn: read.filter((r) => r.record === undefined).map((r) => r.folder),
    }
  }

  async #read<T>(path: string): Promise<T | undefined> {
    const text = await readText(path)
    if (!text) return undefined
    try { return JSON.parse(text) as T } catch { return undefined }
  }
}

/** A record as the contract shows it. */
export function toContainer(r: ContainerRecord, s: { startedAt: number | undefined; pid: number | undefined; exit: ExitRecord | undefined }): Container {
  const { id, sandboxId: sandbox, podUid, name, attempt, createdAt, imageId, image } = r
  const running = s.exit === undefined && s.pid !== undefined
  return {
    id, sandboxId: sandbox, podUid, name, attempt, createdAt, imageId, image, state: s.exit ? 'exited' : running ? 'running' : 'created',
    startedAt: s.exit ? s.exit.startedAt : s.startedAt, finishedAt: s.exit?.finishedAt, exitCode: s.exit?.exitCode, oomKilled: s.exit?.oomKilled ?? false, message: s.exit?.message,
    pid: running ? s.pid : undefined, user: r.user,
  }
}
