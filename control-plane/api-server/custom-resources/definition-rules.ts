/** What a CustomResourceDefinition may say besides its schemas (`apiextensions-apiserver/pkg/apis/apiextensions/validation`). Pure. */
import type {
  CustomResourceColumnDefinition, CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec, CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '../../../shared/api/apiextensions-v1.ts'
import { validateDns1035Label, validateDns1123Label, validateDns1123Subdomain } from '../../../shared/values/names.ts'
import type { FieldError } from '../resources/definition.ts'
import { duplicate, forbidden, invalidValue, notSupported, required } from '../resources/findings.ts'
import { validateColumnPath } from './json-path.ts'
import { asSchema, validateSchema } from './schema-rules.ts'
import { validateSelectableFields } from './selectable-fields.ts'

const joined = (field: string, value: string, messages: readonly string[], before = ''): FieldError[] => (messages.length ? [invalidValue(field, value, before + messages.join(','))] : [])

/** Findings on spec and status of a definition; its metadata is judged with every other object's. */
export function validateDefinition(crd: CustomResourceDefinition): FieldError[] {
  const { spec, status } = crd
  const found = validateSpec(spec)
  found.push(...validateNames(status?.acceptedNames, 'status.acceptedNames'), ...validateApproval(crd))
  if (!status?.storedVersions?.length) found.push(invalidValue('status.storedVersions', status?.storedVersions ?? [], 'must have at least one stored version'))
  return found
}

/** Group names that the Kubernetes project keeps for itself ask for an approval. */
const isProtected = (group: string): boolean => /(^|\.)(k8s\.io|kubernetes\.io)$/.test(group)
const APPROVED = 'api-approved.kubernetes.io'

export function approvalOf(crd: CustomResourceDefinition): { ok: boolean; message: string; reason: string } | undefined {
  if (!isProtected(crd.spec.group)) return undefined
  const text = crd.metadata?.annotations?.[APPROVED] ?? ''
  if (!text) return { ok: false, reason: 'MissingAnnotation', message: `protected groups must have approval annotation "${APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111` }
  if (text.startsWith('unapproved')) return { ok: false, reason: 'UnapprovedAPI', message: `not approved: ${JSON.stringify(text)}` }
  if (!URL.canParse(text)) return { ok: false, reason: 'InvalidAnnotation', message: `protected groups must have approval annotation "${APPROVED}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111` }
  return { ok: true, reason: 'ApprovedAnnotation', message: `approved in ${text}` }
}

function validateApproval(crd: CustomResourceDefinition): FieldError[] {
  const state = approvalOf(crd)
  const field = `metadata.annotations[${APPROVED}]`
  if (state?.reason === 'MissingAnnotation') return [required(field, state.message)]
  return state?.reason === 'InvalidAnnotation' ? [invalidValue(field, crd.metadata?.annotations?.[APPROVED], state.message)] : []
}

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const found: FieldError[] = []
  const group = spec.group ?? ''
  const bad = validateDns1123Subdomain(group)
  if (!group) found.push(required('spec.group'))
  else if (bad.length) found.push(...joined('spec.group', group, bad))
  else if (!group.includes('.')) found.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'))
  if (!spec.scope) found.push(required('spec.scope'))
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') found.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']))
  if (spec.preserveUnknownFields) found.push(invalidValue('spec.preserveUnknownFields', true, 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'))
  found.push(...validateVersions(spec))
  const { names } = spec
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) if (!names?.[key]) found.push(required(`spec.names.${key}`))
  found.push(...validateNames(names, 'spec.names'), ...validateConversion(spec.conversion, 'spec.conversion'))
  return found
}

function validateVersions(spec: CustomResourceDefinitionSpec): FieldError[] {
  const versions = spec.versions ?? []
  const found = versions.flatMap((version, i) => validateVersion(version, `spec.versions[${i}]`))
  if (new Set(versions.map((v) => v.name)).size !== versions.length) found.push(invalidValue('spec.versions', versions, 'must contain unique version names'))
  if (versions.filter((v) => v.storage).length !== 1) found.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'))
  return found
}

function validateVersion(version: CustomResourceDefinitionVersion, at: string): FieldError[] {
  const found = joined(`${at}.name`, version.name ?? '', validateDns1035Label(version.name ?? ''))
  if (version.deprecationWarning !== undefined && !version.deprecated) found.push(invalidValue(`${at}.deprecationWarning`, version.deprecationWarning, 'can only be set for deprecated versions'))
  if (version.deprecationWarning !== undefined) {
    if (Buffer.byteLength(version.deprecationWarning) > 256) found.push(invalidValue(`${at}.deprecationWarning`, version.deprecationWarning, 'must be <= 256 characters long'))
    if (!version.deprecationWarning.trim()) found.push(invalidValue(`${at}.deprecationWarning`, version.deprecationWarning, 'must not be empty'))
  }
  const schema = asSchema(version.schema?.openAPIV3Schema)
  if (!schema) found.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'))
  else found.push(...validateSchema(schema, `${at}.schema.openAPIV3Schema`))
  if (version.subresources?.scale) found.push(...validateScale(version.subresources.scale, `${at}.subresources.scale`))
  version.additionalPrinterColumns?.forEach((column, i) => found.push(...validateColumn(column, `${at}.additionalPrinterColumns[${i}]`)))
  if (version.selectableFields) found.push(...validateSelectableFields(version.selectableFields, schema, `${at}.selectableFields`))
  return found
}

