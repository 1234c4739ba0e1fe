/**
 * Derives `control-plane/api-server/schema/generated/protobuf.json`, the numbers of the fields of upstream's messages, from the file
 * descriptors that any Go program linked with `k8s.io/api` carries: `node scripts/generate-protobuf.ts /path/to/kubectl` (v1.33).
 *
 * A message is a list of `number name type`; `[]` and `{}` before a type mark lists and maps of strings, `~` an embedded struct
 * whose fields stand in its parent's JSON. The result is committed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

const schemaDir = join(import.meta.dirname, '../control-plane/api-server/schema/generated')

/** Proto packages to the prefix of our schema names. */
const packages: Readonly<Record<string, string>> = {
  'k8s.io.apimachinery.pkg.apis.meta.v1': 'meta-v1', 'k8s.io.apimachinery.pkg.api.resource': 'resource', 'k8s.io.apimachinery.pkg.util.intstr': 'intstr',
  'k8s.io.apimachinery.pkg.runtime': 'runtime', 'k8s.io.api.core.v1': 'core-v1', 'k8s.io.api.apps.v1': 'apps-v1', 'k8s.io.api.autoscaling.v1': 'autoscaling-v1',
  'k8s.io.api.rbac.v1': 'rbac-v1', 'k8s.io.api.coordination.v1': 'coordination-v1', 'k8s.io.api.discovery.v1': 'discovery-v1', 'k8s.io.api.certificates.v1': 'certificates-v1',
  'k8s.io.api.policy.v1': 'policy-v1', 'k8s.io.api.authentication.v1': 'authentication-v1', 'k8s.io.api.authorization.v1': 'authorization-v1',
  'k8s.io.api.batch.v1': 'batch-v1', 'k8s.io.api.autoscaling.v2': 'autoscaling-v2', 'k8s.io.api.networking.v1': 'networking-v1', 'k8s.io.api.storage.v1': 'storage-v1',
  'k8s.io.api.events.v1': 'events-v1', 'k8s.io.api.scheduling.v1': 'scheduling-v1', 'k8s.io.api.node.v1': 'node-v1', 'k8s.io.api.flowcontrol.v1': 'flowcontrol-v1',
  'k8s.io.api.admissionregistration.v1': 'admissionregistration-v1', 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1': 'apiextensions-v1',
  'k8s.io.kube_aggregator.pkg.apis.apiregistration.v1': 'apiregistration-v1',
}
/** `FieldDescriptorProto.Type`. */
const scalars: Readonly<Record<number, string>> = { 1: 'double', 3: 'int64', 5: 'int32', 8: 'bool', 9: 'string', 12: 'bytes' }

type Message = Map<number, (number | Buffer)[]>

function parse(bytes: Buffer): Message {
  const fields: Message = new Map()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    let value: number | Buffer
    if (wire === 0) value = varint()
    else if (wire === 2) {
      const length = varint()
      value = bytes.subarray(at, at += length)
    } else throw new Error(`unexpected wire type ${wire} in a descriptor`)
    const values = fields.get(tag >>> 3)
    if (values) values.push(value)
    else fields.set(tag >>> 3, [value])
  }
  return fields
}

const text = (m: Message, number: number): string => (m.get(number)?.[0] as Buffer | undefined)?.toString() ?? ''
const messages = (m: Message, number: number): Message[] => (m.get(number) ?? []).map((b) => parse(b as Buffer))

/** Every gzip member of the file that unpacks to a descriptor. */
function* descriptors(program: Buffer): Generator<Message> {
  const magic = Buffer.from([0x1f, 0x8b, 0x08, 0x00])
  for (let at = program.indexOf(magic); at >= 0; at = program.indexOf(magic, at + 1)) {
    let unpacked: Buffer
    try {
      unpacked = gunzipSync(program.subarray(at, at + 200_000), { maxOutputLength: 1 << 20 })
    } catch {
      continue // the same four bytes somewhere in code or data
    }
    if (unpacked.subarray(0, 200).includes('generated.proto')) yield parse(unpacked)
  }
}

function schemaName(typeName: string): string {
  const dot = typeName.lastIndexOf('.')
  const prefix = packages[typeName.slice(1, dot)]
  if (!prefix) throw new Error(`no schema prefix for ${typeName}`)
  return `${prefix}.${typeName.slice(dot + 1)}`
}

type Table = Readonly<Record<string, string>> | undefined

/** Some messages spell a field otherwise than its JSON does (`aPIGroup`, `Webhooks`): the table knows how it is written. */
const spelling = (name: string, table: Table): string =>
  (table && !(name in table) ? Object.keys(table).find((key) => key.toLowerCase() === name.toLowerCase()) : undefined) ?? name

function fieldLine(field: Message, entries: ReadonlyMap<string, Message>, table: Table): string {
  const name = spelling(text(field, 1), table)
  const repeated = field.get(4)?.[0] === 3
  const scalar = scalars[field.get(5)?.[0] as number]
  if (scalar) return `${String(field.get(3)?.[0])} ${name} ${repeated ? '[]' : ''}${scalar}`
  const typeName = text(field, 6)
  const entry = entries.get(typeName.slice(typeName.lastIndexOf('.') + 1))
  if (entry) {
    const value = messages(entry, 2).find((f) => f.get(3)?.[0] === 2)
    if (!value) throw new Error(`map ${name} without value`)
    return `${String(field.get(3)?.[0])} ${name} {}${scalars[value.get(5)?.[0] as number] ?? schemaName(text(value, 6))}`
  }
  const embedded = !repeated && table !== undefined && !(name in table)
  return `${String(field.get(3)?.[0])} ${name} ${embedded ? '~' : repeated ? '[]' : ''}${schemaName(typeName)}`
}

const [program] = process.argv.slice(2)
if (!program) throw new Error('usage: generate-protobuf.ts PROGRAM')
const out: Record<string, string[]> = {}
for (const file of descriptors(await readFile(program))) {
  const prefix = packages[text(file, 2)]
  if (!prefix) continue
  const tables = JSON.parse(await readFile(join(schemaDir, `${prefix}.json`), 'utf8').catch(() => '{}')) as Record<string, Table>
  for (const message of messages(file, 4)) {
    const entries = new Map(messages(message, 3).map((m) => [text(m, 1), m]))
    out[`${prefix}.${text(message, 1)}`] = messages(message, 2).map((field) => fieldLine(field, entries, tables[text(message, 1)]))
  }
}
const lines = Object.keys(out).sort().map((key) => `${JSON.stringify(key)}: ${JSON.stringify(out[key])}`)
await writeFile(join(schemaDir, 'protobuf.json'), `{\n${lines.join(',\n')}\n}\n`)
console.log(`${lines.length} messages`)
