import type { KubeObject } from '../../../shared/api/object.ts'
import { badRequest, conflict } from '../../../shared/base/errors.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import type { ApiContext, Target } from './context.ts'
import { named } from './context.ts'
import { create } from './create.ts'
import { currentEntry, mutate } from './mutate.ts'
import type { Written } from './stored-form.ts'

/** Replaces an object. A resourceVersion in it must be the stored one (Conflict); without one the write is unconditional where the kind allows it. */
export async function update(ctx: ApiContext, target: Target, object: KubeObject): Promise<Written> {
  const meta = (object.metadata ??= {})
  if (!meta.name) throw badRequest('name must be provided')
  if (meta.name !== target.name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${target.name})`)
  if (target.definition.strategy.allowCreateOnUpdate && target.subresource === '' && !currentEntry(ctx, target)) {
    if (meta.resourceVersion && meta.resourceVersion !== '0') throw conflict(named(target), 'StorageError: invalid object, Code: 4, the object does not exist')
    return create(ctx, { ...target, name: '' }, object)
  }
  return mutate(ctx, target, { change: () => copyJson(object) })
}
