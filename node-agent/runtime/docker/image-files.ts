/**
 * {@link ImageFiles} of Docker's overlay2. Docker keeps no download, only layers and a record of each one's archive (`tar-split.ts`); a layer goes
 * only with the last image and container that has it, so that an image that was removed and pulled again has its damage still, where another
 * shares the layer. Here all of them go, and come back; layers below are held meanwhile. With Docker's containerd store nothing is verified.
 */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run, runOk } from '../../../shared/host/exec.ts'
import { layerlessArchive } from '../../../shared/host/oci-archive.ts'
import { makeFolder, readText, removeTree } from '../../../shared/host/tree.ts'
import { chainId } from '../image-check/chain-id.ts'
import type { Damage, ImageFiles, ImageSource, Pace, Verdict } from '../image-check/image-files.ts'
import type { Image } from '../runtime.ts'
import * as argv from './argv.ts'
import { askRegistry } from './registry-client.ts'
import { lastError, parseImageConfig } from '../containerd/parse.ts'
import { overlayOf, type Overlay } from './overlay.ts'
import { parseContainers, parseStore } from './parse.ts'

interface Deps {
  readonly engine: argv.Engine
  readonly stateDir: string
  images(): Promise<readonly Image[]>
  /** The engine's images changed: they are asked for again. */
  invalidate(): void
  removeContainer(id: string): Promise<void>
}

const configPath = (root: string, id: string): string => join(root, 'image/overlay2/imagedb/content/sha256', id.slice('sha256:'.length))
const holder = 'bramble.local/held'

