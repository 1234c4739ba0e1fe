/**
 * Lets an image be used when it is on the disk and whole. What was pulled is synced first; after a power cut every image is read and compared
 * before its first use, the others meanwhile at leisure; a damaged part is fetched again alone. What cannot be repaired is not run.
 */
import { messageOf } from '../../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../../shared/base/host.ts'
import { runOk } from '../../../../shared/host/exec.ts'
import { readIfThere, writeFileAtomic } from '../../../../shared/host/files.ts'
import type { Damage, ImageSource, Pace } from '../../../runtime/image-check/image-files.ts'
import type { Image, Runtime } from '../../../runtime/runtime.ts'
import { bounded } from '../../bounded.ts'
import * as rules from './rules.ts'

export interface GuardOptions {
  readonly runtime: Pick<Runtime, 'imageFiles' | 'images' | 'importImage'>
  readonly clock: Clock
  readonly log: Log
  /** Where it is kept what is whole. */
  readonly file: string
  /** Names this boot of the kernel; by default as Linux does. */
  readonly bootId?: string
  /** The archive on this node that brought an image, by its references. */
  archiveOf(references: readonly string[]): Promise<string | undefined>
}

/** Asked with what a pod brings along to reach the registry. */
export interface UseRequest {
  readonly reference: string
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void
  /** Pulls exactly this image. */
  pull(image: Image): Promise<void>
}

export type Usable = { readonly ok: true; /** It is not what it was: it is to be looked at again. */ readonly repaired: boolean } | { readonly ok: false; readonly message: string }

export interface ImageGuard {
  /** Takes stock of what is there before anything comes: of what comes into a store that was empty, less has to be verified. Rejects while the engine is away. */
  list(): Promise<void>
  /** Resolves when the image may be used; otherwise with why not. Costs nothing where that is known. */
  use(image: Image, request: UseRequest): Promise<Usable>
  /** Verifies what nobody has asked for, taking a quarter of a core and of the disk at most. Until all is known, then waits for `signal`. */
  run(signal: AbortSignal): Promise<void>
  /** The image was removed: one of the same id that comes later is another on the disk. */
  forget(id: string): void
  /** Marks that the agent was ended in order. */
  close(): Promise<void>
}

/** Of one image: a part that is replaced may lay open another. */
const maxRepairs = 4

const shown = (d: Damage): string => `${d.part} ${d.digest}: ${d.detail}`

export async function openImageGuard(options: GuardOptions): Promise<ImageGuard> {
  const boot = options.bootId ?? (await readIfThere('/proc/sys/kernel/random/boot_id') ?? '').trim()
  const kept = rules.parse(await readIfThere(options.file))
  const guard = new Guard(options, rules.open(kept, boot))
  await guard.save()
  return guard
}

class Guard implements ImageGuard {
  readonly #o: GuardOptions
  #ledger: rules.Ledger
  #writing: Promise<void> = Promise.resolve()
  /** One at a time: an SD card reads no faster for two. */
  readonly #slot = bounded(1)
  readonly #underWay = new Map<string, Promise<Usable>>()
  /** Nobody waits for what is verified in the background while a pod waits for something. */
  #waiting = 0
  readonly #wake: (() => void)[] = []
  /** On the engine's file system, once something was used of it. */
  #location: string | undefined

