/** Validation of services (`ValidateService`). Pure. */
import type { Service, ServicePort, ServiceSpec } from '../../../shared/api/core-v1.ts'
import { isIP } from './ip-text.ts'
import { validateDns1123Label, validateDns1123Subdomain, validatePortNumber } from '../../../shared/values/names.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { FieldError } from './definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupported, oneOf, optionalOneOf, required } from './findings.ts'
import { validateLabels } from './object-meta.ts'
import { validatePortOrName } from './pod-spec/probes.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None'
export const hasNodePorts = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
export const isExternallyAccessible = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)

function validatePort(port: ServicePort, spec: ServiceSpec, named: boolean, at: string, names: Set<string>): FieldError[] {
  const found: FieldError[] = []
  if (named && !port.name) found.push(required(`${at}.name`))
  else if (port.name) {
    found.push(...invalidFor(`${at}.name`, port.name, validateDns1123Label(port.name)))
    if (names.has(port.name)) found.push(duplicate(`${at}.name`, port.name))
    names.add(port.name)
  }
  found.push(...invalidFor(`${at}.port`, port.port ?? 0, validatePortNumber(port.port ?? 0)), ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']))
  found.push(...validatePortOrName(port.targetPort ?? port.port, `${at}.targetPort`))
  if (isHeadless(spec) && port.targetPort !== undefined && typeof port.targetPort === 'number' && port.targetPort !== port.port) {
    found.push(invalidValue(`${at}.targetPort`, port.targetPort, "must be equal to the value of 'port' when clusterIP = None"))
  }
  if (port.nodePort) {
    if (spec.type === 'ClusterIP' || spec.type === 'ExternalName') found.push(forbidden(`${at}.nodePort`, `may not be used when \`type\` is '${spec.type}'`))
    else found.push(...invalidFor(`${at}.nodePort`, port.nodePort, validatePortNumber(port.nodePort)))
  }
  return found
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? []
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') return [required('spec.ports')]
  const names = new Set<string>()
  const seen = new Set<string>()
  const nodePorts = new Set<string>()
  return ports.flatMap((port, i) => {
    const at = `spec.ports[${i}]`
    const found = validatePort(port, spec, ports.length > 1, at, names)
    const id = `${port.protocol}/${port.port}`
    if (seen.has(id)) found.push(duplicate(at, { protocol: port.protocol, port: port.port }))
    seen.add(id)
    if (port.nodePort) {
      const node = `${port.protocol}/${port.nodePort}`
      if (nodePorts.has(node)) found.push(duplicate(`${at}.nodePort`, port.nodePort))
      nodePorts.add(node)
    }
    return found
  })
}

const ipMessage = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const found: FieldError[] = []
  ;(spec.clusterIPs ?? []).forEach((ip, i) => {
    if (ip === 'None' ? i > 0 : !isIP(ip)) found.push(invalidValue(`spec.clusterIPs[${i}]`, ip, ipMessage))
  })
  if (spec.type === 'ExternalName') {
    if (spec.clusterIP) found.push(forbidden('spec.clusterIPs', "may not be set when type is 'ExternalName'"))
    if (!spec.externalName) found.push(required('spec.externalName'))
    else found.push(...invalidFor('spec.externalName', spec.externalName, validateDns1123Subdomain(spec.externalName.replace(/\.$/, '').toLowerCase())))
  }
  if (isHeadless(spec) && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')) {
    found.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`))
  }
  ;(spec.externalIPs ?? []).forEach((ip, i) => { if (!isIP(ip)) found.push(invalidValue(`spec.externalIPs[${i}]`, ip, ipMessage)) })
  return found
}

export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {}
  const found = [...validatePorts(spec), ...validateLabels(spec.selector, 'spec.selector')]
  if (!spec.type) found.push(required('spec.type'))
  else if (!types.includes(spec.type)) found.push(notSupported('spec.type', spec.type, types))
  found.push(...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']), ...validateAddresses(spec))
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (timeout !== undefined && (timeout <= 0 || timeout > 86400)) {
    found.push(invalidValue('spec.sessionAffinityConfig.clientIP.timeoutSeconds', timeout, 'must be greater than 0 and less than 86400'))
  }
  if (spec.externalTrafficPolicy !== undefined) {
    if (!isExternallyAccessible(spec)) found.push(invalidValue('spec.externalTrafficPolicy', spec.externalTrafficPolicy, 'may only be set for externally-accessible services'))
    else found.push(...optionalOneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local']))
  }
  found.push(...optionalOneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']))
  return found
}

/** An address, once given, stays until the type changes to ExternalName. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const [next, last] = [service.spec ?? {}, old.spec ?? {}]
  const found: FieldError[] = []
  if (last.type !== 'ExternalName' && next.type !== 'ExternalName' && last.clusterIPs?.length && !equalJson(next.clusterIPs?.[0], last.clusterIPs[0])) {
    found.push(invalidValue('spec.clusterIPs[0]', next.clusterIPs?.[0] ?? null, 'may not change once set'))
  }
  return found
}
