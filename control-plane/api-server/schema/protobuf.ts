/**
 * Bodies in `application/vnd.kubernetes.protobuf`, which kubectl 1.32+ and other typed Go clients send, as the JSON they stand for; answers are
 * encoded in `protobuf-encode.ts`. The numbers of the fields are in `protobuf-tables.ts`.
 */
import { badRequest } from '../../../shared/base/errors.ts'
import { setMember } from '../../../shared/values/json-value.ts'
import { loadProtobufTables, type ProtobufTables, schemaOf, unions } from './protobuf-tables.ts'
import { tableOf } from './tables.ts'

/** `always`: Go's JSON has the number or boolean even where it is zero. */
type Fields = ReadonlyMap<number, { readonly name: string; readonly container: '' | '[]' | '{}' | '~'; readonly element: string; readonly always: boolean }>
type Json = Record<string, unknown>

/** `k8s\0`, then `runtime.Unknown` (`k8s.io/apimachinery/pkg/runtime/serializer/protobuf`). */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00])

/** Schemas of custom resources are nested deepest: two messages a level. */
const MAX_DEPTH = 256

/**
 * Go encodes a zero where a plain number or boolean is not set, so zeros mean "absent", but for required fields; and for these fields, pointers in
 * Go, a zero is only there when somebody wrote it.
 */
const meaningfulZero = new Set([
  'activeDeadlineSeconds', 'allocateLoadBalancerNodePorts', 'allowPrivilegeEscalation', 'allowVolumeExpansion', 'attachRequired', 'automountServiceAccountToken', 'averageUtilization',
  'backoffLimit', 'backoffLimitPerIndex', 'blockOwnerDeletion', 'borrowingLimitPercent', 'collisionCount', 'completions', 'controller', 'count', 'defaultMode', 'deletionGracePeriodSeconds',
  'enableServiceLinks', 'expirationSeconds', 'failedJobsHistoryLimit', 'fsGroup', 'gracePeriodSeconds', 'hostProcess', 'hostUsers', 'immutable', 'leaseDurationSeconds', 'leaseTransitions',
  'lendablePercent', 'manualSelector', 'maxFailedIndexes', 'maxReplicas', 'minReplicas', 'mode', 'nodeAllocatableUpdatePeriodSeconds', 'nominalConcurrencyShares', 'optional', 'orphanDependents',
  'parallelism', 'partition', 'podInfoOnMount', 'priority', 'privileged', 'progressDeadlineSeconds', 'readOnlyRootFilesystem', 'ready', 'replicas', 'requiresRepublish', 'revisionHistoryLimit',
  'runAsGroup', 'runAsNonRoot', 'runAsUser', 'seLinuxMount', 'serving', 'setHostnameAsFQDN', 'shareProcessNamespace', 'stabilizationWindowSeconds', 'started', 'startingDeadlineSeconds',
  'storageCapacity', 'succeededCount', 'successfulJobsHistoryLimit', 'suspend', 'targetCPUUtilizationPercentage', 'terminating', 'terminationGracePeriodSeconds', 'tolerationSeconds',
  'ttlSecondsAfterFinished', 'timeoutSeconds', 'restartCount',
  // Of schemas.
  'maximum', 'minimum', 'maxLength', 'minLength', 'maxItems', 'minItems', 'multipleOf', 'maxProperties', 'minProperties', 'allows', 'x-kubernetes-preserve-unknown-fields', 'optionalOldSelf',
])
/** Names that are pointers in one message and plain numbers in another. */
const plainIn: Readonly<Record<string, ReadonlySet<string>>> = { 'core-v1.Probe': new Set(['timeoutSeconds']), 'core-v1.Event': new Set(['count']) }
/** Strings that are pointers in Go and mean something when empty: a claim without a class is not one that wants the default class. */
const meaningfulEmpty: Readonly<Record<string, ReadonlySet<string>>> = {
  'core-v1.PersistentVolumeClaimSpec': new Set(['storageClassName', 'volumeAttributesClassName']), 'batch-v1.CronJobSpec': new Set(['timeZone']),
  'networking-v1.IngressSpec': new Set(['ingressClassName']), 'batch-v1.SuccessPolicyRule': new Set(['succeededIndexes']),
}

/** Numbers or names of ports are no pointers in Go, where other numbers-or-texts are: `maxSurge: 0` is somebody's wish. */
const plainPorts = new Set(['port', 'targetPort'])
/** Messages whose JSON may be a zero: they are there when somebody wrote them. */
const pointers: ReadonlySet<string> = new Set(['intstr.IntOrString', ...Object.values(unions)])

function isZero(value: unknown, schema: string, name: string): boolean {
  if (value === '') return !meaningfulEmpty[schema]?.has(name)
  return (value === 0 || value === false) && (!meaningfulZero.has(name) || plainIn[schema]?.has(name) === true)
}

