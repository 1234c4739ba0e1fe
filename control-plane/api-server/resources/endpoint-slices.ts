import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, notSupported, oneOf, required } from './findings.ts'
import { isIP } from './ip-text.ts'
import { listWithMore } from './more-text.ts'
import { unchanged } from './object-meta.ts'
import { equalJson } from '../../../shared/values/json-value.ts'

function validate(slice: EndpointSlice): FieldError[] {
  const found: FieldError[] = oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6'])
  ;(slice.endpoints ?? []).forEach((e, i) => {
    const at = `endpoints[${i}]`
    if (!e.addresses?.length) found.push(required(`${at}.addresses`, 'must contain at least 1 address'))
    if ((e.addresses?.length ?? 0) > 100) found.push({ type: 'TooMany', field: `${at}.addresses`, value: e.addresses?.length, detail: 'must have at most 100 items' })
    if (slice.addressType === 'FQDN') return
    e.addresses?.forEach((a, j) => {
      if (!isIP(a) || a.includes(':') !== (slice.addressType === 'IPv6')) found.push(invalidValue(`${at}.addresses[${j}]`, a, slice.addressType === 'IPv6' ? 'must be a valid IPv6 address' : 'must be a valid IPv4 address'))
    })
  })
  const names = new Set<string>()
  ;(slice.ports ?? []).forEach((p, i) => {
    if (names.has(p.name ?? '')) found.push({ type: 'Duplicate', field: `ports[${i}].name`, value: p.name ?? '', detail: '' })
    names.add(p.name ?? '')
    if (p.protocol && !['SCTP', 'TCP', 'UDP'].includes(p.protocol)) found.push(notSupported(`ports[${i}].protocol`, p.protocol, ['SCTP', 'TCP', 'UDP']))
  })
  if ((slice.endpoints?.length ?? 0) > 1000) found.push({ type: 'TooMany', field: 'endpoints', value: slice.endpoints.length, detail: 'must have at most 1000 items' })
  return found
}

const content = ({ endpoints, ports, addressType }: EndpointSlice): unknown => ({ endpoints, ports, addressType })

export const endpointSlices = define<EndpointSlice>({
  group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', kind: 'EndpointSlice', namespaced: true, schema: 'discovery-v1.EndpointSlice',
  columns: [
    nameColumn, column('AddressType', (s) => s.addressType ?? '', { description: 'addressType specifies the type of address carried by this EndpointSlice.' }),
    column('Ports', (s) => listWithMore((s.ports ?? []).map((p) => (p.port !== undefined ? String(p.port) : p.name || '*')), 3, '<unset>'), { description: 'ports specifies the list of network ports exposed by each endpoint in this slice.' }),
    column('Endpoints', (s) => listWithMore((s.endpoints ?? []).flatMap((e) => e.addresses ?? []), 3, '<unset>'), { description: 'endpoints is a list of unique endpoints in this slice.' }),
    ageColumn,
  ],
  strategy: {
    default(slice) {
      slice.endpoints ??= []
      for (const port of slice.ports ?? []) {
        port.name ??= ''
        port.protocol ??= 'TCP'
      }
    },
    prepareForCreate(slice) { if (slice.metadata) slice.metadata.generation = 1 },
    prepareForUpdate(slice, old) {
      const generation = old.metadata?.generation ?? 0
      if (slice.metadata) slice.metadata.generation = equalJson(content(slice), content(old)) ? generation : generation + 1
    },
    validate,
    validateUpdate: (slice, old) => unchanged('addressType', slice.addressType, old.addressType),
  },
})
