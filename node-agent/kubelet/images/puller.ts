/** Makes sure that an image is there, as the pull policy says, and tells of it in events. Source: upstream `pkg/kubelet/images/image_manager.go`. */
import type { Container, Secret } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { RuntimeError, type Image, type PullProgress, type Runtime } from '../../runtime/runtime.ts'
import { credentialsFor, repositoryOf, secretKeyring, type Keyring } from './credentials.ts'
import { createDownloads } from './downloads.ts'

export interface PullRequest {
  readonly container: Container
  readonly secrets: readonly Secret[]
  /** The container ran on this node before: an image that is there serves where its registry cannot be reached. */
  readonly ranBefore: boolean
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void
}

export type PullResult =
  | { readonly ok: true; readonly image: Image }
  /** `backOff`: not before a while; otherwise trying again makes no sense until something else changes. */
  | { readonly ok: false; readonly reason: 'ErrImagePull' | 'ErrImageNeverPull' | 'InvalidImageName' | 'ImageInspectError'; readonly message: string; readonly backOff: boolean }

export interface Puller { ensure(request: PullRequest, signal: AbortSignal): Promise<PullResult>; /** The image was not there after all. */ forget(reference: string): void; /** An image was removed, whatever names it had. */ removed(id: string): void }

export interface PullerOptions {
  readonly runtime: Pick<Runtime, 'image' | 'pullImage'>
  readonly clock: Clock
  readonly log: Log
  readonly parallel: number
  /** Registry hosts (with port) that speak plain HTTP. */
  readonly plainHttp: readonly string[]
  /** The node's own credentials, tried after the pod's. */
  readonly nodeKeyring: () => Promise<Keyring>
  /** See `DownloadOptions`. Default one minute. */
  readonly stallAfter?: Millis
  /** A long pull tells how far it is at most so often, and each time a tenth further. Default 30 s. */
  readonly tellEvery?: Millis
}

/** `Always` for `latest` or no tag, as the API server defaults it. */
const policyOf = (c: Container): string => c.imagePullPolicy ?? (/(:latest$)|^[^:@]+(:\d+\/[^:@]+)?$/.test(c.image ?? '') ? 'Always' : 'IfNotPresent')
const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, '')}s`)

export function createPuller(options: PullerOptions): Puller {
  const { runtime, clock } = options
  const downloads = createDownloads({ runtime, clock, log: options.log, parallel: options.parallel, stallAfter: options.stallAfter ?? 60_000 })
  /** Images seen present, by the reference a pod wrote. Asking the engine costs a process each. */
  const present = new Map<string, Image>()

  const look = async (reference: string): Promise<Image | undefined> => {
    const known = present.get(reference)
    if (known) return known
    const found = await runtime.image(reference)
    if (found) {
      if (present.size > 1000) present.clear()
      present.set(reference, found)
    }
    return found
  }

  const pull = async (request: PullRequest, reference: string, there: Image | undefined, signal: AbortSignal): Promise<PullResult> => {
    const { event } = request
    const asked = clock.monotonic()
    let begun = asked
    const told = createTelling(reference, options.tellEvery ?? 30_000, clock, event)
    try {
      const { domain, repository } = repositoryOf(reference)
      const auths = credentialsFor(repository, [secretKeyring(request.secrets), await options.nodeKeyring()])
      const image = await downloads.fetch({ reference, auths, plainHttp: options.plainHttp.includes(domain) }, {
        started() { begun = clock.monotonic(); event('Normal', 'Pulling', `Pulling image "${reference}"`) },
        progress: told,
      }, signal)
      present.set(reference, image)
      const end = clock.monotonic()
      event('Normal', 'Pulled', `Successfully pulled image "${reference}" in ${seconds(end - begun)} (${seconds(end - asked)} including waiting). Image size: ${image.sizeBytes} bytes.`)
      return { ok: true, image }
    } catch (e) {
      signal.throwIfAborted()
      const message = messageOf(e)
      if (there && request.ranBefore && e instanceof RuntimeError && (e.code === 'pull-failed' || e.code === 'unavailable')) {
        event('Warning', 'Failed', `Failed to pull image "${reference}": ${message}; using the image that is present`)
        return { ok: true, image: there }
      }
      event('Warning', 'Failed', `Failed to pull image "${reference}": ${message}`)
      event('Warning', 'Failed', 'Error: ErrImagePull')
      return { ok: false, reason: 'ErrImagePull', message, backOff: true }
    }
  }

  return {
    forget(reference) { present.delete(reference) },
    removed(id) { for (const [reference, image] of present) if (image.id === id) present.delete(reference) },
    async ensure(request, signal) {
      const { container, event } = request
      const reference = container.image ?? ''
      const policy = policyOf(container)
      let there: Image | undefined
      try { there = await look(reference) } catch (e) {
        if (!(e instanceof RuntimeError) || e.code !== 'invalid-image-name') return { ok: false, reason: 'ImageInspectError', message: `Failed to inspect image "${reference}": ${messageOf(e)}`, backOff: true }
        const message = `Failed to apply default image tag "${reference}": ${e.message}`
        event('Warning', 'InspectFailed', message)
        event('Warning', 'Failed', 'Error: InvalidImageName')
        return { ok: false, reason: 'InvalidImageName', message, backOff: true }
      }
      if (there && policy !== 'Always') {
        event('Normal', 'Pulled', `Container image "${reference}" already present on machine`)
        return { ok: true, image: there }
      }
      if (policy === 'Never') {
        const message = `Container image "${reference}" is not present with pull policy of Never`
        event('Warning', 'ErrImageNeverPull', message)
        event('Warning', 'Failed', 'Error: ErrImageNeverPull')
        return { ok: false, reason: 'ErrImageNeverPull', message, backOff: true }
      }
      return pull(request, reference, there, signal)
    },
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Says how far a long pull is: ten times at most, so that a pod's other events keep their room. */
function createTelling(reference: string, every: Millis, clock: Clock, event: PullRequest['event']): (at: PullProgress) => void {
  let [saidAt, saidBytes, unpacking] = [clock.monotonic(), 0, false]
  return ({ phase, doneBytes, totalBytes }) => {
    if (unpacking || totalBytes === 0 || clock.monotonic() - saidAt < every) return
    if (phase === 'unpacking') unpacking = true
    else if (doneBytes - saidBytes < totalBytes / 10) return
    saidAt = clock.monotonic()
    saidBytes = doneBytes
    const how = unpacking ? `${mebibytes(totalBytes)} are here and being unpacked` : `${mebibytes(doneBytes)} of ${mebibytes(totalBytes)} (${Math.floor(doneBytes / totalBytes * 100)} %)`
    event('Normal', 'Pulling', `Pulling image "${reference}": ${how}`)
  }
}
