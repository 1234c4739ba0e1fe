/** kubectl's annotation of client-side apply, which server-side apply by kubectl takes over from and keeps up (`managedfields/internal/lastapplied*.go`). Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { canonicalJson } from '../../../shared/values/canonical-json.ts'
import { isRecord } from '../../../shared/values/json-value.ts'
import type { ApplyWrite } from './apply.ts'
import { compare } from './compare.ts'
import type { FieldSet } from './field-set.ts'
import { difference } from './field-set.ts'
import { ElementError } from './path-element.ts'
import { setOf } from './set-of.ts'

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Upstream's `TotalAnnotationSizeLimitB`. */
const ANNOTATION_LIMIT = 256 * 1024

/** The fields that were applied client-side and are as they were applied; undefined where there is no such record of this version. */
export function configuredBefore({ type, by }: ApplyWrite, live: KubeObject): FieldSet | undefined {
  const text = live.metadata?.annotations?.[LAST_APPLIED]
  if (!text) return undefined
  try {
    const last: unknown = JSON.parse(text)
    if (!isRecord(last) || last.apiVersion !== by.apiVersion) return undefined
    const { changed, removed } = compare(type, last, live)
    return difference(difference(setOf(type, last), changed), removed)
  } catch (e) {
    // The annotation is a client's text: what is no object of the kind allows nothing.
    if (e instanceof SyntaxError || e instanceof ElementError) return undefined
    throw e
  }
}

/** Where kubectl applies to an object that carries the annotation, the annotation says what was applied now. */
export function refreshLastApplied({ by, applied }: ApplyWrite, object: KubeObject): KubeObject {
  const annotations = object.metadata?.annotations
  if (by.manager !== 'kubectl' || !annotations?.[LAST_APPLIED]) return object
  const { [LAST_APPLIED]: _gone, ...others } = annotations
  const next = { ...others, [LAST_APPLIED]: `${canonicalJson(withoutAnnotation(applied))}\n` }
  return { ...object, metadata: { ...object.metadata, annotations: sizeOf(next) > ANNOTATION_LIMIT ? others : next } }
}

function withoutAnnotation(applied: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { metadata } = applied
  if (!isRecord(metadata) || !isRecord(metadata.annotations)) return applied
  const { [LAST_APPLIED]: _gone, ...annotations } = metadata.annotations
  return { ...applied, metadata: { ...metadata, annotations } }
}

const sizeOf = (annotations: Readonly<Record<string, string>>): number =>
  Object.entries(annotations).reduce((size, [key, value]) => size + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
