import type { Service, ServiceSpec } from '../../../shared/api/core-v1.ts'
import { maskTrailingDash, validateDns1035Label } from '../../../shared/values/names.ts'
import { formatSelector, selectorOfLabels } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import { hasNodePorts, isExternallyAccessible, validateService, validateServiceUpdate } from './service-rules.ts'
import { carryOverParts } from './spec-and-status.ts'

function setDefaults(service: Service): void {
  const spec = (service.spec ??= {})
  spec.sessionAffinity ||= 'None'
  spec.type ||= 'ClusterIP'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } }
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true
    for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
  }
  // The single address and the list of addresses are one field in two spellings.
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  service.status ??= {}
  service.status.loadBalancer ??= {}
}

/** What was allotted stays where an update does not say otherwise (`patchAllocatedValues`). */
function keepAllotted(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName') {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP
    if (!spec.clusterIPs?.length && old.clusterIPs) spec.clusterIPs = [...old.clusterIPs]
    if (!spec.ipFamilies?.length && old.ipFamilies) spec.ipFamilies = [...old.ipFamilies]
    if (!spec.ipFamilyPolicy && old.ipFamilyPolicy) spec.ipFamilyPolicy = old.ipFamilyPolicy
  }
  if (!hasNodePorts(spec) || !hasNodePorts(old)) return
  for (const port of spec.ports ?? []) {
    const before = old.ports?.find((p) => p.port === port.port && p.protocol === port.protocol)
    if (!port.nodePort && before?.nodePort) port.nodePort = before.nodePort
  }
}

/** What a change of type leaves without meaning (`dropTypeDependentFields`). */
function dropStale(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.type === 'ExternalName' && old.type !== 'ExternalName' && spec.clusterIP === old.clusterIP) {
    delete spec.clusterIP
    delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
  }
  if (!hasNodePorts(spec) && hasNodePorts(old)) {
    for (const port of spec.ports ?? []) if (old.ports?.some((p) => p.nodePort === port.nodePort)) delete port.nodePort
  }
  if (!isExternallyAccessible(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy) delete spec.externalTrafficPolicy
  if (spec.type !== 'LoadBalancer' && old.type === 'LoadBalancer') delete spec.allocateLoadBalancerNodePorts
}

function externalIp(service: Service): string {
  const spec = service.spec ?? {}
  switch (spec.type) {
    case 'ExternalName': return spec.externalName ?? ''
    case 'LoadBalancer': {
      const ingress = (service.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter((s) => s !== '')
      const text = [...ingress, ...(spec.externalIPs ?? [])].join(',')
      return text || '<pending>'
    }
    default: return spec.externalIPs?.join(',') || '<none>'
  }
}

const portsText = (spec: ServiceSpec): string =>
  (spec.ports ?? []).map((p) => (p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`)).join(',') || '<none>'

export const services = define<Service>({
  group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true, schema: 'core-v1.Service', shortNames: ['svc'], categories: ['all'], subresources: { status: true },
  columns: [
    nameColumn, column('Type', (s) => s.spec?.type ?? '', { description: 'type determines how the Service is exposed.' }),
    column('Cluster-IP', (s) => s.spec?.clusterIPs?.[0] || s.spec?.clusterIP || '<none>', { description: 'clusterIP is the IP address of the service and is usually assigned randomly.' }),
    column('External-IP', externalIp, { description: 'externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.' }),
    column('Port(s)', (s) => portsText(s.spec ?? {}), { description: 'The list of ports that are exposed by this service.' }), ageColumn,
    column('Selector', (s) => formatSelector(selectorOfLabels(s.spec?.selector ?? {})) || '<none>', { wide: true, description: 'Route service traffic to pods with label keys and values matching this selector.' }),
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate: (service) => { service.status = { loadBalancer: {} } },
    prepareForUpdate(service, old, context) {
      carryOverParts(service, old, context)
      if (context.subresource === '' && service.spec && old.spec) {
        keepAllotted(service.spec, old.spec)
        dropStale(service.spec, old.spec)
      }
    },
    validate: validateService,
    validateUpdate: (service, old, { subresource }) => (subresource === 'status' ? [] : validateServiceUpdate(service, old)),
    validateName: (name, prefix) => validateDns1035Label(prefix ? maskTrailingDash(name) : name),
  },
  selectableFields: { 'spec.clusterIP': (s) => s.spec?.clusterIP ?? '', 'spec.type': (s) => s.spec?.type ?? '' },
})
