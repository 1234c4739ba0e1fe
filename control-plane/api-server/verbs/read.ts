import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { notFound } from '../../../shared/base/errors.ts'
import type { Entry } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { ApiContext, Target } from './context.ts'
import { named } from './context.ts'

/** The stored entry of one object; NotFound. */
export function read(ctx: ApiContext, target: Target): Entry {
  const entry = ctx.store.get(objectKey(target.definition, target.namespace, target.name))
  if (!entry) throw notFound(named(target))
  return entry
}

export const readObject = (ctx: ApiContext, target: Target): Stored<KubeObject> => ctx.objects.object(read(ctx, target))
