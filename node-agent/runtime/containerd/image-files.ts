/**
 * {@link ImageFiles} of containerd: blobs by their digests, and each layer's snapshot against its blob. Nothing unpacked is downloaded to repair it,
 * and nothing is removed that a running container stands on.
 */
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../../shared/base/errors.ts'
import { run, runOk } from '../../../shared/host/exec.ts'
import { goArchitecture } from '../../../shared/host/oci-archive.ts'
import { readText, removeTree, writeText } from '../../../shared/host/tree.ts'
import { chainId } from '../image-check/chain-id.ts'
import type { Damage, ImageFiles, ImageSource, Pace, Verdict } from '../image-check/image-files.ts'
import { RuntimeError } from '../runtime.ts'
import * as argv from './argv.ts'
import type { ImageStore, KnownImage } from './images.ts'
import { lastError, parseLayerBlobs, parseManifest, parseSnapshots } from './parse.ts'

interface Deps {
  readonly engine: argv.Engine
  readonly images: Pick<ImageStore, 'find' | 'all' | 'forget' | 'unpack' | 'collect' | 'invalidate'>
  /** For what a crash must not forget; exists once the engine was asked for anything. */
  readonly folder: string
  /** Images whose layers a container stands on now. */
  inUse(): ReadonlySet<string>
}

/** containerd's folder, from where its snapshots lie; undefined where another snapshotter decides. */
const rootOf = (known: KnownImage): string | undefined => /^(.*)\/io\.containerd\.snapshotter\.v1\.[^/]+\/snapshots\/[^/]+\/fs$/.exec(known.layers[0] ?? '')?.[1]
const snapshotterOf = (known: KnownImage): string => /\/io\.containerd\.snapshotter\.v1\.([^/]+)\//.exec(known.layers[0] ?? '')?.[1] ?? 'overlayfs'
const blobPath = (root: string, digest: string): string => `${root}/io.containerd.content.v1.content/blobs/sha256/${digest.slice('sha256:'.length)}`
/** Of the layers from below. */
const chainsOf = (known: KnownImage): string[] => known.config.diffIds.map((_, i, all) => chainId(all.slice(0, i + 1)))
const targetsOf = (known: KnownImage): string[] => [...new Set(known.image.digests.map((d) => d.slice(d.indexOf('@') + 1)))]

