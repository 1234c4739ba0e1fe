import { isNotFound } from '../../../shared/base/errors.ts'
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import type { ApiContext, Target } from './context.ts'
import type { DeleteRequest } from './delete.ts'
import { remove } from './delete.ts'
import type { ListRequest, Listed } from './list.ts'
import { list } from './list.ts'

/** Upstream's `--delete-collection-workers` is 1; durable deletions share an fsync, so a few at once are cheaper. */
const WORKERS = 16

/** Deletes what the selectors choose, each object with its own grace and finalizers; an object that goes by itself meanwhile is no error. Answers the list as it was found. */
export async function removeCollection(ctx: ApiContext, target: Target, request: DeleteRequest, selection: ListRequest): Promise<{ listed: Listed; objects: Stored<KubeObject>[] }> {
  const listed = list(ctx, target, selection)
  const objects = listed.entries.map((entry) => ctx.objects.object(entry))
  const queue = objects.values()
  const worker = async (): Promise<void> => {
    for (const object of queue) {
      try {
        await remove(ctx, { ...target, name: object.metadata.name, namespace: object.metadata.namespace ?? '' }, request)
      } catch (e) {
        if (!isNotFound(e)) throw e
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(WORKERS, objects.length) }, worker))
  return { listed, objects }
}
