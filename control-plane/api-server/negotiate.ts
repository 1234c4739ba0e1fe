/** What form of answer a client accepts: the object, a Table, or partial metadata, as JSON, YAML or protobuf, by the `Accept` header. Pure. */
import { StatusError } from '../../shared/base/errors.ts'

export type Encoding = 'json' | 'yaml' | 'protobuf'

export interface Form {
  readonly as: 'json' | 'table' | 'partial-metadata' | 'partial-metadata-list' | 'aggregated-discovery'
  /** Version of `meta.k8s.io` or `apidiscovery.k8s.io` asked for. */
  readonly version: string
  readonly encoding: Encoding
}

const PLAIN: Form = { as: 'json', version: 'v1', encoding: 'json' }
const known: Readonly<Record<string, Form['as']>> = {
  'Table/meta.k8s.io': 'table', 'PartialObjectMetadata/meta.k8s.io': 'partial-metadata', 'PartialObjectMetadataList/meta.k8s.io': 'partial-metadata-list',
  'APIGroupDiscoveryList/apidiscovery.k8s.io': 'aggregated-discovery',
}
const encodings: Readonly<Record<string, Encoding>> = {
  'application/json': 'json', '*/*': 'json', 'application/*': 'json', 'application/yaml': 'yaml', 'application/vnd.kubernetes.protobuf': 'protobuf',
}
export const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const objects = ['application/json', 'application/yaml', PROTOBUF]
const streams = ['application/json;stream=watch', `${PROTOBUF};stream=watch`]

export interface Offered {
  /** Whether the plain object has a protobuf form; asked only where the client wants it. Partial metadata always has. */
  readonly protobuf: () => boolean
  /** A watch, which upstream has no YAML for. */
  readonly stream: boolean
}

/** Forms in the client's order (q, then position). 406 in upstream's words where nothing is left. */
export function negotiate(accept: string | undefined, offered: Offered): Form {
  if (!accept || accept === '*/*' || accept === 'application/json') return PLAIN
  const wanted = accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((p) => p.trim())
    const values = new Map(parameters.map((p) => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)] as const))
    return { type: type.toLowerCase(), values, q: Number(values.get('q') ?? 1) }
  })
  for (const { type, values } of wanted.toSorted((a, b) => b.q - a.q)) {
    const encoding = Object.hasOwn(encodings, type) ? encodings[type] : undefined
    if (!encoding || (encoding === 'yaml' && offered.stream)) continue
    const kind = values.get('as')
    const as = kind ? known[`${kind}/${values.get('g') ?? ''}`] : 'json'
    if (!as || (encoding === 'protobuf' && !as.startsWith('partial-metadata') && (as !== 'json' || !offered.protobuf()))) continue
    return as === 'json' && encoding === 'json' ? PLAIN : { as, version: values.get('v') ?? 'v1', encoding }
  }
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${(offered.stream ? streams : objects).join(', ')}`)
}
