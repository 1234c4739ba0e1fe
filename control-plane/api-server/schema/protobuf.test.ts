/** Protobuf both ways: what is encoded is decoded to the same object, for objects made up from the tables, and bytes that Go wrote. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadProtobufEncoder, type ProtobufEncoder } from './protobuf-encode.ts'
import { loadProtobufTables, unions } from './protobuf-tables.ts'
import { loadProtobuf, type ProtobufDecoder } from './protobuf.ts'

const tables = await loadProtobufTables()
let encoder: ProtobufEncoder
let decoder: ProtobufDecoder
beforeAll(async () => { [encoder, decoder] = [await loadProtobufEncoder(), await loadProtobuf()] })

const text = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('a', 'Z', '0', '-', 'é', '漢', '😀', '"', '\n') })
const json = fc.dictionary(text.filter((t) => t !== '__proto__'), fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 2 })), { maxKeys: 3 })
const seconds = fc.integer({ min: 0, max: 4_000_000_000 }).map((s) => new Date(s * 1000).toISOString().slice(0, 19))

const schema = 'apiextensions-v1.JSONSchemaProps'
/** Values in the form that a decoder gives: what Go holds as a zero is absent. */
function valueOf(element: string, depth: number): fc.Arbitrary<unknown> {
  switch (element) {
    case 'string': return text
    case 'bytes': return fc.uint8Array({ minLength: 1, maxLength: 6 }).map((b) => Buffer.from(b).toString('base64'))
    case 'bool': return fc.constant(true)
    case 'int32': return fc.oneof(fc.integer({ min: 1 }), fc.integer({ max: -1 }))
    case 'int64': return fc.oneof(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.integer({ min: Number.MIN_SAFE_INTEGER, max: -1 }))
    case 'double': return fc.double({ noNaN: true, noDefaultInfinity: true, min: 0.5 })
    case 'meta-v1.Time': return seconds.map((t) => `${t}Z`)
    case 'meta-v1.MicroTime': return fc.tuple(seconds, fc.integer({ min: 0, max: 999_999 })).map(([t, us]) => `${t}.${String(us).padStart(6, '0')}Z`)
    case 'resource.Quantity': return fc.constantFrom('100m', '1', '2Gi', '0')
    case 'intstr.IntOrString': return fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('http', '25%'))
    case 'runtime.RawExtension': case 'meta-v1.FieldsV1': return json
    case unions.json: return fc.oneof(json, text, fc.integer(), fc.constant(false))
    case unions.orArray: return fc.oneof(messageOf(schema, depth + 1), fc.array(messageOf(schema, depth + 1), { minLength: 1, maxLength: 2 }))
    case unions.orBool: return fc.oneof(messageOf(schema, depth + 1), fc.boolean())
    case unions.orStrings: return fc.oneof(messageOf(schema, depth + 1), fc.array(text, { minLength: 1, maxLength: 2 }))
    default: return tables[element]?.length === 1 && tables[element][0] === '1 items []string' ? fc.array(text, { minLength: 1, maxLength: 3 }) : messageOf(element, depth + 1)
  }
}

/** A few fields of each message at a time: whole pods would be thousands. */
function messageOf(schema: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const lines = depth > 5 ? [] : tables[schema] ?? []
  return fc.subarray([...lines], { maxLength: depth === 0 ? lines.length : Math.min(5, lines.length) }).chain((chosen) => {
    const fields: Record<string, fc.Arbitrary<unknown>> = {}
    const embedded: fc.Arbitrary<Record<string, unknown>>[] = []
    for (const line of chosen) {
      const [, name = '', type = ''] = line.split(' ')
      if (type.startsWith('~')) embedded.push(messageOf(type.slice(1), depth))
      else if (type.startsWith('[]')) fields[name] = fc.array(valueOf(type.slice(2), depth), { minLength: 1, maxLength: 2 })
      else if (type.startsWith('{}')) fields[name] = fc.dictionary(text, valueOf(type.slice(2), depth), { minKeys: 1, maxKeys: 2, noNullPrototype: true })
      else fields[name] = valueOf(type, depth)
    }
    return fc.tuple(fc.record(fields), ...embedded).map(([mine, ...more]) => Object.assign({}, ...more, mine) as Record<string, unknown>)
  })
}

