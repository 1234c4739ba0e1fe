/** A puller whose images are on the disk and whole. */
import { ignore } from '../../../../shared/base/ignore.ts'
import type { Puller } from '../puller.ts'
import type { ImageGuard } from './guard.ts'

export function guardedPuller(puller: Puller, guard: ImageGuard | undefined): Puller {
  if (!guard) return puller
  return {
    forget: (reference) => puller.forget(reference),
    removed(id) { guard.forget(id); puller.removed(id) },
    async ensure(request, signal) {
      await ignore(guard.list(), 'an engine that is away is told of by what is asked of it next')
      const result = await puller.ensure(request, signal)
      if (!result.ok) return result
      const { container, event } = request
      const reference = container.image ?? ''
      const used = await guard.use(result.image, {
        reference, event,
        pull: async (image) => {
          let problem = 'no registry is known for it'
          for (const digest of image.digests) {
            // Another may have asked for this repair too: it goes on when the pod that came first is gone.
            const pulled = await puller.ensure({ ...request, ranBefore: false, event: () => undefined, container: { ...container, image: digest, imagePullPolicy: 'Always' } }, new AbortController().signal)
            if (pulled.ok) return
            problem = pulled.message
          }
          throw new Error(problem)
        },
      })
      signal.throwIfAborted()
      if (used.ok && !used.repaired) return result
      if (used.ok) {
        // What was damaged may have said something else of itself.
        puller.removed(result.image.id)
        return puller.ensure({ ...request, event: () => undefined, container: { ...container, imagePullPolicy: 'Never' } }, signal)
      }
      puller.removed(result.image.id)
      event('Warning', 'InspectFailed', `Failed to inspect image "${reference}": ${used.message}`)
      return { ok: false, reason: 'ImageInspectError', message: used.message, backOff: true }
    },
  }
}
