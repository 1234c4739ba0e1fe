/** Images of the engine, answered from memory: events say when to look again, and what a digest means never changes. */
import { createHash } from 'node:crypto'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { run, runOk } from '../../../shared/host/exec.ts'
import { replaceText, readText } from '../../../shared/host/tree.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import { goArchitecture } from '../../../shared/host/oci-archive.ts'
import { chainId } from '../image-check/chain-id.ts'
import { canonicalId, isImageId, normalizeReference } from '../image-reference.ts'
import { RuntimeError, type Image, type PullProgress, type RegistryAuth } from '../runtime.ts'
import * as argv from './argv.ts'
import { classifyPull, lastError, parseImageConfig, parseImages, parseLayers, parseManifest, parseSnapshots, standingOn, type ImageConfig } from './parse.ts'
import { pullByCtr } from './pull.ts'

export interface KnownImage { readonly image: Image; readonly config: ImageConfig; /** Folders of the layers, topmost first. */ readonly layers: readonly string[]; readonly viewKey: string }

/** Folders of the layers, topmost first; or the snapshotter that has lost one which the engine knows. */
type View = readonly string[] | { readonly missing: string }

/** What a manifest digest stands for; immutable, so kept on disk by digest. */
interface Resolved { readonly id: string; readonly config: ImageConfig }

export class ImageStore {
  readonly #engine: argv.Engine
  readonly #folder: string
  readonly #pulling: { readonly hostsDir: string | undefined; readonly clock: Clock; readonly log: Log }
  readonly #resolved = new Map<string, Promise<Resolved>>()
  readonly #layers = new Map<string, readonly string[]>()
  /** What an image is made of by what was read of it, and is not that. */
  readonly #torn = new Set<string>()
  /** Images with a layer that the disk has lost, by target digest. */
  readonly #bottomless = new Map<string, { readonly config: string; readonly snapshotter: string }>()
  readonly #restacked = new Set<string>()
  /** Unpacked in vain: asked once in a process, not at every look. */
  readonly #unpacked = new Set<string>()
  #byId = new Map<string, KnownImage>()
  #byName = new Map<string, string>()
  #loading: Promise<void> | undefined
  #dirty = true

  /** `folder` keeps what digests mean; it exists. */
  constructor(options: { engine: argv.Engine; folder: string; hostsDir: string | undefined; clock: Clock; log: Log }) {
    this.#engine = options.engine
    this.#folder = options.folder
    this.#pulling = { hostsDir: options.hostsDir, clock: options.clock, log: options.log }
  }

