import type { ServiceCIDR } from '../../../shared/api/networking-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, required } from './findings.ts'
import { blockOf } from './ip-blocks.ts'
import { immutableMessage } from './findings.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

const field = 'spec.cidrs'

function validate({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length === 0) return [required(field, 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalidValue(field, spec, 'may only hold up to 2 values')]
  const blocks = cidrs.map(blockOf)
  if (blocks.length === 2 && blocks[0] && blocks[1] && blocks[0].family === blocks[1].family) {
    return [invalidValue(field, spec, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64')]
  }
  return blocks.flatMap((block, i) => {
    const at = `${field}[${i}]`
    if (!block) return [invalidValue(at, cidrs[i], 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
    return block.aligned ? [] : [invalidValue(at, cidrs[i], `must not have bits set beyond the prefix length`)]
  })
}

/** A second family may be added, nothing else. */
function validateChange({ spec }: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const [next, last] = [spec?.cidrs ?? [], old.spec?.cidrs ?? []]
  const grown = last.length === 1 && next.length === 2 && next[0] === last[0]
  return equalJson(next, last) || grown ? [] : [invalidValue(last.length === 1 && next.length === 2 ? `${field}[0]` : field, next, immutableMessage)]
}

export const serviceCidrs = define<ServiceCIDR>({
  group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs', kind: 'ServiceCIDR', namespaced: false, schema: 'networking-v1.ServiceCIDR', subresources: { status: true },
  columns: [nameColumn, column('CIDRs', (c) => (c.spec?.cidrs ?? []).join(','), { description: 'CIDRs defines the IP blocks in CIDR notation from which to assign service cluster IPs.' }), ageColumn],
  strategy: {
    default(c) {
      c.spec ??= {}
      c.status ??= {}
    },
    prepareForCreate: (c) => startGeneration(c), prepareForUpdate: carryOver, validate,
    validateUpdate: (c, old, { subresource }) => (subresource === 'status' ? [] : validateChange(c, old)),
  },
})
