import type { FlowSchema, FlowSchemaSpec, PolicyRulesWithSubjects, Subject } from '../../../shared/api/flowcontrol-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Label, validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, notSupported, required } from './findings.ts'
import { suggestedSchemas } from '../flow-control/suggested.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

const maxPrecedence = 10_000
const defaultPrecedence = 1000
const methods = ['ByNamespace', 'ByUser']
const kinds = ['Group', 'ServiceAccount', 'User']
const verbs = ['*', 'create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

const fieldOfKind = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const

function validateSubject(s: Subject, at: string): FieldError[] {
  if (!kinds.includes(s.kind)) return [notSupported(`${at}.kind`, s.kind ?? '', kinds)]
  const own = fieldOfKind[s.kind as keyof typeof fieldOfKind]
  const found: FieldError[] = []
  for (const [kind, f] of Object.entries(fieldOfKind)) if (f !== own && s[f]) found.push(forbidden(`${at}.${f}`, `${f} is forbidden when subject kind is not '${kind}'`))
  const subject = s[own]
  if (!subject) return [...found, required(`${at}.${own}`, `${own} is required when subject kind is '${s.kind}'`)]
  if (!subject.name) found.push(required(`${at}.${own}.name`))
  else if (own === 'serviceAccount' && subject.name !== '*') found.push(...invalidFor(`${at}.${own}.name`, subject.name, validateDns1123Subdomain(subject.name)))
  if (s.kind !== 'ServiceAccount') return found
  const namespace = s.serviceAccount?.namespace ?? ''
  return [...found, ...(namespace ? invalidFor(`${at}.serviceAccount.namespace`, namespace, validateDns1123Label(namespace)) : [required(`${at}.serviceAccount.namespace`, 'must specify namespace for service account')])]
}

/** A list that must have something in it, `*` alone if at all. */
function validateAll(values: readonly string[] | undefined, at: string, what: string): FieldError[] {
  if (!values?.length) return [required(at, `must contain at least one value`)]
  return values.includes('*') && values.length > 1 ? [invalidValue(at, values, `if '*' is present, must not specify other ${what}`)] : []
}

function validateRule(rule: PolicyRulesWithSubjects, at: string): FieldError[] {
  const found: FieldError[] = rule.subjects?.length ? [] : [required(`${at}.subjects`, 'subjects must contain at least one value')]
  rule.subjects?.forEach((s, i) => found.push(...validateSubject(s, `${at}.subjects[${i}]`)))
  if (!rule.resourceRules?.length && !rule.nonResourceRules?.length) found.push(required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty'))
  const knownVerbs = (given: readonly string[] | undefined, field: string): FieldError[] => [
    ...validateAll(given, field, 'verbs'), ...((given ?? []).some((v) => !verbs.includes(v)) ? [notSupported(field, given, verbs)] : []),
  ]
  rule.resourceRules?.forEach((r, i) => {
    const here = `${at}.resourceRules[${i}]`
    found.push(...knownVerbs(r.verbs, `${here}.verbs`), ...validateAll(r.apiGroups, `${here}.apiGroups`, 'api groups'), ...validateAll(r.resources, `${here}.resources`, 'resources'))
    if (!r.namespaces?.length && !r.clusterScope) found.push(required(`${here}.namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace'))
    else if (r.namespaces?.includes('*') && r.namespaces.length > 1) found.push(invalidValue(`${here}.namespaces`, r.namespaces, "if '*' is present, must not specify other namespaces"))
  })
  rule.nonResourceRules?.forEach((r, i) => {
    const here = `${at}.nonResourceRules[${i}]`
    found.push(...knownVerbs(r.verbs, `${here}.verbs`), ...validateAll(r.nonResourceURLs, `${here}.nonResourceURLs`, 'non-resource URLs'))
    r.nonResourceURLs?.forEach((url, j) => { if (url !== '*' && !url.startsWith('/')) found.push(invalidValue(`${here}.nonResourceURLs[${j}]`, url, "must start with slash")) })
  })
  return found
}

function validate(schema: FlowSchema): FieldError[] {
  const spec = schema.spec as FlowSchemaSpec
  const name = schema.metadata?.name ?? ''
  const fixed = (name === 'exempt' || name === 'catch-all') && suggestedSchemas.find((m) => m.metadata?.name === name)
  if (fixed && !equalJson(spec, fixed.spec)) return [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)]
  const { matchingPrecedence: precedence = 0, distinguisherMethod: method, priorityLevelConfiguration: level } = spec
  const at = 'spec.matchingPrecedence'
  const found: FieldError[] = []
  if (precedence <= 0) found.push(invalidValue(at, precedence, 'must be a positive value'))
  if (precedence > maxPrecedence) found.push(invalidValue(at, precedence, `must not be greater than ${maxPrecedence}`))
  if (precedence === 1 && name !== 'exempt') found.push(invalidValue(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
  if (method && !methods.includes(method.type)) found.push(notSupported('spec.distinguisherMethod', method, methods))
  if (!level?.name) found.push(required('spec.priorityLevelConfiguration.name', 'must reference a priority level'))
  else found.push(...invalidFor('spec.priorityLevelConfiguration.name', level.name, validateDns1123Subdomain(level.name)))
  spec.rules?.forEach((rule, i) => found.push(...validateRule(rule, `spec.rules[${i}]`)))
  return found
}

export const flowSchemas = define<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas', kind: 'FlowSchema', namespaced: false, schema: 'flowcontrol-v1.FlowSchema', subresources: { status: true },
  columns: [
    nameColumn, column('PriorityLevel', (s) => s.spec?.priorityLevelConfiguration?.name ?? '', { description: '`name` is the name of the priority level configuration being referenced' }),
    column('MatchingPrecedence', (s) => s.spec?.matchingPrecedence ?? 0, { description: '`matchingPrecedence` is used to choose among the FlowSchemas that match a given request.' }),
    column('DistinguisherMethod', (s) => s.spec?.distinguisherMethod?.type ?? '<none>', { description: '`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema.' }), ageColumn,
    column('MissingPL', (s) => s.status?.conditions?.find((c) => c.type === 'Dangling')?.status ?? '?', { description: 'references a broken or non-existent PriorityLevelConfiguration' }),
  ],
  strategy: {
    default(s) {
      s.spec ??= {} as FlowSchemaSpec
      s.spec.matchingPrecedence ||= defaultPrecedence
      s.status ??= {}
    },
    prepareForCreate: (s) => startGeneration(s), prepareForUpdate: carryOver, validate,
  },
})
