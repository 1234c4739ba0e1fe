import type { IngressClass, IngressClassParametersReference } from '../../../shared/api/networking-v1.ts'
import { validateDns1123Label, validateDns1123Subdomain, validatePathSegment } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { validateDomainPrefixedPath } from './domain-path.ts'
import { forbidden, invalidFor, notSupported, required, tooLong } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { countSpecChanges, firstGeneration } from './spec-and-status.ts'

const maxController = 250
const scopes = ['Cluster', 'Namespace']

function validateParameters({ apiGroup, kind, name, scope, namespace }: IngressClassParametersReference, at: string): FieldError[] {
  const found: FieldError[] = apiGroup === undefined ? [] : invalidFor(`${at}.apiGroup`, apiGroup, validateDns1123Subdomain(apiGroup))
  found.push(...(kind ? invalidFor(`${at}.kind`, kind, validatePathSegment(kind, false)) : [required(`${at}.kind`, 'kind is required')]))
  found.push(...(name ? invalidFor(`${at}.name`, name, validatePathSegment(name, false)) : [required(`${at}.name`, 'name is required')]))
  if (scope === undefined) return [...found, required(`${at}.scope`)]
  if (!scopes.includes(scope)) found.push(notSupported(`${at}.scope`, scope, scopes))
  if (scope === 'Namespace') found.push(...(namespace === undefined ? [required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'")] : invalidFor(`${at}.namespace`, namespace, validateDns1123Label(namespace))))
  if (scope === 'Cluster' && namespace !== undefined) found.push(forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'"))
  return found
}

function validate({ spec }: IngressClass): FieldError[] {
  const { controller = '', parameters } = spec ?? {}
  const found: FieldError[] = controller.length > maxController ? [tooLong('spec.controller', maxController)] : []
  found.push(...validateDomainPrefixedPath(controller, 'spec.controller'))
  return parameters ? [...found, ...validateParameters(parameters, 'spec.parameters')] : found
}

function parametersText({ spec }: IngressClass): string {
  const { apiGroup, kind = '', name = '' } = spec?.parameters ?? {}
  return spec?.parameters ? `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}` : '<none>'
}

export const ingressClasses = define<IngressClass>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses', kind: 'IngressClass', namespaced: false, schema: 'networking-v1.IngressClass',
  columns: [
    nameColumn, column('Controller', (c) => c.spec?.controller ?? '', { description: 'Controller that is responsible for handling this class' }),
    column('Parameters', parametersText, { description: 'A reference to a resource with additional parameters' }), ageColumn,
  ],
  strategy: {
    default(c) {
      c.spec ??= {}
      if (c.spec.parameters) c.spec.parameters.scope ??= 'Cluster'
    },
    prepareForCreate: firstGeneration,
    prepareForUpdate: countSpecChanges,
    validate,
    validateUpdate: (c, old) => unchanged('spec.controller', c.spec?.controller, old.spec?.controller),
  },
})
