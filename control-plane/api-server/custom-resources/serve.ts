/** A CustomResourceDefinition as definitions of resources: one for each served version, all stored in the form of one. Pure but for what a conversion webhook is asked. */
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../../shared/api/apiextensions-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { invalid } from '../encode/validation-status.ts'
import { allVerbs } from '../resources/define.ts'
import type { ObjectCodec, ResourceDefinition, StorageForm } from '../resources/definition.ts'
import type { DecodeContext } from '../schema/compile.ts'
import { decoderOf } from '../schema/compile.ts'
import { columnsOf } from './columns.ts'
import { isTrue } from './conditions.ts'
import type { Convert } from './conversion.ts'
import { applyDefaults, hasDefaults } from './defaults.ts'
import { prune } from './prune.ts'
import type { Json, Schema } from './schema.ts'
import { isObject } from './schema.ts'
import { asSchema } from './schema-rules.ts'
import { selectableReaders } from './selectable-fields.ts'
import type { CelChecker } from './strategy.ts'
import { findingsOf, strategyOf } from './strategy.ts'
import { comparePriority } from './version-priority.ts'

export interface Served { readonly crd: CustomResourceDefinition; readonly convert: Convert | undefined; /** By version. */ readonly rules: ReadonlyMap<string, CelChecker> }

/** Served versions, the preferred one first. The stored version is the hub of all, served or not. */
export function definitionsOf(served: Served): readonly ResourceDefinition[] {
  const { crd } = served
  const stored = crd.spec.versions.find((v) => v.storage)
  if (!stored) return []
  const hub = definitionOf(served, stored) as Mutable<ResourceDefinition>
  if (!isPlain(crd)) hub.storage = formOf(served, hub, stored, hub)
  const others = crd.spec.versions.filter((v) => v.served && v !== stored).map((version) => {
    const definition = definitionOf(served, version) as Mutable<ResourceDefinition>
    definition.storage = formOf(served, hub, version, definition)
    return definition
  })
  return [...(stored.served ? [hub] : []), ...others].sort((a, b) => comparePriority(a.version, b.version))
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whatever is stored was written by the one version there ever was: it is read as it stands. */
const isPlain = (crd: CustomResourceDefinition): boolean => (crd.metadata?.generation ?? 1) === 1 && crd.status?.storedVersions?.length === 1

const schemaOf = (version: CustomResourceDefinitionVersion): Schema | undefined => asSchema(version.schema?.openAPIV3Schema)

function definitionOf({ crd, rules }: Served, version: CustomResourceDefinitionVersion): ResourceDefinition {
  const { group, scope } = crd.spec
  const names = crd.status?.acceptedNames ?? crd.spec.names
  const schema = schemaOf(version)
  const terminating = isTrue(crd, 'Terminating')
  const kind = crd.spec.names.kind
  const { subresources } = version
  const scale = subresources?.scale
  const path = (text: string | undefined): string => (text ?? '').replace(/^\./, '')
  return {
    group, version: version.name, resource: crd.spec.names.plural, singular: names.singular || kind.toLowerCase(), kind, listKind: names.listKind || `${kind}List`,
    shortNames: names.shortNames ?? [], categories: names.categories ?? [], namespaced: scope === 'Namespaced', schema: '', codec: codecOf(schema),
    verbs: allVerbs, ...(terminating ? { listedVerbs: ['delete', 'deletecollection', 'get', 'list', 'watch'] as const } : {}), durability: 'durable', statusDurability: 'durable',
    columns: columnsOf(version.additionalPrinterColumns),
    strategy: strategyOf({ schema, namespaced: scope === 'Namespaced', status: subresources?.status !== undefined, terminating, rules: rules.get(version.name) }),
    subresources: {
      ...(subresources?.status === undefined ? {} : { status: true }),
      ...(scale ? { scale: { specReplicas: path(scale.specReplicasPath), statusReplicas: path(scale.statusReplicasPath), selector: path(scale.labelSelectorPath) } } : {}),
    },
    ...(version.selectableFields?.length ? { selectableFields: selectableReaders(version.selectableFields) } : {}),
    ...(version.deprecated ? { deprecation: version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated` } : {}),
  }
}

const metadataDecoder = decoderOf('meta-v1.ObjectMeta')

/** Root fields besides the header, pruned; metadata as everywhere. */
function codecOf(schema: Schema | undefined): ObjectCodec {
  return {
    openApi: schema as ObjectCodec['openApi'],
    decode(raw, context) {
      const { apiVersion, kind, metadata, ...rest } = raw as Json
      const out = prune(rest, schema, '', context.unknown as string[] | undefined) as Json
      return { ...(typeof apiVersion === 'string' ? { apiVersion } : {}), ...(typeof kind === 'string' ? { kind } : {}), metadata: decodeMetadata(metadata, context), ...out } as KubeObject
    },
  }
}

function decodeMetadata(metadata: unknown, context: DecodeContext): Json {
  context.struct = 'ObjectMeta'
  context.path.push('metadata')
  const decoded = metadataDecoder(metadata ?? {}, context)
  context.path.pop()
  return decoded as Json
}

function formOf({ convert }: Served, hub: ResourceDefinition, version: CustomResourceDefinitionVersion, definition: ResourceDefinition): StorageForm {
  const apiVersion = `${hub.group}/${version.name}`
  const hubVersion = `${hub.group}/${hub.version}`
  const schema = schemaOf(version)
  const defaults = hasDefaults(schema)
  const hubSchema = hub.codec?.openApi as Schema | undefined
  const judged = definition !== hub && !equalJson(schema ?? null, hubSchema ?? null)
  /** As the version's own decoder and defaults would have it; the argument may be frozen. */
  const settled = (object: KubeObject): KubeObject => {
    const { metadata, ...rest } = object
    const out = prune(rest, schema === undefined ? undefined : withHeader(schema), '') as KubeObject
    if (defaults) applyDefaults(out, schema)
    // Kind and apiVersion first, then metadata, as stored objects have it.
    const { kind: _kind, apiVersion: _apiVersion, ...body } = out as Json
    return { kind: hub.kind, apiVersion, ...(metadata ? { metadata } : {}), ...body } as KubeObject
  }
  const fromAll = async (objects: readonly KubeObject[]): Promise<readonly KubeObject[]> => (convert ? await convert(objects, apiVersion) : objects).map(settled)
  return {
    definition: hub,
    fromStorage: (object) => (convert && object.apiVersion !== apiVersion ? fromAll([object]).then(([o]) => o as KubeObject) : settled(object)),
    allFromStorage: fromAll,
    async toStorage(object) {
      if (judged) {
        const found = findingsOf(object, undefined, { schema })
        if (found.length) throw invalid(definition, object.metadata?.name ?? '', found)
      }
      if (!convert || object.apiVersion === hubVersion) return prunedForHub(object, hubSchema)
      const [converted] = await convert([object], hubVersion)
      return prunedForHub(converted as KubeObject, hubSchema)
    },
  }
}

const headerKeys: Schema = { type: 'string' }
const withHeader = (schema: Schema): Schema => ({ ...schema, properties: { ...schema.properties, kind: headerKeys, apiVersion: headerKeys } })

function prunedForHub(object: KubeObject, schema: Schema | undefined): KubeObject {
  const { metadata, ...rest } = object
  const pruned = schema === undefined ? rest : prune(rest, withHeader(schema))
  return { ...(isObject(pruned) ? pruned : {}), ...(metadata ? { metadata: { ...metadata } } : {}) } as KubeObject
}
