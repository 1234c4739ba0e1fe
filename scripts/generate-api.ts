/**
 * Derives `shared/api/*.ts` (types) and `control-plane/api-server/schema/generated/*.json` (field tables and
 * documentation) from the models of the official client, which are generated from upstream's OpenAPI document.
 *
 * Run with `npm run generate`; the result is committed, so neither a build nor a test needs the client package.
 * The models drop the package a type comes from, so each type is given to the first group below that reaches it.
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const models = join(import.meta.dirname, '../node_modules/@kubernetes/client-node/dist/gen/models')
const typesDir = join(import.meta.dirname, '../shared/api')
const schemaDir = join(import.meta.dirname, '../control-plane/api-server/schema/generated')

/** Group-version -> roots, in order of precedence: a shared type belongs to the first group that reaches it. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'meta-v1': ['V1ObjectMeta', 'V1ListMeta', 'V1Status', 'V1DeleteOptions', 'V1LabelSelector', 'V1Condition', 'V1APIGroupList', 'V1APIResourceList', 'V1APIVersions'],
  'core-v1': ['V1Pod', 'V1Namespace', 'V1Node', 'V1ConfigMap', 'V1Secret', 'V1ServiceAccount', 'V1Service', 'V1Endpoints', 'CoreV1Event', 'V1ReplicationController',
    'V1PodTemplate', 'V1LimitRange', 'V1ResourceQuota', 'V1PersistentVolume', 'V1PersistentVolumeClaim', 'V1ComponentStatus', 'V1Binding'],
  'autoscaling-v1': ['V1Scale', 'V1HorizontalPodAutoscaler'],
  'apps-v1': ['V1Deployment', 'V1ReplicaSet', 'V1DaemonSet', 'V1StatefulSet', 'V1ControllerRevision'],
  'batch-v1': ['V1Job', 'V1CronJob'],
  'autoscaling-v2': ['V2HorizontalPodAutoscaler'],
  'policy-v1': ['V1PodDisruptionBudget', 'V1Eviction'],
  'networking-v1': ['V1Ingress', 'V1IngressClass', 'V1NetworkPolicy', 'V1IPAddress', 'V1ServiceCIDR'],
  'rbac-v1': ['V1Role', 'V1RoleBinding', 'V1ClusterRole', 'V1ClusterRoleBinding'],
  'storage-v1': ['V1StorageClass', 'V1VolumeAttachment', 'V1CSIDriver', 'V1CSINode', 'V1CSIStorageCapacity'],
  'coordination-v1': ['V1Lease'],
  'discovery-v1': ['V1EndpointSlice'],
  'events-v1': ['EventsV1Event'],
  'certificates-v1': ['V1CertificateSigningRequest'],
  'scheduling-v1': ['V1PriorityClass'],
  'node-v1': ['V1RuntimeClass'],
  'admissionregistration-v1': ['V1MutatingWebhookConfiguration', 'V1ValidatingWebhookConfiguration', 'V1ValidatingAdmissionPolicy', 'V1ValidatingAdmissionPolicyBinding'],
  'apiextensions-v1': ['V1CustomResourceDefinition'],
  'apiregistration-v1': ['V1APIService'],
  'authentication-v1': ['AuthenticationV1TokenRequest', 'V1TokenReview', 'V1SelfSubjectReview'],
  'authorization-v1': ['V1SubjectAccessReview', 'V1SelfSubjectAccessReview', 'V1LocalSubjectAccessReview', 'V1SelfSubjectRulesReview'],
  'flowcontrol-v1': ['V1FlowSchema', 'V1PriorityLevelConfiguration'],
}

type Attribute = { name: string; baseName: string; type: string; format: string }
type Model = { doc: string; fields: { name: string; type: string; format: string; required: boolean; doc: string }[] }

const files = new Set(await readdir(models))
const cache = new Map<string, Model>()

const unescape = (s: string): string => s.replace(/\\(['"])/g, '$1').trim()

async function load(name: string): Promise<Model> {
  const known = cache.get(name)
  if (known) return known
  const dts = await readFile(join(models, `${name}.d.ts`), 'utf8')
  const js = await readFile(join(models, `${name}.js`), 'utf8')
  const table = /attributeTypeMap = (\[[\s\S]*?\n\]);/.exec(js)
  const attributes = JSON.parse(table?.[1] ?? '[]') as Attribute[]
  const doc = unescape(/\/\*\*\n\* ([^\n]*)\n\*\/\nexport declare class/.exec(dts)?.[1] ?? '')
  const fields = attributes.map((a) => {
    const m = new RegExp(`(?:/\\*\\*\\n    \\* ([^\\n]*)\\n    \\*/\\n    )?'${a.name.replace('$', '\\$')}'(\\?)?:`).exec(dts)
    return { name: a.baseName, type: a.type, format: a.format, required: m !== null && m[2] === undefined, doc: unescape(m?.[1] ?? '') }
  })
  const model = { doc, fields }
  cache.set(name, model)
  return model
}

const refsIn = (type: string): string[] => [...type.matchAll(/\b[A-Za-z]*V\d[A-Za-z0-9]*\b/g)].map((m) => m[0]).filter((n) => n !== 'V1MicroTime' && files.has(`${n}.d.ts`))

/** `V1Pod` -> `Pod`, `CoreV1Event` -> `Event`: the kind as upstream writes it. */
const kindOf = (model: string): string => model.replace(/^[A-Za-z]*?V\d+/, '')

const owner = new Map<string, string>()
for (const [gv, roots] of Object.entries(groups)) {
  const queue = roots.flatMap((r) => (files.has(`${r}List.d.ts`) ? [r, `${r}List`] : [r]))
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (owner.has(name)) continue
    if (!files.has(`${name}.d.ts`)) throw new Error(`the client package has no model ${name}`)
    owner.set(name, gv)
    for (const field of (await load(name)).fields) queue.push(...refsIn(field.type))
  }
}

const micro = /V1MicroTime/g
function tsType(type: string): string {
  return type
    .replace(micro, 'string').replace(/\bDate\b/g, 'string').replace(/\bIntOrString\b/g, '(number | string)')
    .replace(/\bany\b/g, 'unknown').replace(/\bobject\b/g, 'Record<string, unknown>')
    .replace(/\{ \[key: string\]: (.*?); \}/g, 'Record<string, $1>').replace(/\b[A-Za-z]*V\d[A-Za-z0-9]*\b/g, kindOf)
}

/** Field type in the table: `string`, `int32`, `[]T`, `{}T`, or `group-version.Kind`; `!` at the end marks a required field. */
function schemaType(type: string, format: string): string {
  const array = /^Array<(.*)>$/.exec(type)
  if (array) return `[]${schemaType(array[1] as string, '')}`
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)
  if (map) return `{}${schemaType(map[1] as string, '')}`
  const gv = owner.get(type)
  if (gv) return `${gv}.${kindOf(type)}`
  switch (type) {
    case 'string': return format === 'byte' ? 'byte' : format === 'date-time' ? 'time' : 'string'
    case 'Date': return 'time'
    case 'V1MicroTime': return 'microtime'
    case 'IntOrString': return 'int-or-string'
    case 'number': return format || 'number'
    case 'boolean': return 'boolean'
    case 'any': case 'object': return 'any'
    default: throw new Error(`no schema for type ${type} (${format})`)
  }
}

await mkdir(typesDir, { recursive: true })
await mkdir(schemaDir, { recursive: true })
for (const gv of Object.keys(groups)) {
  const mine = [...owner].filter(([, g]) => g === gv).map(([n]) => n).sort((a, b) => kindOf(a).localeCompare(kindOf(b)))
  const imports = new Map<string, Set<string>>()
  const body: string[] = []
  const table: Record<string, Record<string, string>> = {}
  const docs: Record<string, Record<string, string>> = {}
  for (const name of mine) {
    const model = await load(name)
    for (const ref of model.fields.flatMap((f) => refsIn(f.type))) {
      const g = owner.get(ref) as string
      if (g !== gv) imports.set(g, (imports.get(g) ?? new Set()).add(kindOf(ref)))
    }
    const key = (n: string): string => (/^[A-Za-z]+$/.test(n) ? n : `'${n}'`)
    body.push(`export interface ${kindOf(name)} {\n${model.fields.map((f) => `  ${key(f.name)}${f.required ? '' : '?'}: ${tsType(f.type)}\n`).join('')}}\n`)
    table[kindOf(name)] = Object.fromEntries(model.fields.map((f) => [f.name, schemaType(f.type, f.format) + (f.required ? '!' : '')]))
    docs[kindOf(name)] = { '': model.doc, ...Object.fromEntries(model.fields.map((f) => [f.name, f.doc])) }
  }
  const head = '// Made by `npm run generate` from the official client\'s models (Kubernetes v1.33). Do not edit.\n'
  const importLines = [...imports].sort().map(([g, kinds]) => `import type { ${[...kinds].sort().join(', ')} } from './${g}.ts'\n`).join('')
  await writeFile(join(typesDir, `${gv}.ts`), `${head}${importLines}\n${body.join('\n')}`)
  const lines = (o: object): string => `{\n${Object.entries(o).map(([k, v]) => `${JSON.stringify(k)}: ${JSON.stringify(v)}`).join(',\n')}\n}\n`
  await writeFile(join(schemaDir, `${gv}.json`), lines(table))
  await writeFile(join(schemaDir, `${gv}.docs.json`), lines(docs))
}
