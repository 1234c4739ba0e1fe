/** `apiregistration.k8s.io/v1 APIService`: `kube-aggregator/pkg/registry/apiservice`. What they register is done by `aggregation/`. */
import type { APIService } from '../../../shared/api/apiregistration-v1.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { validateDns1035Label, validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { availabilityOf, localAvailability, setAvailability } from '../aggregation/rules.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, invalidValue, notSupported, required } from './findings.ts'
import { carryOverParts } from './spec-and-status.ts'

const MAX_GROUP_PRIORITY = 20_000
const MAX_VERSION_PRIORITY = 1000
const statuses = ['True', 'False', 'Unknown']

function setDefaults({ spec }: APIService): void {
  if (spec?.service) spec.service.port ??= 443
}

/** A name that is no path segment is found by the rules of metadata. */
function validateName({ metadata, spec }: APIService): FieldError[] {
  const wanted = `${spec?.version ?? ''}.${spec?.group ?? ''}`
  const name = metadata?.name ?? ''
  return name && name !== wanted && !pathSegment(name).length ? [invalidValue('metadata.name', name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)] : []
}

/** `apimachinery/pkg/api/validation/path.IsValidPathSegmentName`. */
function pathSegment(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`)
}

function validate(service: APIService): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service: remote, caBundle = '', insecureSkipTLSVerify = false } = service.spec ?? {}
  const found = validateName(service)
  if (!group && version !== 'v1') found.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'))
  if (group) found.push(...invalidFor('spec.group', group, validateDns1123Subdomain(group)))
  found.push(...invalidFor('spec.version', version, validateDns1035Label(version)))
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY) found.push(invalidValue('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000'))
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY) found.push(invalidValue('spec.versionPriority', versionPriority, 'must be positive and less than 1000'))
  if (!remote) {
    if (caBundle) found.push(invalidValue('spec.caBundle', `${Buffer.from(caBundle, 'base64').length} bytes`, 'local APIServices may not have a caBundle'))
    if (insecureSkipTLSVerify) found.push(invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'))
    return found
  }
  if (!remote.namespace) found.push(required('spec.service.namespace'))
  if (!remote.name) found.push(required('spec.service.name'))
  if (insecureSkipTLSVerify && caBundle) found.push(invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'))
  return found
}

const validateStatus = ({ status }: APIService): FieldError[] =>
  (status?.conditions ?? []).flatMap((c, i) => (statuses.includes(c.status) ? [] : [notSupported(`status.conditions[${i}].status`, c.status, statuses)]))

function available(service: APIService): string {
  const { status = 'Unknown', reason } = availabilityOf(service) ?? {}
  return status !== 'True' && reason ? `${status} (${reason})` : status
}

export const apiServices = define<APIService>({
  group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices', kind: 'APIService', namespaced: false, schema: 'apiregistration-v1.APIService',
  categories: ['api-extensions'], subresources: { status: true },
  columns: [
    nameColumn, column('Service', ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local'), { description: 'The reference to the service that hosts this API endpoint.' }),
    column('Available', available, { description: 'Whether this service is available.' }), ageColumn,
  ],
  strategy: {
    default: setDefaults, validateName: pathSegment, validate,
    prepareForCreate(service, { now }) {
      delete service.status
      // What we serve ourselves is there at once.
      if (!service.spec?.service) setAvailability(service, localAvailability, timestamp(now))
      else service.status = {}
    },
    prepareForUpdate: carryOverParts,
    validateUpdate: (service, _old, { subresource }) => (subresource === 'status' ? validateStatus(service) : []),
  },
})
