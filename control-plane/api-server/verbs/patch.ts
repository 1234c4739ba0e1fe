import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { DecodeError } from '../schema/compile.ts'
import type { Decodable, FieldValidation } from '../schema/decode.ts'
import { checkHeader, decodeValue } from '../schema/decode.ts'
import { applyPatch } from './apply.ts'
import type { ApiContext, Target } from './context.ts'
import { mutate } from './mutate.ts'
import type { PatchDocument, PatchType } from './patch-document.ts'
import { APPLY, misfit, patched, touchesManaged } from './patch-document.ts'
import type { Written } from './stored-form.ts'
import { askedOf, throughVersion } from './versions.ts'

/** Upstream's `patchRetries`: a patch without resourceVersion is made again from the newer object this often. */
const PATCH_RETRIES = 5

export interface PatchRequest {
  readonly type: PatchType
  readonly patch: PatchDocument
  readonly fieldValidation: FieldValidation
  /** Of an apply: takes over what others own. */
  readonly force: boolean
  /** Takes texts for `Warning:` headers. */
  warn(text: string): void
  /** Throws where the user may not create the object that an apply would make. */
  mayCreate(): void
}

export async function patch(ctx: ApiContext, target: Target, request: PatchRequest): Promise<Written> {
  if (request.type === APPLY) return applyPatch(ctx, target, request)
  const definition = askedOf(target)
  let warnings: readonly string[] = []
  const written = await mutate(ctx, target, {
    attempts: PATCH_RETRIES,
    change: (stored) => throughVersion(target, stored, (old) => {
      const made = patchedObject(definition, request, old)
      warnings = made.warnings
      return made.object
    }),
  })
  for (const text of warnings) request.warn(text)
  return written
}

/**
 * What a patch makes of an object of a kind. 422 where the result is none, or under `Strict` has fields that the kind has not or the patch
 * says twice.
 */
export function patchedObject<T extends KubeObject>(definition: Decodable, request: Pick<PatchRequest, 'type' | 'patch' | 'fieldValidation'>, old: T): { object: T; warnings: readonly string[] } {
  const { type, patch: { value, complaints }, fieldValidation } = request
  // The list is long, and a patch that does not speak of it neither copies nor decodes it: the fields then keep their owners.
  const result = patched(definition, type, touchesManaged(type, value) ? old : withoutManaged(old), value)
  checkHeader(definition, result)
  try {
    const { object, unknown } = decodeValue<T>(definition, result as object, fieldValidation !== 'Ignore')
    const warnings = [...complaints, ...unknown.toSorted().map((field) => `unknown field ${JSON.stringify(field)}`)]
    if (warnings.length && fieldValidation === 'Strict') throw misfit(type, { patch: value, result }, `strict decoding error: ${warnings.join(', ')}`)
    return { object, warnings: fieldValidation === 'Warn' ? warnings : [] }
  } catch (e) {
    if (e instanceof DecodeError) throw misfit(type, { patch: value, result }, e.message)
    throw e
  }
}

function withoutManaged<T extends KubeObject>(object: T): T {
  if (!object.metadata?.managedFields) return object
  const { managedFields: _kept, ...metadata } = (object as unknown as Stored<KubeObject>).metadata
  return { ...object, metadata }
}
