/** How a custom resource behaves on writes (`apiextensions-apiserver/pkg/registry/customresource`). Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { StatusError } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { FieldError, Strategy } from '../resources/definition.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from '../resources/object-meta.ts'
import { applyDefaults, hasDefaults } from './defaults.ts'
import { validateEmbedded } from './embedded.ts'
import { validateListTypes } from './list-types.ts'
import type { Json, Schema } from './schema.ts'
import { validateValue } from './validate-value.ts'

/** Rules of `x-kubernetes-validations` of one version, compiled. `old` is the object before an update. */
export type CelChecker = (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[]

export interface StrategyOptions {
  readonly schema: Schema | undefined
  readonly namespaced: boolean
  /** Has a status subresource. */
  readonly status: boolean
  readonly rules: CelChecker | undefined
  /** The definition is being deleted: nothing new. */
  readonly terminating: boolean
}

/** What the schema finds wrong; with `old`, what was as wrong before is let through (validation ratcheting). */
export function findingsOf(object: KubeObject, old: KubeObject | undefined, { schema, rules }: Pick<StrategyOptions, 'schema'> & { readonly rules?: CelChecker | undefined }): FieldError[] {
  const { metadata: _metadata, ...body } = object
  const { metadata: _oldMetadata, ...oldBody } = old ?? {}
  const found = validateValue(body, withoutMetadata(schema), '', old ? oldBody : undefined)
  // Upstream runs the rules only over what the schema holds for well formed.
  if (found.some((f) => f.type === 'TypeInvalid' || f.type === 'TooLong' || f.type === 'TooMany')) return found
  found.push(...validateListTypes(body, schema), ...validateEmbedded(body, schema))
  if (rules) found.push(...rules(object, old))
  return found
}

/** Metadata is judged by the rules of every object's; a schema may say more of its name only. */
function withoutMetadata(schema: Schema | undefined): Schema | undefined {
  if (!schema) return undefined
  if (!schema.required?.includes('metadata') && !schema.properties?.metadata) return schema
  const { metadata: _metadata, ...properties } = schema.properties ?? {}
  return { ...schema, properties, required: (schema.required ?? []).filter((r) => r !== 'metadata') }
}

export function strategyOf(options: StrategyOptions): Strategy<KubeObject> {
  const { schema, namespaced } = options
  const defaults = hasDefaults(schema)
  return {
    allowUnconditionalUpdate: false,
    default(object) { if (defaults) applyDefaults(object, schema) },
    prepareForCreate(object) {
      if (options.terminating) throw new StatusError('MethodNotAllowed', 'create not allowed while custom resource definition is terminating')
      if (options.status) delete (object as Json).status
      ;(object.metadata ??= {}).generation = 1
    },
    prepareForUpdate(object, old, { subresource }) {
      if (subresource === 'status') return onlyStatus(object as Json, old as Json)
      const [next, last] = [object as Json, old as Json]
      if (options.status) {
        if (last.status === undefined) delete next.status
        else next.status = last.status
      }
      if (object.metadata && !equalJson(counted(next, options.status), counted(last, options.status))) object.metadata.generation = (old.metadata?.generation ?? 0) + 1
    },
    validate(object, context) {
      const found = context.subresource === 'status' ? [] : [...validateObjectMeta(object.metadata, { namespaced }), ...nameOf(object, schema)]
      return context.updating ? found : [...found, ...findingsOf(object, undefined, options)]
    },
    validateUpdate: (object, old) => [...validateObjectMetaUpdate(object.metadata, old.metadata), ...findingsOf(object, old, options)],
  }
}

/** Restrictions of the root schema on `metadata.name` and `metadata.generateName`. */
function nameOf(object: KubeObject, schema: Schema | undefined): FieldError[] {
  const metadata = schema?.properties?.metadata
  if (!metadata?.properties) return []
  return validateValue(object.metadata ?? {}, { properties: metadata.properties }, 'metadata')
}

/** What counts for the generation: all but metadata, and status where it has a writer of its own. */
function counted(object: Json, status: boolean): Json {
  const { metadata: _metadata, kind: _kind, apiVersion: _apiVersion, ...rest } = object
  if (status) delete rest.status
  return rest
}

/** A write through `status` changes nothing else, labels and annotations included. */
function onlyStatus(object: Json, old: Json): void {
  const { status } = object
  const meta = object.metadata as Json
  for (const key of Object.keys(object)) if (!(key in old) && key !== 'status') delete object[key]
  for (const key of Object.keys(old)) if (key !== 'status' && key !== 'metadata') object[key] = old[key]
  object.status = status
  if (status === undefined) delete object.status
  const { managedFields, resourceVersion } = meta
  object.metadata = { ...(old.metadata as Json), ...(managedFields === undefined ? {} : { managedFields }), resourceVersion }
}