  constructor(options: GuardOptions, ledger: rules.Ledger) { this.#o = options; this.#ledger = ledger }

  save(): Promise<void> {
    const write = (): Promise<void> => writeFileAtomic(this.#o.file, JSON.stringify(this.#ledger))
    return (this.#writing = this.#writing.then(write, write))
  }

  use(image: Image, request: UseRequest): Promise<Usable> {
    const files = this.#o.runtime.imageFiles
    if (!files || rules.need(this.#ledger, image.id) === 'nothing') return Promise.resolve({ ok: true, repaired: false })
    let work = this.#underWay.get(image.id)
    if (!work) {
      this.#waiting++
      work = this.#slot(() => this.#makeUsable(image, request)).catch((e: unknown) => ({ ok: false as const, message: `image "${request.reference}" cannot be verified: ${messageOf(e)}` })).finally(() => {
        this.#underWay.delete(image.id)
        if (--this.#waiting === 0) for (const wake of this.#wake.splice(0)) wake()
      })
      this.#underWay.set(image.id, work)
    }
    return work
  }

  async #makeUsable(image: Image, request: UseRequest): Promise<Usable> {
    const { runtime, log } = this.#o
    const files = runtime.imageFiles!
    await this.list()
    let repairs = 0
    for (; rules.need(this.#ledger, image.id) === 'verify'; repairs++) {
      const verdict = await files.verify(image.id, () => Promise.resolve())
      if (verdict.at === 'gone') return { ok: false, message: `image "${request.reference}" is not there any more` }
      if (verdict.at === 'unknown') log.warn('image cannot be verified on this engine', { image: request.reference, reason: verdict.why })
      if (verdict.at !== 'damaged') break
      const damage = verdict.damage.map(shown).join('; ')
      log.warn('image is damaged', { image: request.reference, damage })
      request.event('Warning', 'ImageDamaged', `Image "${request.reference}" is damaged: ${damage}`)
      const refuse = (why: string): Usable => ({ ok: false, message: `image "${request.reference}" is damaged (${damage}) and cannot be repaired: ${why}` })
      if (repairs === maxRepairs) return refuse(`it still is after ${maxRepairs} repairs`)
      try {
        const sharing = await files.repair(image.id, verdict.damage, this.#sourceOf(request))
        this.#ledger = rules.set(this.#ledger, sharing, 'unverified')
      } catch (e) {
        return refuse(messageOf(e))
      }
      log.info('damaged image was repaired', { image: request.reference, damage })
      request.event('Normal', 'ImageRepaired', `Repaired image "${request.reference}": ${verdict.damage.map((d) => `${d.part} ${d.digest}`).join(', ')}`)
    }
    return await this.#keep(image.id) ? { ok: true, repaired: repairs > 0 } : { ok: false, message: `image "${request.reference}" is not there any more` }
  }

  /** On the disk, and then known to be. False where the image is gone. */
  async #keep(id: string): Promise<boolean> {
    const location = await this.#o.runtime.imageFiles?.location(id)
    if (location === undefined) return false
    this.#location = location
    await syncFileSystem(location)
    this.#ledger = rules.set(this.#ledger, [id], 'whole')
    await this.save()
    return true
  }

  #sourceOf(request: UseRequest): ImageSource {
    const { runtime } = this.#o
    return {
      where: async (image) => (await this.#o.archiveOf(image.tags) !== undefined ? 'archive' : image.digests.length > 0 ? 'registry' : undefined),
      fetch: async (image) => {
        const archive = await this.#o.archiveOf(image.tags)
        if (archive === undefined) await request.pull(image)
        else await runtime.importImage(archive)
      },
    }
  }

  async list(): Promise<void> {
    if (this.#ledger.listed) return
    const present = (await this.#o.runtime.images()).map((i) => i.id)
    if (this.#ledger.listed) return
    this.#ledger = rules.list(this.#ledger, present)
    await this.save()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { runtime, log } = this.#o
    const files = runtime.imageFiles
    if (files) {
      await files.prepare()
      await this.list()
      this.#ledger = rules.list(this.#ledger, (await runtime.images()).map((i) => i.id))
      for (const id of rules.suspects(this.#ledger)) {
        const verdict = await files.verify(id, this.#leisurely(id, signal))
        // What was cut short says nothing.
        if (signal.aborted) return
        if (rules.need(this.#ledger, id) === 'nothing') continue
        if (verdict.at === 'damaged') log.warn('image is damaged; it is repaired when a pod needs it', { image: id, damage: verdict.damage.map(shown).join('; ') })
        else if (verdict.at !== 'gone') await this.#keep(id)
      }
    }
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  /** Three times as long a pause as the work before it, and no work while a pod waits. Whoever needs the image meanwhile verifies it at full speed. */
  #leisurely(id: string, signal: AbortSignal): Pace {
    const { clock } = this.#o
    let since = clock.monotonic()
    return async () => {
      signal.throwIfAborted()
      if (this.#waiting > 0) await new Promise<void>((resolve) => { this.#wake.push(resolve) })
      if (rules.need(this.#ledger, id) === 'nothing') throw new Error('it is known by now')
      const worked = clock.monotonic() - since
      if (worked < 20) return
      await clock.sleep(3 * worked, signal)
      since = clock.monotonic()
    }
  }

  forget(id: string): void { this.#ledger = rules.forget(this.#ledger, id) }

  async close(): Promise<void> {
    // An image that somebody removed and pulled again under our hands is written too.
    try { if (this.#location !== undefined) await syncFileSystem(this.#location) } catch (e) {
      this.#o.log.warn('images could not be synced: they are verified after the next boot', { error: messageOf(e) })
      return
    }
    this.#ledger = rules.close(this.#ledger)
    await this.save()
  }
}

/** `syncfs(2)`, which Node does not offer: one process a pull, and a fraction of what syncing each of thousands of files takes. */
async function syncFileSystem(path: string): Promise<void> { await runOk(['sync', '--file-system', path], { timeout: 600_000 }) }
