/** What form of answer a client accepts: JSON, a Table, or partial metadata, by the `Accept` header. Pure. */
import { StatusError } from '../../shared/base/errors.ts'

export interface Form {
  readonly as: 'json' | 'table' | 'partial-metadata' | 'partial-metadata-list' | 'aggregated-discovery'
  /** Version of `meta.k8s.io` or `apidiscovery.k8s.io` asked for. */
  readonly version: string
}

const PLAIN: Form = { as: 'json', version: 'v1' }
const known: Readonly<Record<string, Form['as']>> = {
  'Table/meta.k8s.io': 'table', 'PartialObjectMetadata/meta.k8s.io': 'partial-metadata', 'PartialObjectMetadataList/meta.k8s.io': 'partial-metadata-list',
  'APIGroupDiscoveryList/apidiscovery.k8s.io': 'aggregated-discovery',
}

/** Forms in the client's order (q, then position). Protobuf and YAML are passed over: JSON is what every client also takes. 406 where nothing is left. */
export function negotiate(accept: string | undefined): Form {
  if (!accept || accept === '*/*' || accept === 'application/json') return PLAIN
  const wanted = accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((p) => p.trim())
    const values = new Map(parameters.map((p) => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)] as const))
    return { type: type.toLowerCase(), values, q: Number(values.get('q') ?? 1) }
  })
  for (const { type, values } of wanted.toSorted((a, b) => b.q - a.q)) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue
    const as = values.get('as')
    if (!as) return PLAIN
    const form = known[`${as}/${values.get('g') ?? ''}`]
    if (form) return { as: form, version: values.get('v') ?? 'v1' }
  }
  throw new StatusError('NotAcceptable', 'only the following media types are accepted: application/json')
}