const malformed = (why: string) => badRequest(`unable to decode protobuf body: ${why}`)

class Reader {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) { this.#bytes = bytes }
  get done(): boolean { return this.#at >= this.#bytes.length }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw malformed('unexpected end')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw malformed('a number of more than 64 bits')
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw malformed('unexpected end')
    return this.#bytes.subarray(this.#at, this.#at += length)
  }

  bytes(): Buffer { return this.take(Number(this.varint())) }

  value(wire: number): bigint | Buffer {
    switch (wire) {
      case 0: return this.varint()
      case 1: return this.take(8)
      case 2: return this.bytes()
      case 5: return this.take(4)
      default: throw malformed(`wire type ${wire}`)
    }
  }
}

export interface ProtobufDecoder {
  /** The object in an envelope, with the envelope's `apiVersion` and `kind`. `schema`: what it must be, `core-v1.Pod`. BadRequest for what cannot be read. */
  decode(schema: string, body: Buffer): Json
}

let loaded: Promise<ProtobufDecoder> | undefined
let ready: Decoder | undefined

export function loadProtobuf(): Promise<ProtobufDecoder> {
  return (loaded ??= loadProtobufTables().then((tables) => (ready = new Decoder(tables))))
}

/** What a body in an envelope says, for a reader who does not wait (the audit log); undefined where it says nothing readable, or nothing was decoded yet. */
export const readProtobuf = (body: Buffer): object | undefined => (body.subarray(0, 4).equals(MAGIC) ? ready?.read(body) : undefined)

