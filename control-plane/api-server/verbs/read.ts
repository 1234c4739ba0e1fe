import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { notFound } from '../../../shared/base/errors.ts'
import type { Entry } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { ApiContext, Target } from './context.ts'
import { named } from './context.ts'
import { parseResourceVersion, tooLarge } from './list.ts'

/** The stored entry of one object; NotFound. `atLeast`: a resourceVersion the answer must not be older than, 504 where there is no such state yet. */
export function read(ctx: ApiContext, target: Target, atLeast = ''): Entry {
  if (atLeast) {
    const asked = parseResourceVersion(atLeast)
    if (asked > ctx.store.revision) throw tooLarge(asked, ctx.store.revision)
  }
  const entry = ctx.store.get(objectKey(target.definition, target.namespace, target.name))
  if (!entry) throw notFound(named(target))
  return entry
}

export const readObject = (ctx: ApiContext, target: Target): Stored<KubeObject> => ctx.objects.object(read(ctx, target))
