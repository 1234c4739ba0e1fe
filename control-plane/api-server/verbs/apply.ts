/** Server-side apply: the document is laid over the object, which is made where it is not there (`endpoints/handlers/patch.go`: `applyPatcher`). */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import { badRequest, conflict, isAlreadyExists, isNotFound, notFound, StatusError } from '../../../shared/base/errors.ts'
import type { ApplyWrite } from '../managed-fields/apply.ts'
import { applyDocument, gvkText } from '../managed-fields/apply.ts'
import type { OtherVersion } from '../managed-fields/write.ts'
import { DecodeError } from '../schema/compile.ts'
import type { FieldValidation } from '../schema/decode.ts'
import type { Decodable } from '../schema/decode.ts'
import { decodeValue } from '../schema/decode.ts'
import type { ApiContext, Target } from './context.ts'
import { named } from './context.ts'
import { create } from './create.ts'
import { currentEntry, mutate } from './mutate.ts'
import { setManaged, versionsFor, writeOf } from './ownership.ts'
import type { PatchDocument } from './patch-document.ts'
import type { Written } from './stored-form.ts'
import { askedOf, hubOf, inVersion, throughVersion, toStored } from './versions.ts'

/** How often a document is laid over the newer object where another write came between, as for patches. */
const APPLY_RETRIES = 5

export interface ApplyRequest {
  readonly patch: PatchDocument
  readonly force: boolean
  readonly fieldValidation: FieldValidation
  warn(text: string): void
  mayCreate(): void
}

/** Rejects with Conflict where others own what the document changes and `force` is not set. */
export async function applyPatch(ctx: ApiContext, target: Target, request: ApplyRequest): Promise<Written> {
  const { complaints } = request.patch
  for (let attempt = 1; ; attempt++) {
    try {
      const written = currentEntry(ctx, target) ? await applyToObject(ctx, target, request) : await applyToNothing(ctx, target, request)
      if (request.fieldValidation === 'Warn') for (const text of complaints) request.warn(text)
      return written
    } catch (e) {
      // The object came or went between the look and the write.
      const raced = isAlreadyExists(e) ? currentEntry(ctx, target) : isNotFound(e) && target.subresource === '' && !currentEntry(ctx, target)
      if (!raced || attempt >= APPLY_RETRIES || isGoing(e)) throw e
    }
  }
}

const isGoing = (e: unknown): boolean => e instanceof StatusError && e.message.startsWith('object is being deleted')

/** `judge`: where what is applied is admitted in another form (a scale), it is done there, and the object is not admitted again. */
export function applyToObject(ctx: ApiContext, target: Target, request: ApplyRequest, judge?: (live: Stored<KubeObject>, made: Stored<KubeObject>) => Promise<void>): Promise<Written> {
  return mutate(ctx, target, {
    attempts: APPLY_RETRIES, owned: true, ...(judge ? { admitted: true } : {}),
    change: (stored) => throughVersion(target, stored, async (live) => {
      const made = await appliedObject(ctx, target, request, { live, stored })
      await judge?.(live, made as Stored<KubeObject>)
      return made
    }),
  })
}

async function applyToNothing(ctx: ApiContext, target: Target, request: ApplyRequest): Promise<Written> {
  if (target.subresource !== '') throw notFound(named(target))
  request.mayCreate()
  const object = await appliedObject(ctx, target, request, undefined)
  const { name, uid } = object.metadata ?? {}
  if (uid) throw conflict(named(target), `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
  if (!name) throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`)
  return create(ctx, target, await toStored(target, object), { owned: true })
}

interface Live { readonly live: Stored<KubeObject>; readonly stored: KubeObject }

/** The object in the version asked for, decoded, with its owners. */
async function appliedObject(ctx: ApiContext, target: Target, { patch, force, fieldValidation }: ApplyRequest, live: Live | undefined): Promise<KubeObject> {
  const definition = askedOf(target)
  const write = writeOf(ctx, target, 'Apply')
  if (!write) throw new Error('an apply needs a manager')
  const gvk = gvkText(apiVersionOf(definition), definition.kind)
  const applied = patch.value as Readonly<Record<string, unknown>>
  const { object, managedFields } = await acrossVersions(ctx, target, { ...write, force, gvk, applied, live: live?.live, other: () => undefined }, live)
  if (fieldValidation === 'Strict' && patch.complaints.length) {
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n${patch.complaints.map((c) => `  ${c}`).join('\n')}`)
  }
  const decoded = fitting(definition, object)
  setManaged(decoded, managedFields)
  return decoded
}

/** The object decoded as one of its kind; 400 where it is none. */
function fitting(definition: Decodable, object: KubeObject): KubeObject {
  try {
    return decodeValue<KubeObject>(definition, object, false).object
  } catch (e) {
    if (!(e instanceof DecodeError)) throw e
    const { namespace = '', name = '' } = object.metadata ?? {}
    throw badRequest(`failed to convert new object (${namespace}/${name}; ${gvkText(apiVersionOf(definition), definition.kind)}) to proper version: ${e.message}`)
  }
}

/**
 * Managers may have written in other versions than the document's: what it changes is compared in theirs. Converting may wait, the laying over
 * does not, so it is done twice where there are such: once for the object, once for the owners.
 */
async function acrossVersions(ctx: ApiContext, target: Target, write: ApplyWrite, live: Live | undefined): Promise<ReturnType<typeof applyDocument>> {
  const foreign = live?.stored.metadata?.managedFields?.some((m) => m.apiVersion !== write.by.apiVersion)
  if (!live || !foreign) return applyDocument(write)
  const nowhere = (): OtherVersion => ({ type: write.type, before: {}, after: {} })
  const draft = applyDocument({ ...write, force: true, other: nowhere })
  const stored = await stagedForm(target, draft.object)
  const states = await versionsFor(ctx, target, {
    write, managed: [live.stored],
    states: async (d) => [await inVersion(d, live.stored), d === askedOf(target) ? draft.object : await inVersion(d, stored)],
  })
  return applyDocument({ ...write, other: states })
}

/** The laid-over object in the stored version. */
async function stagedForm(target: Target, object: KubeObject): Promise<KubeObject> {
  const asked = askedOf(target)
  if (hubOf(asked) === asked) return object
  return toStored(target, fitting(asked, object))
}
