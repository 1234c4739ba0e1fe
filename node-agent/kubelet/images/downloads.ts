/**
 * Brings images from their registries: so many at a time, each once however many pods wait for it, over links that break. A pull that broke
 * after it had got further is gone on with at once; one that moves no more is cut off and counts as broken. Whether to try again later is up to whoever asked.
 */
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import { RuntimeError, type Image, type PullProgress, type RegistryAuth, type Runtime } from '../../runtime/runtime.ts'
import { bounded } from '../bounded.ts'
import { goDuration } from '../pod/backoff.ts'

export interface Wanted {
  /** As the pod wrote it: what is said of it names it so. */
  readonly reference: string
  /** Tried in order, the next where one is not let in; none is to be nobody. */
  readonly auths: readonly RegistryAuth[]
  readonly plainHttp: boolean
}

export interface Listener {
  /** It has begun, or is under way already. */
  started(): void
  progress(at: PullProgress): void
}

export interface Downloads {
  /** Rejects with a {@link RuntimeError}, or with the signal's reason. The pull itself ends when nobody waits for it any more. */
  fetch(wanted: Wanted, listener: Listener, signal: AbortSignal): Promise<Image>
}

export interface DownloadOptions {
  readonly runtime: Pick<Runtime, 'pullImage'>
  readonly clock: Clock
  readonly log: Log
  readonly parallel: number
  /** A download that does not move for so long is cut off (upstream's `imagePullProgressDeadline`: one minute). Unpacking may take as long as it takes. */
  readonly stallAfter: Millis
}

/** Between a pull that broke and the next that goes on with it. */
const breath: Millis = 1000

interface Pull { readonly done: Promise<Image>; readonly listeners: Set<Listener>; readonly abort: AbortController; running: boolean }

export function createDownloads(options: DownloadOptions): Downloads {
  const slot = bounded(options.parallel)
  /** By image and by who asks: an image that one may have is not for others. */
  const pulls = new Map<string, Pull>()

  const begin = (key: string, wanted: Wanted): Pull => {
    const [listeners, abort] = [new Set<Listener>(), new AbortController()]
    // Not before whoever asked listens.
    const done = Promise.resolve().then(() => slot(async () => {
      abort.signal.throwIfAborted()
      pull.running = true
      for (const l of listeners) l.started()
      return await asEach(options, wanted, abort.signal, (at) => { for (const l of listeners) l.progress(at) })
    })).finally(() => { if (pulls.get(key) === pull) pulls.delete(key) })
    const pull: Pull = { done, listeners, abort, running: false }
    pulls.set(key, pull)
    return pull
  }

  return {
    async fetch(wanted, listener, signal) {
      signal.throwIfAborted()
      const key = JSON.stringify([wanted.reference, wanted.plainHttp, wanted.auths])
      const pull = pulls.get(key) ?? begin(key, wanted)
      if (pull.running) listener.started()
      pull.listeners.add(listener)
      const left = Promise.withResolvers<never>()
      const leave = (): void => { left.reject(signal.reason) }
      void ignore(left.promise, 'raced below')
      void ignore(pull.done, 'raced below')
      signal.addEventListener('abort', leave, { once: true })
      try {
        return await Promise.race([pull.done, left.promise])
      } finally {
        signal.removeEventListener('abort', leave)
        pull.listeners.delete(listener)
        if (pull.listeners.size === 0) {
          // Whoever comes next begins anew: this one is ending.
          if (pulls.get(key) === pull) pulls.delete(key)
          pull.abort.abort(new Error(`nobody waits for image ${wanted.reference} any more`))
        }
      }
    },
  }
}

/** With each of the credentials until one is let in (upstream `kuberuntime_image.go`, whose errors are joined like this). */
async function asEach(options: DownloadOptions, wanted: Wanted, signal: AbortSignal, tell: (at: PullProgress) => void): Promise<Image> {
  const refused = new Set<string>()
  let last: RuntimeError | undefined
  for (const auth of wanted.auths.length > 0 ? wanted.auths : [undefined]) {
    try {
      return await throughBreaks(options, wanted, auth, signal, tell)
    } catch (e) {
      signal.throwIfAborted()
      // Some registries say of what one may not see that it does not exist.
      if (!(e instanceof RuntimeError) || (e.code !== 'pull-denied' && e.code !== 'image-not-found')) throw e
      last = e
      refused.add(e.message)
    }
  }
  if (!last) throw new Error('a pull without a try')
  throw refused.size === 1 ? last : new RuntimeError(last.code, `[${[...refused].join(', ')}]`)
}

async function throughBreaks(options: DownloadOptions, wanted: Wanted, auth: RegistryAuth | undefined, signal: AbortSignal, tell: (at: PullProgress) => void): Promise<Image> {
  for (let [reached, before] = [0, 0]; ; before = reached) {
    try {
      return await once(options, wanted, auth, signal, (at) => { reached = at.doneBytes; tell(at) })
    } catch (e) {
      signal.throwIfAborted()
      if (!(e instanceof RuntimeError) || e.code !== 'pull-failed' || reached <= before) throw e
      options.log.info('a pull broke and is gone on with', { image: wanted.reference, bytes: reached, error: messageOf(e) })
      await options.clock.sleep(breath, signal)
    }
  }
}

async function once({ runtime, clock, stallAfter }: DownloadOptions, wanted: Wanted, auth: RegistryAuth | undefined, signal: AbortSignal, tell: (at: PullProgress) => void): Promise<Image> {
  const own = new AbortController()
  let movedAt = clock.monotonic()
  let unpacking = false
  let timer: Disposable | undefined
  const watch = (): void => {
    const left = movedAt + stallAfter - clock.monotonic()
    if (left > 0 || unpacking) timer = clock.after(left > 0 ? left : stallAfter, watch)
    else own.abort(new RuntimeError('pull-failed', `cancel pulling image "${wanted.reference}" because of no progress in ${goDuration(stallAfter)}`))
  }
  watch()
  try {
    return await runtime.pullImage(wanted.reference, auth, { plainHttp: wanted.plainHttp }, AbortSignal.any([signal, own.signal]), (at) => {
      movedAt = clock.monotonic()
      unpacking = at.phase === 'unpacking'
      tell(at)
    })
  } finally {
    timer?.[Symbol.dispose]()
  }
}