  /** The engine's images may have changed: the next question looks again. */
  invalidate(): void { this.#dirty = true }

  /** Its layers are not where they were: they are looked for again. */
  forget(known: KnownImage): void {
    this.#layers.delete(known.viewKey)
    this.#unpacked.clear()
    this.#dirty = true
  }

  /** Unpacks an image from what was downloaded of it. Rejects where that is damaged or not all there. */
  async unpack(target: string): Promise<void> {
    const result = await run(argv.unpack(this.#engine, target), { timeout: 600_000 })
    if (result.exitCode !== 0) throw new Error(`unpacking ${target}: ${lastError(result.stderr.toString())}`)
  }

  async find(reference: string): Promise<KnownImage | undefined> {
    const id = isImageId(reference) ? canonicalId(reference) : undefined
    const name = id === undefined ? normalizeReference(reference) : ''
    await this.#fresh()
    return this.#byId.get(id ?? this.#byName.get(name) ?? '')
  }

  async all(): Promise<KnownImage[]> {
    await this.#fresh()
    return [...this.#byId.values()]
  }

  async import(tarPath: string): Promise<readonly string[]> {
    const before = new Map((await this.#list()).map((i) => [i.reference, i.digest]))
    const result = await run(argv.importImage(this.#engine, tarPath), { timeout: 600_000 })
    if (result.exitCode !== 0) throw new RuntimeError('create-failed', `import of ${tarPath}: ${lastError(result.stderr.toString())}`)
    this.#dirty = true
    const told = [...`${result.stdout}\n${result.stderr}`.matchAll(/unpacking (\S+) \(sha256:/g)].map((m) => m[1]!)
    if (told.length > 0) return told
    return (await this.#list()).filter((i) => before.get(i.reference) !== i.digest).map((i) => i.reference)
  }

  async pull(request: { reference: string; auth: RegistryAuth | undefined; plainHttp: boolean; signal: AbortSignal; progress: (at: PullProgress) => void }): Promise<Image> {
    const name = normalizeReference(request.reference)
    await this.#dropTorn()
    const attempt = (): ReturnType<typeof pullByCtr> => pullByCtr({ ...this.#pulling, ...request, engine: this.#engine, name })
    let { exitCode, output } = await attempt()
    // What a power cut took from the disk and not from the database the engine would count on for ever: each is forgotten, and fetched.
    for (let left = 100; exitCode !== 0 && left > 0; left--) {
      const blob = lostBlob(output)
      if (blob !== undefined) await run(argv.removeContent(this.#engine, [blob]))
      else if (lostFolder(output) === undefined || await this.#forgetLost() === 0) break;
      ({ exitCode, output } = await attempt())
    }
    if (exitCode !== 0) throw classifyPull(request.reference, output)
    const look = (): Promise<KnownImage | undefined> => { this.#dirty = true; return this.find(name) }
    let found = await look()
    if (!found) {
      // What a cut took of the rest shows only now that all of it is named: it is forgotten, and fetched or unpacked again.
      this.#restacked.clear()
      this.#unpacked.clear()
      await this.#dropTorn()
      found = (await attempt()).exitCode === 0 ? await look() : undefined
    }
    if (!found) throw new RuntimeError('pull-failed', `image ${name} was pulled but is not whole for ${goArchitecture(process.arch)}`)
    return found.image
  }

  /** A pull takes what is there unread: what is damaged has to go first, with the engine's collector, so that it is gone and not only forgotten. */
  async #dropTorn(): Promise<void> {
    if (this.#torn.size === 0) return
    await run(argv.removeContent(this.#engine, [...this.#torn]))
    await this.collect()
    this.#torn.clear()
  }

  /** Returns when the engine has removed what nobody refers to. */
  async collect(): Promise<void> {
    await run(argv.createLease(this.#engine, 'bramble-collect'))
    await runOk(argv.removeLease(this.#engine, 'bramble-collect'))
  }

  async remove(id: string): Promise<void> {
    const known = await this.find(id)
    if (!known) return
    const references = [...this.#byName].filter(([, i]) => i === known.image.id).map(([name]) => name)
    await run(argv.removeSnapshot(this.#engine, known.viewKey))
    this.#layers.delete(known.viewKey)
    this.#dirty = true
    const listed = (await this.#list()).map((i) => i.reference).filter((r) => references.includes(r))
    if (listed.length > 0) await runOk(argv.removeImages(this.#engine, listed))
    this.#dirty = true
  }

  async #list(): Promise<ReturnType<typeof parseImages>> { return parseImages((await runOk(argv.images(this.#engine))).toString()) }

  async #fresh(): Promise<void> {
    while (this.#dirty || this.#loading) {
      this.#loading ??= this.#load().finally(() => { this.#loading = undefined })
      await this.#loading
    }
  }

  async #load(): Promise<void> {
    this.#dirty = false
    try {
      const listed = await this.#list()
      const known = await Promise.all(listed.map(async (entry) => ({ entry, whole: await this.#whole(entry.digest) })))
      const byId = new Map<string, KnownImage>()
      const byName = new Map<string, string>()
      for (const { entry, whole } of known) {
        if (!whole) continue
        const before = byId.get(whole.id)?.image
        const repository = entry.reference.replace(/[:@][^/]*$/, '')
        const isTag = !entry.reference.includes('@') && !entry.reference.startsWith('sha256:')
        const digests = new Set([...(before?.digests ?? []), `${repository}@${entry.digest}`])
        const tags = new Set([...(before?.tags ?? []), ...(isTag ? [entry.reference] : [])])
        const image: Image = { id: whole.id, tags: [...tags].sort(), digests: [...digests].sort(), sizeBytes: entry.sizeBytes, user: whole.config.user }
        byId.set(whole.id, { image, config: whole.config, layers: whole.layers, viewKey: whole.viewKey })
        byName.set(entry.reference, whole.id)
        byName.set(`${repository}@${entry.digest}`, whole.id)
      }
      this.#byId = byId
      this.#byName = byName
      if (this.#bottomless.size > 0) await this.#restack()
    } catch (e) {
      this.#dirty = true
      throw new RuntimeError('unavailable', `listing images: ${(e as Error).message}`)
    }
  }

  /** Undefined where the image is not for this machine, or its layers are not all unpacked. */
  async #whole(digest: string): Promise<(Resolved & { layers: readonly string[]; viewKey: string }) | undefined> {
    let resolving = this.#resolved.get(digest)
    if (!resolving) {
      resolving = this.#resolve(digest)
      this.#resolved.set(digest, resolving)
      resolving.catch(() => this.#resolved.delete(digest))
    }
    const resolved = await resolving.catch((e: unknown) => { if (e instanceof RuntimeError && e.code === 'image-not-found') return undefined; throw e })
    if (!resolved) return undefined
    const chain = chainId(resolved.config.diffIds)
    const viewKey = viewKeyOf(chain)
    const layers = this.#layers.get(viewKey) ?? await this.#view(viewKey, chain) ?? await this.#unpackAndView(digest, viewKey, chain)
    if (layers && 'missing' in layers) this.#bottomless.set(digest, { config: resolved.id, snapshotter: layers.missing })
    if (!layers || 'missing' in layers) return undefined
    this.#layers.set(viewKey, layers)
    return { ...resolved, layers, viewKey }
  }

  /** Images whose snapshots the engine knows and the disk has lost: they are forgotten, and unpacked again at the next look, once in a process. */
  async #restack(): Promise<void> {
    const lost = [...this.#bottomless].filter(([digest]) => !this.#restacked.has(digest))
    this.#bottomless.clear()
    if (lost.length === 0) return
    await this.#forgetLost()
    // One that had a view which the engine collected (1.6 forgets to tell its parent) goes by no name: the collector takes it when its image lets go of it.
    for (const [digest, { config, snapshotter }] of lost) {
      this.#restacked.add(digest)
      this.#unpacked.delete(digest)
      await runOk(argv.labelContent(this.#engine, config, `containerd.io/gc.ref.snapshot.${snapshotter}`, ''))
    }
    await this.collect()
    this.#dirty = true
  }

  /**
   * Forgets the snapshots whose folder the disk has lost, with all that stands on them; how many. Each by its name, from the top: the engine's collector leaves those that a pull
   * holds which was cut off.
   */
  async #forgetLost(): Promise<number> {
    const all = parseSnapshots((await runOk(argv.snapshots(this.#engine))).toString())
    const lost = new Set<string>()
    for (const { key, kind } of all) {
      if (kind !== 'Committed') continue
      const view = await this.#view(lookKey, key)
      if (view && 'missing' in view) lost.add(key)
      await run(argv.removeSnapshot(this.#engine, lookKey))
    }
    const doomed = standingOn(all, lost)
    let removed = 0
    for (const key of doomed) {
      this.#layers.delete(key)
      if ((await run(argv.removeSnapshot(this.#engine, key))).exitCode === 0) removed++
    }
    return removed
  }

  /** A pull or a repair that was cut off before it unpacked everything needs no registry for the rest. */
  async #unpackAndView(digest: string, viewKey: string, chain: string): Promise<View | undefined> {
    if (this.#unpacked.has(digest)) return undefined
    this.#unpacked.add(digest)
    await ignore(this.unpack(digest), 'where it is not all there a pull brings it')
    return this.#view(viewKey, chain)
  }

  async #resolve(digest: string): Promise<Resolved> {
    const file = `${this.#folder}/${digest.replace(':', '-')}.json`
    const kept = parsed(await readText(file))
    if (kept) return kept
    const get = async (d: string): Promise<string> => {
      const result = await run(argv.content(this.#engine, d))
      if (result.exitCode === 0 && `sha256:${createHash('sha256').update(result.stdout).digest('hex')}` === d) return result.stdout.toString()
      if (result.exitCode === 0) {
        // One image that a power cut tore must not hide the others.
        this.#torn.add(d)
        throw new RuntimeError('image-not-found', `${d} is damaged`)
      }
      const message = result.stderr.toString()
      throw new RuntimeError(/not found/.test(message) ? 'image-not-found' : 'unavailable', lastError(message))
    }
    let next = digest
    for (let depth = 0; depth < 4; depth++) {
      const step = parseManifest(await get(next), { architecture: goArchitecture(process.arch) })
      if (!step) break
      if ('manifest' in step) { next = step.manifest; continue }
      const resolved: Resolved = { id: step.config, config: parseImageConfig(await get(step.config)) }
      await replaceText(file, JSON.stringify(resolved))
      return resolved
    }
    throw new RuntimeError('image-not-found', `${digest} has no manifest for linux/${goArchitecture(process.arch)}`)
  }

  async #view(key: string, chain: string): Promise<View | undefined> {
    const made = await run(argv.viewSnapshot(this.#engine, key, chain))
    if (made.exitCode === 0) return parseLayers(made.stdout.toString())
    const message = made.stderr.toString()
    if (!/already exists/.test(message)) {
      // A power cut may leave a snapshot in the engine's database whose folder never reached the disk.
      const missing = lostFolder(message)
      if (missing !== undefined) return { missing }
      if (/not found|does not exist/.test(message)) return undefined
      throw new Error(lastError(message))
    }
    // A view cannot be asked for its mounts in this form again; it holds nothing of its own, so it is made anew.
    const removed = await run(argv.removeSnapshot(this.#engine, key))
    // The engine collects views, and may just have.
    if (removed.exitCode !== 0 && !/not found|does not exist/.test(removed.stderr.toString())) throw new Error(lastError(removed.stderr.toString()))
    return parseLayers((await runOk(argv.viewSnapshot(this.#engine, key, chain))).toString())
  }
}

/** Undefined where a power cut tore it: it is only a memory of what the engine knows. */
function parsed(kept: string | undefined): Resolved | undefined {
  try { return kept ? JSON.parse(kept) as Resolved : undefined } catch (e) { if (e instanceof SyntaxError) return undefined; throw e }
}

/** The snapshotter that has lost the folder of a layer. */
const lostFolder = (message: string): string | undefined => /stat \S*\/io\.containerd\.snapshotter\.v1\.([^/]+)\/snapshots\/\S* no such file or directory/.exec(message)?.[1]
/** A view made to see whether a snapshot is there. */
const lookKey = 'bramble-look'
const viewKeyOf = (chain: string): string => `bramble-${chain.slice('sha256:'.length)}`
const lostBlob = (output: string): string | undefined => /blob (sha256:[0-9a-f]{64}) expected at \S+ blob not found/.exec(output)?.[1]