const kinds = [
  ['v1', 'Pod', 'core-v1.Pod'], ['v1', 'Node', 'core-v1.Node'], ['v1', 'Service', 'core-v1.Service'], ['v1', 'Secret', 'core-v1.Secret'], ['v1', 'Event', 'core-v1.Event'], ['apps/v1', 'Deployment', 'apps-v1.Deployment'],
  ['apps/v1', 'ControllerRevision', 'apps-v1.ControllerRevision'], ['batch/v1', 'Job', 'batch-v1.Job'], ['coordination.k8s.io/v1', 'Lease', 'coordination-v1.Lease'], ['discovery.k8s.io/v1', 'EndpointSlice', 'discovery-v1.EndpointSlice'],
  ['networking.k8s.io/v1', 'NetworkPolicy', 'networking-v1.NetworkPolicy'], ['certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificates-v1.CertificateSigningRequest'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', 'rbac-v1.ClusterRole'], ['autoscaling/v2', 'HorizontalPodAutoscaler', 'autoscaling-v2.HorizontalPodAutoscaler'], ['autoscaling/v1', 'Scale', 'autoscaling-v1.Scale'],
  ['authorization.k8s.io/v1', 'SubjectAccessReview', 'authorization-v1.SubjectAccessReview'], ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'admissionregistration-v1.ValidatingWebhookConfiguration'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'apiextensions-v1.CustomResourceDefinition'], ['apiregistration.k8s.io/v1', 'APIService', 'apiregistration-v1.APIService'],
  ['flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowcontrol-v1.FlowSchema'], ['v1', 'Status', 'meta-v1.Status'], ['meta.k8s.io/v1', 'PartialObjectMetadata', 'meta-v1.PartialObjectMetadata'], ['v1', 'APIResourceList', 'meta-v1.APIResourceList'],
] as const

describe('encoded and decoded', () => {
  it.each(kinds)('%s %s is the same', (apiVersion, kind, schema) => {
    fc.assert(fc.property(messageOf(schema, 0), (object) => {
      expect(decoder.decode(schema, encoder.encode({ apiVersion, kind, ...object }))).toEqual({ kind, apiVersion, ...object })
    }), { numRuns: 60 })
  })

  it('zeros that somebody wrote are kept', () => {
    const deployment = { kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 0, paused: true, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } } }
    expect(decoder.decode('apps-v1.Deployment', encoder.encode(deployment))).toEqual(deployment)
  })

  it('zeros that Go\'s JSON always has are there', () => {
    const set = { kind: 'DaemonSet', apiVersion: 'apps/v1', status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 2, numberReady: 0 } }
    expect(decoder.decode('apps-v1.DaemonSet', encoder.encode(set))).toEqual(set)
    expect(decoder.decode('apps-v1.DaemonSet', encoder.encode({ ...set, status: { ...set.status, numberAvailable: 0 } }))).toEqual(set)
  })

  it('schemas say the same, zeros and all', () => {
    const spec = { minimum: 0, maxItems: 0, default: 0, enum: [false, 'a', null], items: { type: 'string' }, additionalProperties: false, properties: { a: { additionalProperties: { type: 'integer' }, 'x-kubernetes-preserve-unknown-fields': true } }, $ref: '#/x' }
    const crd = { kind: 'CustomResourceDefinition', apiVersion: 'apiextensions.k8s.io/v1', spec: { versions: [{ name: 'v1', served: true, schema: { openAPIV3Schema: spec } }] } }
    expect(decoder.decode('apiextensions-v1.CustomResourceDefinition', encoder.encode(crd))).toEqual(crd)
  })

  it('lists of items encoded one by one are lists', () => {
    fc.assert(fc.property(fc.array(messageOf('core-v1.ConfigMap', 0), { maxLength: 4 }), (items) => {
      const metadata = { resourceVersion: '7', remainingItemCount: 3 }
      const bytes = Buffer.concat([...encoder.encodeList({ apiVersion: 'v1', kind: 'ConfigMapList', metadata }, items.map((i) => encoder.encodeItem('v1', 'ConfigMap', i)))])
      expect(decoder.decode('core-v1.ConfigMapList', bytes)).toEqual({ kind: 'ConfigMapList', apiVersion: 'v1', metadata, ...(items.length ? { items } : {}) })
      expect(bytes).toEqual(encoder.encode({ kind: 'ConfigMapList', apiVersion: 'v1', metadata, items }))
    }))
  })
})

