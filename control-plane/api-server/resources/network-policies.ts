import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '../../../shared/api/networking-v1.ts'
import { validatePortName, validatePortNumber } from '../../../shared/values/names.ts'
import { formatLabelSelector } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, notSupportedInOrder, required } from './findings.ts'
import { blockOf, isStrictlyWithin } from './ip-blocks.ts'
import { validateLabelSelector } from './object-meta.ts'
import { countSpecChanges, firstGeneration } from './spec-and-status.ts'
import { storedOnly } from './stored-only.ts'

const protocols = ['TCP', 'UDP', 'SCTP']

function setDefaults(policy: NetworkPolicy): void {
  const spec = (policy.spec ??= {} as NetworkPolicySpec)
  spec.podSelector ??= {}
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of rule.ports ?? []) port.protocol ??= 'TCP'
  if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
}

function validatePort({ port, endPort, protocol }: NetworkPolicyPort, at: string): FieldError[] {
  const found: FieldError[] = protocol !== undefined && !protocols.includes(protocol) ? [notSupportedInOrder(`${at}.protocol`, protocol, protocols)] : []
  if (typeof port === 'number') {
    found.push(...invalidFor(`${at}.port`, port, validatePortNumber(port)))
    if (endPort !== undefined && endPort < port) found.push(invalidValue(`${at}.endPort`, port, 'must be greater than or equal to `port`'))
    if (endPort !== undefined) found.push(...invalidFor(`${at}.endPort`, endPort, validatePortNumber(endPort)))
    return found
  }
  if (endPort !== undefined) found.push(invalidValue(`${at}.endPort`, endPort, `may not be specified when \`port\` is ${port === undefined ? 'not specified' : 'non-numeric'}`))
  return port === undefined ? found : [...found, ...invalidFor(`${at}.port`, port, validatePortName(port))]
}

function validateBlock({ cidr, except }: IPBlock, at: string): FieldError[] {
  if (!cidr) return [required(`${at}.cidr`)]
  const outer = blockOf(cidr)
  if (!outer) return [invalidValue(`${at}.cidr`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
  return (except ?? []).flatMap((text, i) => {
    const inner = blockOf(text)
    if (!inner) return [invalidValue(`${at}.except[${i}]`, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
    return isStrictlyWithin(inner, outer) ? [] : [invalidValue(`${at}.except[${i}]`, text, 'must be a strict subset of `cidr`')]
  })
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, at: string): FieldError[] {
  const found: FieldError[] = []
  if (podSelector) found.push(...validateLabelSelector(podSelector, `${at}.podSelector`))
  if (namespaceSelector) found.push(...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`))
  if (ipBlock) found.push(...validateBlock(ipBlock, `${at}.ipBlock`))
  if (!podSelector && !namespaceSelector && !ipBlock) found.push(required(at, 'must specify a peer'))
  else if (ipBlock && (podSelector || namespaceSelector)) found.push(forbidden(at, 'may not specify both ipBlock and another peer'))
  return found
}

function validate({ spec }: NetworkPolicy): FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec as NetworkPolicySpec
  const found = validateLabelSelector(podSelector, 'spec.podSelector')
  const rules = [...ingress.map((r, i) => ({ at: `spec.ingress[${i}]`, ports: r.ports, peers: r.from, name: 'from' })), ...egress.map((r, i) => ({ at: `spec.egress[${i}]`, ports: r.ports, peers: r.to, name: 'to' }))]
  for (const { at, ports, peers, name } of rules) {
    ports?.forEach((p, i) => found.push(...validatePort(p, `${at}.ports[${i}]`)))
    peers?.forEach((p, i) => found.push(...validatePeer(p, `${at}.${name}[${i}]`)))
  }
  if (policyTypes.length > 2) return [...found, invalidValue('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')]
  policyTypes.forEach((t, i) => { if (t !== 'Ingress' && t !== 'Egress') found.push(notSupportedInOrder(`spec.policyTypes[${i}]`, t, ['Ingress', 'Egress'])) })
  return found
}

export const networkPolicies = define<NetworkPolicy>({
  group: 'networking.k8s.io', version: 'v1', resource: 'networkpolicies', kind: 'NetworkPolicy', namespaced: true, schema: 'networking-v1.NetworkPolicy', shortNames: ['netpol'],
  columns: [nameColumn, column('Pod-Selector', (p) => formatLabelSelector(p.spec?.podSelector), { description: 'Selects the pods to which this NetworkPolicy object applies.' }), ageColumn],
  strategy: { warnings: storedOnly('NetworkPolicies'), default: setDefaults, prepareForCreate: firstGeneration, prepareForUpdate: countSpecChanges, validate },
})
