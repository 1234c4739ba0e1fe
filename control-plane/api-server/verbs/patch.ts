import { badRequest, messageOf, StatusError } from '../../../shared/base/errors.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../patch/strategic-merge.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { FieldValidation } from '../schema/decode.ts'
import { decodeObject } from '../schema/decode.ts'
import type { ApiContext, Target } from './context.ts'
import { mutate } from './mutate.ts'
import type { Written } from './stored-form.ts'
import { askedOf, throughVersion } from './versions.ts'

export const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'] as const
type PatchType = (typeof PATCH_TYPES)[number]

/** Upstream's `patchRetries`: a patch without resourceVersion is made again from the newer object this often. */
const PATCH_RETRIES = 5

/** 415 for a media type that is no patch, and by name for server-side apply. */
export function patchType(contentType: string): PatchType {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  const known = PATCH_TYPES.find((t) => t === type)
  if (known) return known
  const why = type === 'application/apply-patch+yaml' ? 'server-side apply (application/apply-patch+yaml) is not supported by this server' : 'the body of the request was in an unknown format'
  throw new StatusError('UnsupportedMediaType', `${why} - accepted media types include: ${PATCH_TYPES.join(', ')}`)
}

export function parsePatch(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch (e) {
    throw badRequest(`error decoding patch: ${messageOf(e)}`)
  }
}

export function applyPatch(definition: Pick<ResourceDefinition, 'schema'>, type: PatchType, document: unknown, patch: unknown): unknown {
  switch (type) {
    case 'application/json-patch+json': return applyJsonPatch(document, patch)
    case 'application/merge-patch+json': return applyMergePatch(document, patch)
    case 'application/strategic-merge-patch+json': return applyStrategicMergePatch(definition, document, patch)
  }
}

const notForCustom = 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml'

export interface PatchRequest {
  readonly type: PatchType
  readonly patch: unknown
  readonly fieldValidation: FieldValidation
  /** Takes texts for `Warning:` headers. */
  warn(text: string): void
}

export async function patch(ctx: ApiContext, target: Target, request: PatchRequest): Promise<Written> {
  const definition = askedOf(target)
  // Kinds without a generated schema have no merge keys.
  if (definition.codec && request.type === 'application/strategic-merge-patch+json') throw new StatusError('UnsupportedMediaType', notForCustom)
  let warnings: readonly string[] = []
  const written = await mutate(ctx, target, {
    attempts: PATCH_RETRIES,
    change: (stored) => throughVersion(target, stored, (old) => {
      const decoded = decodeObject(definition, applyPatch(definition, request.type, old, request.patch), 'json', request.fieldValidation)
      warnings = decoded.warnings
      return decoded.object
    }),
  })
  for (const text of warnings) request.warn(text)
  return written
}