export class ContainerdImageFiles implements ImageFiles {
  readonly #d: Deps
  constructor(deps: Deps) { this.#d = deps }

  /** An image without all its snapshots, which a repair leaves that is cut off, the image store unpacks again. */
  async prepare(): Promise<void> {
    for (const key of (await readText(this.#heldFile) ?? '').split('\n').filter(Boolean)) {
      const released = await run(argv.labelSnapshot(this.#d.engine, key, 'containerd.io/gc.root', ''))
      if (released.exitCode !== 0 && !/not found|does not exist/.test(released.stderr.toString())) throw new Error(lastError(released.stderr.toString()))
    }
    await removeTree(this.#heldFile)
  }

  async location(id: string): Promise<string | undefined> { return (await this.#d.images.find(id))?.layers[0] }

  async verify(id: string, pace: Pace): Promise<Verdict> {
    const known = await this.#d.images.find(id)
    if (!known) return { at: 'gone' }
    const root = rootOf(known)
    if (root === undefined) return { at: 'unknown', why: 'its snapshots are not where containerd keeps its own' }
    const { checkLayer } = await import('../image-check/check-layer.ts')
    const described = await this.#describe(root, known, pace)
    if ('damage' in described) return { at: 'damaged', damage: described.damage }
    const chains = chainsOf(known)
    const damage: Damage[] = []
    try {
      for (const [i, digest] of described.layers.entries()) {
        const found = await checkLayer({ blob: blobPath(root, digest), digest, chain: chains[i]!, folder: known.layers[known.layers.length - 1 - i]! }, pace)
        if (found) damage.push(found)
      }
    } catch (e) {
      return { at: 'unknown', why: messageOf(e) }
    }
    return damage.length > 0 ? { at: 'damaged', damage } : { at: 'whole' }
  }

  /** The blobs that say what the image is, checked; the digests of its layers from below. */
  async #describe(root: string, known: KnownImage, pace: Pace): Promise<{ layers: readonly string[] } | { damage: readonly Damage[] }> {
    const { checkBlob } = await import('../image-check/check-layer.ts')
    let layers: readonly string[] = []
    for (const target of targetsOf(known)) {
      let next = target
      for (let depth = 0; depth < 4; depth++) {
        const damage = await checkBlob(blobPath(root, next), next, pace)
        if (damage) return { damage: [damage] }
        const text = await readFile(blobPath(root, next), 'utf8')
        const step = parseManifest(text, { architecture: goArchitecture(process.arch) })
        if (step && 'manifest' in step) { next = step.manifest; continue }
        if (step?.config === known.image.id) layers = parseLayerBlobs(text)
        break
      }
    }
    const damage = await checkBlob(blobPath(root, known.image.id), known.image.id, pace)
    if (damage) return { damage: [damage] }
    if (layers.length !== known.layers.length || layers.length !== known.config.diffIds.length) throw new RuntimeError('unsupported', `image ${known.image.id} has ${layers.length} blobs for ${known.layers.length} layers`)
    return { layers }
  }

  async repair(id: string, damage: readonly Damage[], source: ImageSource): Promise<readonly string[]> {
    const known = await this.#d.images.find(id)
    if (!known) return []
    const content = damage.filter((d) => d.part === 'content').map((d) => d.digest)
    if (content.length > 0) {
      await this.#replaceContent(known, content, source)
      return [id]
    }
    return this.#unpackAgain(new Set(damage.map((d) => d.digest)))
  }

  async #replaceContent(known: KnownImage, digests: readonly string[], source: ImageSource): Promise<void> {
    const root = rootOf(known)!
    if (await source.where(known.image) === undefined) throw new Error('neither an archive of this node nor a registry has it')
    const removed = await run(argv.removeContent(this.#d.engine, digests))
    if (removed.exitCode !== 0 && !/not found/.test(removed.stderr.toString())) throw new Error(lastError(removed.stderr.toString()))
    // containerd forgets at once and deletes later: a blob that still lies there would be taken up again unread.
    await Promise.all(digests.map((d) => removeTree(blobPath(root, d))))
    await source.fetch(known.image)
    this.#d.images.invalidate()
  }

  /**
   * Has the engine collect the snapshots of these layers and those above them, whatever image they are of, and unpacks the images again from what is
   * here. A snapshot that had a view once cannot be removed by name (containerd 1.6 collects views and forgets to tell their parents).
   */
  async #unpackAgain(chains: ReadonlySet<string>): Promise<readonly string[]> {
    const { images, engine } = this.#d
    const sharing = (await images.all()).filter((k) => chainsOf(k).some((c) => chains.has(c)))
    const inUse = this.#d.inUse()
    const busy = sharing.find((k) => inUse.has(k.image.id))
    if (busy) throw new Error(`a running container of image ${busy.image.tags[0] ?? busy.image.id} stands on it`)
    const before = await this.#above(chains)
    const active = before.doomed.find((s) => s.kind === 'Active')
    if (active) throw new Error(`snapshot ${active.key}, which is not ours, stands on it`)
    for (const known of sharing) images.forget(known)
    await this.#hold(before.below)
    try {
      for (const known of sharing) await runOk(argv.labelContent(engine, known.image.id, `containerd.io/gc.ref.snapshot.${snapshotterOf(known)}`, ''))
      await images.collect()
      const [left] = (await this.#above(chains)).doomed
      if (left) throw new Error(`something else has snapshot ${left.key}`)
    } finally {
      for (const known of sharing) for (const target of targetsOf(known)) await images.unpack(target)
      await this.prepare()
      images.invalidate()
    }
    return sharing.map((k) => k.image.id)
  }

  /** Snapshots of these layers with what was made on them, and those right below. */
  async #above(chains: ReadonlySet<string>): Promise<{ doomed: ReturnType<typeof parseSnapshots>; below: readonly string[] }> {
    const listed = parseSnapshots((await runOk(argv.snapshots(this.#d.engine))).toString())
    const keys = new Set(chains)
    for (let size = -1; size !== keys.size;) { size = keys.size; for (const s of listed) if (keys.has(s.parent)) keys.add(s.key) }
    const doomed = listed.filter((s) => keys.has(s.key))
    return { doomed, below: [...new Set(doomed.map((s) => s.parent).filter((parent) => parent !== '' && !keys.has(parent)))] }
  }

  get #heldFile(): string { return `${this.#d.folder}/held-layers` }

  /** Layers below the damage stay, though no image has them for a moment; written down first, so that a crash does not hold them for ever. */
  async #hold(keys: readonly string[]): Promise<void> {
    await writeText(this.#heldFile, keys.join('\n'))
    for (const key of keys) await runOk(argv.labelSnapshot(this.#d.engine, key, 'containerd.io/gc.root', 'bramble'))
  }
}
