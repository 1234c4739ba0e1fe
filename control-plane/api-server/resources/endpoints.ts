import type { Endpoints } from '../../../shared/api/core-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, invalidValue, oneOf, required } from './findings.ts'
import { isIP } from './ip-text.ts'
import { listWithMore } from './more-text.ts'
import { validatePortNumber } from '../../../shared/values/names.ts'

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

function addresses(e: Endpoints): string {
  const list = (e.subsets ?? []).flatMap((s) => {
    const ips = (s.addresses ?? []).map((a) => a.ip)
    return s.ports?.length ? s.ports.flatMap((p) => ips.map((ip) => hostPort(ip, p.port))) : ips
  })
  return e.subsets?.length ? listWithMore(list, 3, '') : '<none>'
}

function validate(e: Endpoints): FieldError[] {
  return (e.subsets ?? []).flatMap((subset, i) => {
    const at = `subsets[${i}]`
    const found: FieldError[] = subset.addresses?.length || subset.notReadyAddresses?.length ? [] : [required(at, 'must specify `addresses` or `notReadyAddresses`')]
    for (const f of ['addresses', 'notReadyAddresses'] as const) {
      subset[f]?.forEach((a, j) => {
        if (!isIP(a.ip ?? '')) found.push(invalidValue(`${at}.${f}[${j}].ip`, a.ip ?? '', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'))
      })
    }
    subset.ports?.forEach((p, j) => {
      if ((subset.ports?.length ?? 0) > 1 && !p.name) found.push(required(`${at}.ports[${j}].name`))
      found.push(...invalidFor(`${at}.ports[${j}].port`, p.port ?? 0, validatePortNumber(p.port ?? 0)), ...oneOf(`${at}.ports[${j}].protocol`, p.protocol, ['SCTP', 'TCP', 'UDP']))
    })
    return found
  })
}

export const endpoints = define<Endpoints>({
  group: '', version: 'v1', resource: 'endpoints', kind: 'Endpoints', namespaced: true, schema: 'core-v1.Endpoints', shortNames: ['ep'],
  columns: [nameColumn, column('Endpoints', addresses, { description: 'The set of all endpoints is the union of all subsets.' }), ageColumn],
  strategy: {
    default(e) { for (const s of e.subsets ?? []) for (const p of s.ports ?? []) p.protocol ||= 'TCP' },
    validate,
  },
})
