/** `scale` of the workload kinds as `autoscaling/v1 Scale`. */
import type { Scale } from '../../../shared/api/autoscaling-v1.ts'
import type { LabelSelector } from '../../../shared/api/meta-v1.ts'
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import { badRequest, isNotFound, notFound } from '../../../shared/base/errors.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { formatSelector, selectorOf, selectorOfLabels } from '../../../shared/values/selector.ts'
import { invalid } from '../encode/validation-status.ts'
import type { ScaleMapping } from '../resources/definition.ts'
import { decodeObject } from '../schema/decode.ts'
import { admissionRequest } from '../verbs/admission-request.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { applyToObject } from '../verbs/apply.ts'
import { mutate } from '../verbs/mutate.ts'
import { APPLY } from '../verbs/patch-document.ts'
import type { PatchRequest } from '../verbs/patch.ts'
import { patchedObject } from '../verbs/patch.ts'
import { readObject } from '../verbs/read.ts'
import type { Written } from '../verbs/stored-form.ts'
import { askedOf, inVersion, throughVersion } from '../verbs/versions.ts'

export const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: 'autoscaling-v1.Scale' } as const

function at(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object)
}

function put(object: object, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  const parent = keys.reduce<Record<string, unknown>>((value, key) => (value[key] ??= {}) as Record<string, unknown>, object as Record<string, unknown>)
  parent[last] = value
}

/** ReplicationControllers have a map of labels where the others have a `LabelSelector`. */
function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector
  const structured = selector as LabelSelector | undefined
  if (!structured) return ''
  if (structured.matchLabels || structured.matchExpressions) return formatSelector(selectorOf(structured) ?? [])
  return formatSelector(selectorOfLabels(selector as Record<string, string>))
}

function scaleOf(mapping: ScaleMapping, object: Stored<KubeObject>): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = selectorText(at(object, mapping.selector))
  return {
    kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number(at(object, mapping.specReplicas) ?? 0) }, status: { replicas: Number(at(object, mapping.statusReplicas) ?? 0), ...(selector ? { selector } : {}) },
  }
}

/** How upstream's registries name what they do not find; the others name the object. */
const missing: Readonly<Record<string, { readonly group: string; readonly resource: string }>> = {
  'apps/deployments': { group: 'apps', resource: 'deployments/scale' }, 'apps/replicasets': { group: 'apps', resource: 'replicasets/scale' }, '/replicationcontrollers': { group: 'autoscaling', resource: 'replicationcontrollers/scale' },
}

export async function readScale(ctx: ApiContext, target: Target, mapping: ScaleMapping): Promise<Scale> {
  const { group, resource } = askedOf(target)
  const named = missing[`${group}/${resource}`]
  try {
    return scaleOf(mapping, await inVersion(askedOf(target), readObject(ctx, target)) as Stored<KubeObject>)
  } catch (e) {
    throw named && isNotFound(e) ? notFound({ ...named, name: target.name }) : e
  }
}

/** Sets the replicas of an object to what `change` makes of its scale. `attempts` as for a patch. */
export async function updateScale(ctx: ApiContext, target: Target, mapping: ScaleMapping, change: (old: Scale) => Scale): Promise<Scale> {
  const asked = { ...target, subresource: 'scale' }
  const written = await mutate(ctx, asked, {
    admitted: true,
    change: (stored) => throughVersion(asked, stored, async (old) => {
      const scale = await admitted(ctx, asked, scaleOf(mapping, old), change)
      const { resourceVersion, uid } = scale.metadata ?? {}
      const object = copyJson(old) as KubeObject
      put(object, mapping.specReplicas, scale.spec?.replicas ?? 0)
      object.metadata = { ...object.metadata }
      if (resourceVersion) object.metadata.resourceVersion = resourceVersion
      else delete object.metadata.resourceVersion
      if (uid) object.metadata.uid = uid
      return object
    }),
  })
  return shown(target, mapping, written)
}

const shown = async (target: Target, mapping: ScaleMapping, written: Written): Promise<Scale> => scaleOf(mapping, await inVersion(askedOf(target), written.object) as Stored<KubeObject>)

/** The changed scale, judged. */
async function admitted(ctx: ApiContext, asked: Target, before: Scale, change: (old: Scale) => Scale): Promise<Scale> {
  const scale = change(before)
  await ctx.admission.around(admissionRequest(asked, 'UPDATE', { object: scale, old: before, kind: scaleKind }), () => Promise.resolve())
  const { name } = scale.metadata ?? {}
  if (name && name !== asked.name) throw badRequest(`the name of the object (${name}) does not match the name on the URL (${asked.name})`)
  const replicas = scale.spec?.replicas ?? 0
  if (replicas < 0) throw invalid(scaleKind, asked.name, [{ type: 'Invalid', field: 'spec.replicas', value: replicas, detail: 'must be greater than or equal to 0' }])
  return scale
}

export async function patchScale(ctx: ApiContext, target: Target, mapping: ScaleMapping, request: PatchRequest): Promise<Scale> {
  if (request.type === APPLY) return applyScale(ctx, { ...target, subresource: 'scale' }, mapping, request)
  let warnings: readonly string[] = []
  const scale = await updateScale(ctx, target, mapping, (old) => {
    const made = patchedObject<Scale>(scaleKind, request, old)
    warnings = made.warnings
    return made.object
  })
  for (const text of warnings) request.warn(text)
  return scale
}

/** An applied scale is a document of the object itself that names its replicas alone. */
async function applyScale(ctx: ApiContext, target: Target, mapping: ScaleMapping, request: PatchRequest): Promise<Scale> {
  const { object: scale } = decodeObject<Scale>(scaleKind, request.patch.value, 'json', 'Strict')
  const { group, version, kind } = askedOf(target)
  const document: Record<string, unknown> = { apiVersion: apiVersionOf({ group, version }), kind, metadata: scale.metadata ?? {} }
  if (scale.spec?.replicas !== undefined) put(document, mapping.specReplicas, scale.spec.replicas)
  const written = await applyToObject(ctx, target, { ...request, patch: { value: document, complaints: request.patch.complaints } }, async (old, made) => {
    await admitted(ctx, target, scaleOf(mapping, old), () => scaleOf(mapping, made))
  })
  return shown(target, mapping, written)
}