describe('bytes', () => {
  it('are those the format says, for a ConfigMap worked out by hand', () => {
    const typeMeta = `0a0f${'0a02'}${Buffer.from('v1').toString('hex')}1209${Buffer.from('ConfigMap').toString('hex')}`
    expect(encoder.encode({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' } }).toString('hex')).toBe(`6b387300${typeMeta}120d${'0a030a0161'}${'12060a016b120176'}1a002200`)
  })

  // As kubectl 1.33 sends them; Go writes zeros, which mean absence.
  it.each([
    ['core-v1.ConfigMap', '6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a016112001a0022002a0032003800420012060a016b1201761a002200', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' } }],
    ['apps-v1.Deployment', '6b3873000a150a07617070732f7631120a4465706c6f796d656e7412b8010a1f0a0377656212001a0022002a003200380042005a0a0a0361707012037765621286010802120c0a0a0a0361707012037765621a6c0a1c0a0012001a0022002a003200380042005a0a0a036170701203776562124c122e0a056e67696e7812056e67696e782a00320a0a001000185022002a0042006a007200800100880100900100a201001a00320042004a0052005800600068008201008a01009a0100c2010022020a00280038001a0c0800100018002000280038001a002200',
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', labels: { app: 'web' } }, spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, strategy: {}, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }], resources: {} }] } } }, status: {} }],
    ['authentication-v1.TokenRequest', '6b3873000a280a1861757468656e7469636174696f6e2e6b38732e696f2f7631120c546f6b656e52657175657374122d0a100a0012001a0022002a0032003800420012131a0e0a03506f64120276311a0170220020901c1a040a0012001a002200',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' }, expirationSeconds: 3600 }, status: {} }],
    ['core-v1.Service', '6b3873000a0d0a02763112075365727669636512670a1d0a026e7012001a0022002a0032003800420 05a090a0361707012026e7012420a1d0a0738302d38303830120354435018502207080010903f1a0028b1ea0112090a0361707012026e701a0022084e6f6465506f72743a00420052005a00600068001a020a001a002200'.replace(' ', ''),
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'np', labels: { app: 'np' } }, spec: { type: 'NodePort', selector: { app: 'np' }, ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30001 }] }, status: { loadBalancer: {} } }],
  ] as const)('of %s from Go are what we write, but for its zeros', (schema, hex, object) => {
    const theirs = decoder.decode(schema, Buffer.from(hex, 'hex'))
    expect(theirs).toMatchObject(object)
    const ours = encoder.encode(theirs)
    expect(decoder.decode(schema, ours)).toEqual(theirs)
    expect(withoutZeros(ours)).toBe(withoutZeros(Buffer.from(hex, 'hex')))
  })

  it('frame an event as a length and a WatchEvent', () => {
    const object = encoder.encode({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })
    const frame = encoder.frame('ADDED', object)
    const inner = Buffer.concat([Buffer.from([0x0a, object.length]), object])
    const event = Buffer.concat([Buffer.from([0x0a, 5]), Buffer.from('ADDED'), Buffer.from([0x12, inner.length]), inner])
    expect(frame.toString('hex')).toBe(`${event.length.toString(16).padStart(8, '0')}${event.toString('hex')}`)
  })

  it('leave nothing behind after a failure', () => {
    expect(() => encoder.encode({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { creationTimestamp: 'yesterday' } })).toThrow('not a time: "yesterday"')
    expect(encoder.encode({ apiVersion: 'v1', kind: 'ConfigMap' }).toString('hex')).toBe('6b3873000a0f0a0276311209436f6e6669674d617012001a002200')
    expect(() => encoder.encode({ apiVersion: 'apps.example.com/v1', kind: 'Deployment' })).toThrow('has no protobuf form')
  })
})

/** A message as nested text without fields that are zero or empty: what two writers that differ in those agree on. Order counts. */
function withoutZeros(bytes: Buffer): string {
  return fieldsOf(bytes.subarray(4)) ?? ''
}

function fieldsOf(bytes: Buffer): string | undefined {
  const out: string[] = []
  let at = 0
  const varint = (): number => {
    let [value, scale] = [0, 1]
    for (;; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) return NaN
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag % 8 === 0) {
      const value = varint()
      if (value) out.push(`${tag}=${value}`)
    } else if (tag % 8 === 2) {
      const length = varint()
      if (!(length <= bytes.length - at)) return undefined
      const inner = bytes.subarray(at, at += length)
      const text = inner.length ? fieldsOf(inner) ?? inner.toString('hex') : ''
      if (text) out.push(`${tag}{${text}}`)
    } else return undefined
  }
  return out.join(' ')
}