export class DockerImageFiles implements ImageFiles {
  readonly #d: Deps
  /** `…/image/overlay2` and `…/overlay2`; why not where the daemon keeps images otherwise. */
  #store: Promise<{ root: string } | { why: string }> | undefined
  constructor(deps: Deps) { this.#d = deps }

  async prepare(): Promise<void> { await this.#release() }

  #where(): Promise<{ root: string } | { why: string }> {
    this.#store ??= runOk(argv.info(this.#d.engine)).then((out) => parseStore(out.toString()))
    this.#store.catch(() => { this.#store = undefined })
    return this.#store
  }

  async location(id: string): Promise<string | undefined> {
    const store = await this.#where()
    // Without a folder that is known the root is on the same file system, or synced in vain.
    return (await this.#d.images()).some((i) => i.id === id) ? ('root' in store ? store.root : '/') : undefined
  }

  async verify(id: string, pace: Pace): Promise<Verdict> {
    const store = await this.#where()
    if ('why' in store) return { at: 'unknown', why: store.why }
    if (!(await this.#d.images()).some((i) => i.id === id)) return { at: 'gone' }
    const { checkBlob } = await import('../image-check/check-layer.ts')
    const { checkSplitLayer } = await import('./tar-split.ts')
    const config = await checkBlob(configPath(store.root, id), id, pace)
    if (config) return { at: 'damaged', damage: [config] }
    const diffIds = await this.#layersOf(id)
    const damage: Damage[] = []
    let below: Overlay | undefined
    for (const [i, diffId] of diffIds.entries()) {
      const chain = chainId(diffIds.slice(0, i + 1))
      const record = join(store.root, 'image/overlay2/layerdb/sha256', chain.slice('sha256:'.length))
      const found = await overlayOf(store.root, record, below)
      const detail = typeof found === 'string' ? found : await checkSplitLayer({ splitPath: join(record, 'tar-split.json.gz'), folder: found.folder, diffId }, pace)
      if (detail !== undefined) damage.push({ part: 'layer', digest: chain, detail })
      // What is above it names it, and cannot be judged.
      if (typeof found === 'string') break
      below = found
    }
    return damage.length > 0 ? { at: 'damaged', damage } : { at: 'whole' }
  }

  /** Digests of an image's unpacked layers from below; none where its config is damaged. */
  async #layersOf(id: string): Promise<readonly string[]> {
    const store = await this.#where()
    if ('why' in store) return []
    try { return parseImageConfig(await readText(configPath(store.root, id)) ?? '').diffIds } catch (e) { if (e instanceof SyntaxError) return []; throw e }
  }

  async repair(id: string, damage: readonly Damage[], source: ImageSource): Promise<readonly string[]> {
    const { engine } = this.#d
    const bad = new Set(damage.map((d) => d.digest))
    const all = await this.#d.images()
    const layers = new Map(await Promise.all(all.map(async (i) => [i.id, await this.#layersOf(i.id)] as const)))
    const isBad = (diffIds: readonly string[], i: number): boolean => bad.has(chainId(diffIds.slice(0, i + 1)))
    const sharing = all.filter((image) => image.id === id || (layers.get(image.id) ?? []).some((_, i, diffIds) => isBad(diffIds, i)))
    for (const image of sharing) {
      const name = image.tags[0] ?? image.id
      const where = await source.where(image)
      if (where === undefined) throw new Error(`neither an archive of this node nor a registry has image ${name}, which holds it`)
      // Asked before anything is removed: what is damaged in part is better than nothing to who looks for the rest.
      if (where === 'registry') await askRegistry(engine.host, image.digests[0]!)
    }
    for (const image of sharing) await this.#clear(image, image.tags[0] ?? image.id)
    const intact = sharing.map((image) => { const diffIds = layers.get(image.id) ?? []; const first = diffIds.findIndex((_, i) => isBad(diffIds, i)); return diffIds.slice(0, Math.max(first, 0)) })
    await this.#hold(intact)
    try {
      for (const image of sharing) await this.#remove(image)
      for (const image of sharing) {
        await source.fetch(image)
        for (const tag of image.tags) await runOk(argv.tag(engine, image.id, tag))
      }
      // Where it failed half-way the layers below stay until the next agent: a pull then brings only what is missing.
      await this.#release()
    } finally {
      this.#d.invalidate()
    }
    return sharing.map((i) => i.id)
  }

  async #remove(image: Image): Promise<void> {
    const removed = await run(argv.forceRemoveImage(this.#d.engine, [...image.tags, ...image.digests, image.id]))
    // The last name takes the image along.
    if (removed.exitCode !== 0 && !/No such image/.test(removed.stderr.toString())) throw new Error(lastError(removed.stderr.toString()))
    this.#d.invalidate()
  }

  /** Ended containers of ours hold the layer too, and go; of a container that runs, or is not ours, nothing is taken. */
  async #clear(image: Image, name: string): Promise<void> {
    const { engine } = this.#d
    const holding = parseContainers((await runOk(argv.containersOf(engine, image.id))).toString())
    const other = holding.find((c) => c.running || c.owner !== engine.owner)
    if (other) throw new Error(`${other.running ? 'running ' : ''}container ${other.name} of image ${name} stands on it`)
    for (const { id } of holding) await this.#d.removeContainer(id)
  }

  /** Images without content of their own, made of layers that are there: what is below the damage is not downloaded again. */
  async #hold(stacks: readonly (readonly string[])[]): Promise<void> {
    const { engine, stateDir } = this.#d
    await makeFolder(stateDir)
    for (const diffIds of stacks) {
      if (diffIds.length === 0) continue
      const tar = join(stateDir, `held-${createHash('sha256').update(diffIds.join()).digest('hex').slice(0, 12)}.tar`)
      await makeFolder(dirname(tar))
      await writeFile(tar, layerlessArchive(`${holder}:${chainId(diffIds).slice('sha256:'.length, 'sha256:'.length + 12)}`, diffIds))
      try { await runOk(argv.load(engine, tar)) } finally { await removeTree(tar) }
    }
  }

  async #release(): Promise<void> {
    const { engine } = this.#d
    const held = (await runOk(argv.imagesNamed(engine, holder))).toString().split('\n').filter(Boolean)
    if (held.length > 0) await run(argv.removeImage(engine, held))
  }
}