class Decoder implements ProtobufDecoder {
  readonly #tables: ProtobufTables
  readonly #fields = new Map<string, Fields>()
  constructor(tables: ProtobufTables) { this.#tables = tables }

  decode(schema: string, body: Buffer): Json {
    const { apiVersion, kind, raw } = opened(body)
    return { ...(kind ? { kind } : {}), ...(apiVersion ? { apiVersion } : {}), ...this.#message(schema, raw, 0) }
  }

  read(body: Buffer): Json | undefined {
    try {
      const { apiVersion, kind } = opened(body)
      const schema = schemaOf(this.#tables, apiVersion, kind)
      return schema === undefined ? undefined : this.decode(schema, body)
    } catch {
      return undefined // what is malformed was refused already; there is nothing to say of it
    }
  }

  #fieldsOf(schema: string): Fields {
    let fields = this.#fields.get(schema)
    if (!fields) {
      const lines = this.#tables[schema]
      if (!lines) throw malformed(`no such message: ${schema}`)
      const types = tableOf(schema)
      fields = new Map(lines.map((line) => {
        const [number, name = '', type = ''] = line.split(' ')
        const container = type.startsWith('[]') ? '[]' : type.startsWith('{}') ? '{}' : type.startsWith('~') ? '~' : ''
        return [Number(number), { name, container, element: type.slice(container.length), always: types?.[name]?.endsWith('!') === true }] as const
      }))
      this.#fields.set(schema, fields)
    }
    return fields
  }

  #message(schema: string, bytes: Buffer, depth: number): Json {
    if (depth > MAX_DEPTH) throw malformed('nested too deep')
    const fields = this.#fieldsOf(schema)
    const out: Json = {}
    const reader = new Reader(bytes)
    while (!reader.done) {
      const tag = Number(reader.varint())
      const raw = reader.value(tag & 7)
      const field = fields.get(tag >>> 3)
      // A field of a newer version: dropped, as JSON's unknown fields are.
      if (!field) continue
      const { name, container, element, always } = field
      if (container === '~') Object.assign(out, this.#message(element, asBytes(raw), depth + 1))
      else if (container === '{}') setMember((out[name] ??= {}) as Json, ...this.#entry(element, asBytes(raw), depth))
      else if (container === '[]') ((out[name] ??= []) as unknown[]).push(...this.#items(element, raw, depth))
      else {
        const value = this.#value(element, raw, depth)
        const absent = value === undefined || (isZero(value, schema, name) && !(always && value !== '') && !(pointers.has(element) && !plainPorts.has(name)))
        if (!absent) out[name] = value
      }
    }
    return out
  }

  #items(element: string, raw: bigint | Buffer, depth: number): unknown[] {
    const packed = Buffer.isBuffer(raw) && (element === 'int32' || element === 'int64')
    if (!packed) return [this.#value(element, raw, depth)]
    const reader = new Reader(raw)
    const out: unknown[] = []
    while (!reader.done) out.push(this.#value(element, reader.varint(), depth))
    return out
  }

  #entry(element: string, bytes: Buffer, depth: number): [string, unknown] {
    const reader = new Reader(bytes)
    let key = ''
    let value: bigint | Buffer | undefined
    while (!reader.done) {
      const tag = Number(reader.varint())
      const raw = reader.value(tag & 7)
      if (tag >>> 3 === 1) key = asBytes(raw).toString()
      else value = raw
    }
    return [key, this.#value(element, value ?? Buffer.alloc(0), depth)]
  }

  #value(element: string, raw: bigint | Buffer, depth: number): unknown {
    switch (element) {
      case 'string': return asBytes(raw).toString()
      case 'bytes': return asBytes(raw).toString('base64')
      case 'bool': return asNumber(raw) !== 0
      case 'int32': case 'int64': return asNumber(raw)
      case 'double': return asBytes(raw).readDoubleLE(0)
      case 'meta-v1.Time': return time(asBytes(raw), 'seconds')
      case 'meta-v1.MicroTime': return time(asBytes(raw), 'micros')
      case 'resource.Quantity': return (this.#message(element, asBytes(raw), depth + 1).string as string | undefined) ?? '0'
      case 'intstr.IntOrString': return intOrString(asBytes(raw))
      case 'runtime.RawExtension': case 'meta-v1.FieldsV1': case unions.json: return rawJson(asBytes(raw))
      case unions.orArray: case unions.orBool: case unions.orStrings: return oneOfUnion(this.#message(element, asBytes(raw), depth + 1))
      default: return this.#nested(element, asBytes(raw), depth)
    }
  }

  /** Named slices (`ExtraValue`, `Verbs`) are messages with one list, `items`. */
  #nested(element: string, bytes: Buffer, depth: number): unknown {
    const lines = this.#tables[element]
    const value = this.#message(element, bytes, depth + 1)
    return lines?.length === 1 && lines[0] === '1 items []string' ? value.items ?? [] : value
  }
}

function opened(body: Buffer): { apiVersion: string; kind: string; raw: Buffer } {
  if (!body.subarray(0, 4).equals(MAGIC)) throw malformed('it does not begin as one')
  const envelope = new Reader(body.subarray(4))
  let [apiVersion, kind] = ['', '']
  let raw: Buffer = Buffer.alloc(0)
  while (!envelope.done) {
    const tag = Number(envelope.varint())
    const value = envelope.value(tag & 7)
    if (tag >>> 3 === 1 && Buffer.isBuffer(value)) ({ apiVersion, kind } = typeMeta(value))
    else if (tag >>> 3 === 2 && Buffer.isBuffer(value)) raw = value
    else if (tag >>> 3 === 3 && Buffer.isBuffer(value) && value.length) throw malformed(`content encoding ${value.toString()} is not supported`)
  }
  return { apiVersion, kind, raw }
}

function typeMeta(bytes: Buffer): { apiVersion: string; kind: string } {
  const numbered = plain(bytes)
  return { apiVersion: asText(numbered.get(1)), kind: asText(numbered.get(2)) }
}

function plain(bytes: Buffer): Map<number, bigint | Buffer> {
  const reader = new Reader(bytes)
  const out = new Map<number, bigint | Buffer>()
  while (!reader.done) {
    const tag = Number(reader.varint())
    out.set(tag >>> 3, reader.value(tag & 7))
  }
  return out
}

const asText = (raw: bigint | Buffer | undefined): string => (Buffer.isBuffer(raw) ? raw.toString() : '')

function asBytes(raw: bigint | Buffer): Buffer {
  if (!Buffer.isBuffer(raw)) throw malformed('a number where bytes belong')
  return raw
}

function asNumber(raw: bigint | Buffer | undefined): number {
  if (Buffer.isBuffer(raw)) throw malformed('bytes where a number belongs')
  return Number(BigInt.asIntN(64, raw ?? 0n))
}

/** The zero time is an empty message: absent. */
function time(bytes: Buffer, precision: 'seconds' | 'micros'): string | undefined {
  const fields = plain(bytes)
  if (!fields.size) return undefined
  const seconds = asNumber(fields.get(1))
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) throw malformed('a time out of range')
  const whole = date.toISOString().slice(0, -5)
  return precision === 'seconds' ? `${whole}Z` : `${whole}.${String(Math.floor(asNumber(fields.get(2)) / 1000)).padStart(6, '0')}Z`
}

function intOrString(bytes: Buffer): number | string {
  const fields = plain(bytes)
  return asNumber(fields.get(1)) === 1 ? asText(fields.get(3)) : asNumber(fields.get(2))
}

/** Which of the types it is: Go leaves the others empty, and says `allows` of a schema too. */
const oneOfUnion = ({ schema, jSONSchemas, property, allows = false }: Json): unknown => schema ?? jSONSchemas ?? property ?? allows

function rawJson(bytes: Buffer): unknown {
  const text = asText(plain(bytes).get(1))
  if (!text) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw malformed('an embedded object that is no JSON')
  }
}