function validateScale(scale: CustomResourceSubresourceScale, at: string): FieldError[] {
  return [
    ...validateScalePath(scale.specReplicasPath, `${at}.specReplicasPath`, '.spec.', true), ...validateScalePath(scale.statusReplicasPath, `${at}.statusReplicasPath`, '.status.', true),
    ...validateScalePath(scale.labelSelectorPath, `${at}.labelSelectorPath`, '.status.', false),
  ]
}

function validateScalePath(path: string | undefined, field: string, under: '.spec.' | '.status.', must: boolean): FieldError[] {
  if (!path) return must ? [required(field)] : []
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')]
  // Upstream takes a selector from below spec as well.
  const ok = path.startsWith(under) || (!must && path.startsWith('.spec.'))
  return ok ? [] : [invalidValue(field, path, `should be a json path under ${under.slice(0, -1)}${must ? '' : ' or .spec'}`)]
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string']
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

function validateColumn(column: CustomResourceColumnDefinition, at: string): FieldError[] {
  const found: FieldError[] = []
  if (!column.name) found.push(required(`${at}.name`))
  if (!column.type) found.push(required(`${at}.type`, `must be one of ${columnTypes.join(',')}`))
  else if (!columnTypes.includes(column.type)) found.push(invalidValue(`${at}.type`, column.type, `must be one of ${columnTypes.join(',')}`))
  if (column.format && !columnFormats.includes(column.format)) found.push(invalidValue(`${at}.format`, column.format, `must be one of ${columnFormats.join(',')}`))
  if (!column.jsonPath) found.push(required(`${at}.jsonPath`))
  else found.push(...validateColumnPath(column.jsonPath, `${at}.jsonPath`))
  return found
}

export function validateNames(names: Partial<CustomResourceDefinitionNames> | undefined, at: string): FieldError[] {
  const found: FieldError[] = []
  const label = (field: string, value: string | undefined, mixed: boolean): void => {
    if (value) found.push(...joined(`${at}.${field}`, value, validateDns1035Label(mixed ? value.toLowerCase() : value), mixed ? 'may have mixed case, but should otherwise match: ' : ''))
  }
  label('plural', names?.plural, false)
  label('singular', names?.singular, false)
  label('kind', names?.kind, true)
  label('listKind', names?.listKind, true)
  names?.shortNames?.forEach((name, i) => label(`shortNames[${i}]`, name, false))
  if (names?.kind && names.kind === names.listKind) found.push(invalidValue(`${at}.listKind`, names.listKind, 'kind and listKind may not be the same'))
  names?.categories?.forEach((name, i) => label(`categories[${i}]`, name, false))
  return found
}

const reviewVersions = ['v1', 'v1beta1']

function validateConversion(conversion: CustomResourceConversion | undefined, at: string): FieldError[] {
  if (!conversion) return []
  const { strategy, webhook } = conversion
  if (!strategy) return [required(`${at}.strategy`)]
  if (strategy !== 'None' && strategy !== 'Webhook') return [notSupported(`${at}.strategy`, strategy, ['None', 'Webhook'])]
  if (strategy === 'None') return webhook ? [forbidden(`${at}.webhookClientConfig`, 'should not be set when strategy is not set to Webhook')] : []
  const found: FieldError[] = []
  const { url, service } = webhook?.clientConfig ?? {}
  if (!webhook?.clientConfig) found.push(required(`${at}.webhookClientConfig`, 'required when strategy is set to Webhook'))
  else if ((url === undefined) === (service === undefined)) found.push(required(`${at}.webhookClientConfig`, 'exactly one of url or service is required'))
  if (url !== undefined) found.push(...validateUrl(url, `${at}.webhookClientConfig.url`))
  if (service) {
    if (!service.name) found.push(required(`${at}.webhookClientConfig.service.name`, 'service name is required'))
    if (!service.namespace) found.push(required(`${at}.webhookClientConfig.service.namespace`, 'service namespace is required'))
    if (service.port !== undefined && (service.port < 1 || service.port > 65535)) found.push(invalidValue(`${at}.webhookClientConfig.service.port`, service.port, 'port is not valid: must be between 1 and 65535, inclusive'))
    if (service.path !== undefined && !service.path.startsWith('/')) found.push(invalidValue(`${at}.webhookClientConfig.service.path`, service.path, "must start with a '/'"))
  }
  return [...found, ...validateReviewVersions(webhook?.conversionReviewVersions ?? [], `${at}.conversionReviewVersions`)]
}

function validateReviewVersions(versions: readonly string[], at: string): FieldError[] {
  if (!versions.length) return [required(at)]
  const found = versions.flatMap((v, i) => (versions.indexOf(v) < i ? [duplicate(`${at}[${i}]`, v)] : joined(`${at}[${i}]`, v, validateDns1123Label(v))))
  if (!found.length && !versions.some((v) => reviewVersions.includes(v))) found.push(invalidValue(at, versions, `must include at least one of ${reviewVersions.join(', ')}`))
  return found
}

/** The URL of a webhook. */
export function validateUrl(text: string, field: string): FieldError[] {
  const form = 'desired format: https://host[/path]'
  if (!URL.canParse(text)) return [required(field, `url must be a valid URL: ${JSON.stringify(text)}; ${form}`)]
  const url = new URL(text)
  const found: FieldError[] = []
  if (url.protocol !== 'https:') found.push(invalidValue(field, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${form}`))
  if (!url.host) found.push(invalidValue(field, url.host, `host must be specified; ${form}`))
  if (url.username || url.password) found.push(invalidValue(field, url.username, 'user information is not permitted in the URL'))
  if (url.hash) found.push(invalidValue(field, url.hash.slice(1), 'fragments are not permitted in the URL'))
  if (url.search) found.push(invalidValue(field, url.search.slice(1), 'query parameters are not permitted in the URL'))
  return found
}
