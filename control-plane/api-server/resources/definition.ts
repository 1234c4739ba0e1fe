/**
 * One served resource. The table of these drives routing, discovery, OpenAPI, decoding, defaulting, validation, printing, subresources,
 * RBAC names and durability: adding a resource is adding one file and one line in `registry.ts`.
 *
 * Everything here is pure: functions get the object and a context, and either change the object they were given (their own copy) or
 * return findings. What needs other objects (address allocation, quotas) is an admission plugin.
 */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Durability } from '../../store/store.ts'
import type { DecodeContext } from '../schema/compile.ts'

/** A finding of validation, as `k8s.io/apimachinery/pkg/util/validation/field.Error`. */
export interface FieldError {
  readonly type: 'Required' | 'Invalid' | 'NotSupported' | 'Forbidden' | 'Duplicate' | 'NotFound' | 'TooLong' | 'TooMany' | 'TypeInvalid' | 'InternalError'
  /** `spec.containers[0].name`. */
  readonly field: string
  /** The offending value, printed as upstream prints it. */
  readonly value?: unknown
  readonly detail: string
  /** For `NotSupported`: the values that are. */
  readonly supported?: readonly string[]
}

export interface StrategyContext {
  /** Wall clock, milliseconds. */
  readonly now: number
  readonly user: string
  /** Groups, uid and extra of the user, for kinds that record who asked (certificate signing requests). */
  readonly groups?: readonly string[]
  readonly uid?: string
  readonly extra?: Readonly<Record<string, readonly string[]>>
  readonly dryRun: boolean
  /** The subresource written through, `''` for the object itself. */
  readonly subresource: string
  /** `validate` is followed by `validateUpdate`. */
  readonly updating?: true
}

/** How a resource behaves beyond its schema. All optional: what is left out does nothing. Order on create: default, prepareForCreate, validate; on update: default, prepareForUpdate, validate, validateUpdate. */
export interface Strategy<T extends KubeObject> {
  /** Fills in defaults as upstream's `zz_generated.defaults.go`. Idempotent; also run on updates and on patches' results. */
  default?(object: T): void
  /** Clears what a creator may not set (status), sets generation 1 where the kind has generations. */
  prepareForCreate?(object: T, context: StrategyContext): void
  /** Carries over what this write may not change (status on a spec write, spec on a status write), bumps `metadata.generation` when the spec changed. */
  prepareForUpdate?(object: T, old: T, context: StrategyContext): void
  validate?(object: T, context: StrategyContext): readonly FieldError[]
  /** Immutable fields and legal transitions; run in addition to `validate`. `subresource` in the context tells status writes apart. */
  validateUpdate?(object: T, old: T, context: StrategyContext): readonly FieldError[]
  /** Marks of its own on an object whose deletion begins now: finalizers, conditions. `metadata.deletionTimestamp` is set. */
  prepareForDelete?(object: T, context: StrategyContext): void
  /** Texts for `Warning:` headers. */
  warnings?(object: T): readonly string[]
  /** Grace period in seconds for a deletion, given what the client asked for (undefined: nothing). Undefined result: no graceful deletion, gone at once. */
  gracePeriod?(object: T, requested: number | undefined): number | undefined
  /** Name rule; DNS-1123 subdomain unless given. Returns upstream's messages. `prefix`: `generateName` is judged, a trailing `-` is legal. */
  validateName?(name: string, prefix: boolean): readonly string[]
  /** May a PUT or an apply to a name that does not exist create it? */
  allowCreateOnUpdate?: boolean
  /** May an update come without resourceVersion? False for kinds where upstream demands it. Default true. */
  allowUnconditionalUpdate?: boolean
}

/** A column of the server-printed table (`metav1.TableColumnDefinition` and the cell's value). */
export interface Column<T extends KubeObject> {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: 'name' | ''
  readonly description: string
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1
  value(object: T, context: { readonly now: number }): string | number | boolean | null
}

/** Where scale reads and writes, JSON paths without the leading dot. */
export interface ScaleMapping { readonly specReplicas: string; readonly statusReplicas: string; readonly selector: string }

/**
 * A version of a resource whose objects are stored in another form. The hub's is the key, the bytes, the strategy and the admission; this
 * version has its own names, verbs, columns, codec and `strategy.default` (which runs on what a client sent, before the conversion).
 *
 * Also on a hub itself, where stored bytes may be older than its schema (custom resources): `definition` is then the hub.
 */
export interface StorageForm {
  readonly definition: ResourceDefinition
  /** From this version to the hub's. Owns its argument and may change it. `kind` and `apiVersion` of the result are set by the caller. */
  toStorage(object: KubeObject): KubeObject | Promise<KubeObject>
  /** A stored object in this version, kind and apiVersion included. The argument is frozen and shared: returned as it is, or copied. */
  fromStorage(object: KubeObject): KubeObject | Promise<KubeObject>
  /** Many at once, in order, where that is cheaper than one by one (a webhook). */
  allFromStorage?(objects: readonly KubeObject[]): Promise<readonly KubeObject[]>
}

/** Takes the place of the generated field table, for kinds that are known at run time only. */
export interface ObjectCodec {
  /** A fresh object without what the schema does not know, whose paths go to `context.unknown`. Throws `DecodeError` for metadata of the wrong type. */
  decode(raw: object, context: DecodeContext): KubeObject
  /** The structural OpenAPI v3 schema of the whole object as the cluster's user wrote it, with `x-kubernetes-*`; undefined where everything is let through. */
  readonly openApi: Readonly<Record<string, unknown>> | undefined
}

export interface ResourceDefinition<T extends KubeObject = KubeObject> {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly singular: string
  /** Aborts when the resource is no longer served in this form: its watches end. Undefined for what is built in. */
  readonly ended?: AbortSignal
  /** Text of a `Warning:` header on every request in this version. */
  readonly deprecation?: string
  readonly kind: string
  readonly listKind: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  /** Key of the generated field table: `core-v1.Pod`. `''` where there is a codec. */
  readonly schema: string
  readonly codec?: ObjectCodec
  /** Left out by what is stored in its own form: nearly everything. */
  readonly storage?: StorageForm
  readonly verbs: readonly ('get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection')[]
  /** What discovery says where it is less than `verbs`: a resource that is going still lets its instances be updated. */
  readonly listedVerbs?: ResourceDefinition['verbs']
  readonly durability: Durability
  /** Writes through `status` have their own class: `lazy` unless given. */
  readonly statusDurability?: Durability
  /** Objects vanish this many seconds after their last write (events). */
  readonly ttlSeconds?: number
  readonly columns: readonly Column<T>[]
  readonly strategy: Strategy<T>
  readonly subresources: { readonly status?: true; readonly scale?: ScaleMapping }
  /** Field selectors besides `metadata.name` and `metadata.namespace`; the value of each, `''` where unset. The object is in its stored form. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
}
