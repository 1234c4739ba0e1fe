import type { TypedLocalObjectReference } from '../../../shared/api/core-v1.ts'
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec, IngressTLS } from '../../../shared/api/networking-v1.ts'
import { validateDns1035Label, validateDns1123Subdomain, validatePathSegment, validatePortName, validatePortNumber, validateWildcardDns1123Subdomain } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError, StrategyContext } from './definition.ts'
import { invalidFor, invalidValue, notSupported, required } from './findings.ts'
import { isIP } from './ip-text.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']
const badSequences = ['//', '/./', '/../', '%2f', '%2F']
const badSuffixes = ['/..', '/.']

const validateHost = (host: string, field: string): FieldError[] => invalidFor(field, host, host.includes('*') ? validateWildcardDns1123Subdomain(host) : validateDns1123Subdomain(host))

function validateResource({ apiGroup, kind, name }: TypedLocalObjectReference, at: string): FieldError[] {
  const found: FieldError[] = apiGroup === undefined ? [] : invalidFor(`${at}.apiGroup`, apiGroup, validateDns1123Subdomain(apiGroup))
  found.push(...(kind ? invalidFor(`${at}.kind`, kind, validatePathSegment(kind, false)) : [required(`${at}.kind`, 'kind is required')]))
  return [...found, ...(name ? invalidFor(`${at}.name`, name, validatePathSegment(name, false)) : [required(`${at}.name`, 'name is required')])]
}

function validateBackend({ resource, service }: IngressBackend, at: string): FieldError[] {
  if (resource && service) return [invalidValue(at, '', 'cannot set both resource and service backends')]
  if (resource) return validateResource(resource, `${at}.resource`)
  if (!service) return [invalidValue(at, '', 'resource or service backend is required')]
  const found = service.name ? invalidFor(`${at}.service.name`, service.name, validateDns1035Label(service.name)) : [required(`${at}.service.name`)]
  const { name, number } = service.port ?? {}
  if (name && number) found.push(invalidValue(at, '', 'cannot set both port name & port number'))
  else if (name) found.push(...invalidFor(`${at}.service.port.name`, name, validatePortName(name)))
  else if (number) found.push(...invalidFor(`${at}.service.port.number`, number, validatePortNumber(number)))
  else found.push(required(at, 'port name or number is required'))
  return found
}

function validatePath({ path = '', pathType, backend }: HTTPIngressPath, at: string): FieldError[] {
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')]
  const found: FieldError[] = []
  if (!pathTypes.includes(pathType)) found.push(notSupported(`${at}.pathType`, pathType, pathTypes))
  else if (!path.startsWith('/') && !(pathType === 'ImplementationSpecific' && path === '')) found.push(invalidValue(`${at}.path`, path, 'must be an absolute path'))
  if (pathType === 'Exact' || pathType === 'Prefix') {
    for (const s of badSequences) if (path.includes(s)) found.push(invalidValue(`${at}.path`, path, `must not contain '${s}'`))
    for (const s of badSuffixes) if (path.endsWith(s)) found.push(invalidValue(`${at}.path`, path, `cannot end with '${s}'`))
  }
  return [...found, ...validateBackend(backend ?? {}, `${at}.backend`)]
}

function validateRule({ host, http }: IngressRule, at: string): FieldError[] {
  const found: FieldError[] = []
  if (host) {
    if (isIP(host)) found.push(invalidValue(`${at}.host`, host, 'must be a DNS name, not an IP address'))
    found.push(...validateHost(host, `${at}.host`))
  }
  if (!http) return found
  if (!http.paths?.length) found.push(required(`${at}.http.paths`))
  http.paths?.forEach((p, i) => found.push(...validatePath(p, `${at}.http.paths[${i}]`)))
  return found
}

function validateTls(tls: IngressTLS, at: string): FieldError[] {
  const found = (tls.hosts ?? []).flatMap((host, i) => validateHost(host, `${at}.hosts[${i}]`))
  return tls.secretName ? [...found, ...invalidFor(`${at}.secretName`, tls.secretName, validateDns1123Subdomain(tls.secretName))] : found
}

function validate({ metadata, spec: given }: Ingress, { updating }: StrategyContext): FieldError[] {
  const spec: IngressSpec = given ?? {}
  const found: FieldError[] = []
  if (!spec.rules?.length && !spec.defaultBackend) found.push(invalidValue('spec', spec.rules ?? [], 'either `defaultBackend` or `rules` must be specified'))
  if (spec.defaultBackend) found.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'))
  spec.rules?.forEach((rule, i) => found.push(...validateRule(rule, `spec.rules[${i}]`)))
  spec.tls?.forEach((tls, i) => found.push(...validateTls(tls, `spec.tls[${i}]`)))
  if (spec.ingressClassName !== undefined) found.push(...invalidFor('spec.ingressClassName', spec.ingressClassName, validateDns1123Subdomain(spec.ingressClassName)))
  const old = metadata?.annotations?.[classAnnotation]
  // An annotation that was there may stay beside the field.
  if (!updating && old !== undefined && spec.ingressClassName !== undefined) found.push(invalidValue(`annotations.${classAnnotation}`, old, 'can not be set when the class field is also set'))
  return found
}

function validateStatus({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`
    const found: FieldError[] = ip && !isIP(ip) ? [invalidValue(`${at}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')] : []
    if (!hostname) return found
    found.push(...invalidFor(`${at}.hostname`, hostname, validateDns1123Subdomain(hostname)))
    return isIP(hostname) ? [...found, invalidValue(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')] : found
  })
}

function hostsOf({ spec }: Ingress): string {
  const rules = spec?.rules ?? []
  const shown: string[] = []
  let more = false
  for (const { host } of rules) {
    if (shown.length === 3) more = true
    if (!more && host) shown.push(host)
  }
  return shown.length ? `${shown.join(',')}${more ? ` + ${rules.length - 3} more...` : ''}` : '*'
}

const addressesOf = ({ status }: Ingress): string => [...new Set((status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter((s) => s !== ''))].sort().join(',')

export const ingresses = define<Ingress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingresses', kind: 'Ingress', namespaced: true, schema: 'networking-v1.Ingress', shortNames: ['ing'], subresources: { status: true },
  columns: [
    nameColumn, column('Class', (i) => i.spec?.ingressClassName ?? '<none>', { description: 'The name of the IngressClass resource that should be used for additional configuration' }),
    column('Hosts', hostsOf, { description: 'Hosts that incoming requests are matched against before the ingress rule' }),
    column('Address', addressesOf, { description: 'Address is a list containing ingress points for the load-balancer' }),
    column('Ports', (i) => (i.spec?.tls?.length ? '80, 443' : '80'), { description: 'Ports of TLS configurations that open' }), ageColumn,
  ],
  strategy: {
    default(ingress) {
      ingress.spec ??= {}
      ingress.status ??= {}
      ingress.status.loadBalancer ??= {}
    },
    prepareForCreate: (ingress) => startGeneration(ingress, { loadBalancer: {} }),
    prepareForUpdate: carryOver,
    validate,
    validateUpdate: (ingress, _old, { subresource }) => (subresource === 'status' ? validateStatus(ingress) : []),
  },
})
