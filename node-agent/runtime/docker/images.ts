/** The engine's images, read once and kept until something changes them. */
import { run, runOk } from '../../../shared/host/exec.ts'
import { writeBusyboxImage } from '../../../shared/host/oci-archive.ts'
import { makeFolder, removeTree } from '../../../shared/host/tree.ts'
import { lastError } from '../containerd/parse.ts'
import { canonicalId, isImageId, normalizeReference } from '../image-reference.ts'
import { RuntimeError, type Image, type PullProgress, type RegistryAuth } from '../runtime.ts'
import * as argv from './argv.ts'
import { classifyPull, parseImages, parseListed } from './parse.ts'
import { pullByDocker } from './pull.ts'

const pauseImage = 'bramble.local/pause:1'

export class ImageStore {
  readonly #engine: argv.Engine
  readonly #stateDir: string
  #known: Image[] | undefined
  #pauseId: Promise<string> | undefined
  #serial = 0

  /** `stateDir`: for credentials during a pull, and to make the pause image. */
  constructor(options: { readonly engine: argv.Engine; readonly stateDir: string }) {
    this.#engine = options.engine
    this.#stateDir = options.stateDir
  }

  /** Something has changed them: the next that asks reads anew. */
  invalidate(): void { this.#known = undefined }

  async all(): Promise<readonly Image[]> {
    if (this.#known) return this.#known
    const ids = [...new Set((await runOk(argv.images(this.#engine))).toString().split('\n').filter(Boolean))]
    const found = ids.length === 0 ? [] : parseImages((await run(argv.inspectImages(this.#engine, ids))).stdout.toString())
    // One that the daemon lists and cannot inspect is damaged: nobody could repair it who did not see it.
    const lost = ids.length > found.length ? new Set(ids.filter((id) => !found.some((i) => i.id === id))) : undefined
    if (lost) found.push(...parseListed((await runOk(argv.listImages(this.#engine))).toString()).filter((i) => lost.has(i.id)))
    this.#known = found.map((i) => ({ ...i, tags: i.tags.map(normalizeReference), digests: i.digests.map(normalizeReference) })).filter((i) => !i.tags.includes(pauseImage) || i.tags.length > 1).map((i) => ({ ...i, tags: i.tags.filter((t) => t !== pauseImage) }))
    return this.#known
  }

  async find(reference: string): Promise<Image | undefined> {
    const name = isImageId(reference) ? undefined : normalizeReference(reference)
    const all = await this.all()
    if (name === undefined) return all.find((i) => i.id === canonicalId(reference))
    return all.find((i) => i.tags.includes(name) || i.digests.includes(name))
  }

  async pull(request: { reference: string; auth: RegistryAuth | undefined; plainHttp: boolean; signal: AbortSignal; progress: (at: PullProgress) => void }): Promise<Image> {
    const name = normalizeReference(request.reference)
    const { exitCode, output } = await pullByDocker({ ...request, engine: this.#engine, name, folder: `${this.#stateDir}/auth-${process.pid}-${this.#serial++}` })
    if (exitCode !== 0) throw classifyPull(request.reference, output)
    this.invalidate()
    const image = await this.find(name)
    if (!image) throw new RuntimeError('pull-failed', `image ${name} was pulled but is not there`)
    return image
  }

  async remove(id: string): Promise<void> {
    const image = await this.find(id)
    if (!image) return
    const result = await run(argv.removeImage(this.#engine, image.tags.length > 0 ? image.tags : [image.id]))
    this.invalidate()
    if (result.exitCode !== 0 && !/No such image/.test(result.stderr.toString())) throw new RuntimeError('unsupported', lastError(result.stderr.toString()))
  }

  async import(tarPath: string): Promise<readonly string[]> {
    const result = await run(argv.load(this.#engine, tarPath), { timeout: 600_000 })
    if (result.exitCode !== 0) throw new RuntimeError('create-failed', `import of ${tarPath}: ${lastError(result.stderr.toString())}`)
    this.invalidate()
    return [...result.stdout.toString().matchAll(/^Loaded image: (\S+)$/gm)].map((m) => normalizeReference(m[1]!))
  }

  /** Id of the image that holds a pod's namespaces, which is made where it is missing and shown to nobody. */
  pause(): Promise<string> {
    return this.#pauseId ??= this.#ensurePause().catch((e: unknown) => { this.#pauseId = undefined; throw e })
  }

  async #ensurePause(): Promise<string> {
    const there = await run(argv.inspectImages(this.#engine, [pauseImage]))
    if (there.exitCode === 0) return parseImages(there.stdout.toString())[0]!.id
    await makeFolder(this.#stateDir)
    const tar = `${this.#stateDir}/pause.tar`
    const id = await writeBusyboxImage(tar, pauseImage)
    await runOk(argv.load(this.#engine, tar))
    await removeTree(tar)
    return id
  }
}
