/** Which requests a webhook or a policy is about (`k8s.io/apiserver/pkg/admission/plugin/{webhook,policy}/.../matching`). Pure. */
import type { NamedRuleWithOperations } from '../../../shared/api/admissionregistration-v1.ts'
import type { LabelSelector, ObjectMeta } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { selectsLabels } from '../../../shared/values/label-selector.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { Registry } from '../resources/live-registry.ts'
import { admissionGroup } from '../resources/webhook-rules.ts'
import type { AdmissionRequest, GroupVersionKind } from './chain.ts'

/** How a matching webhook or policy is to see the request. */
export interface Seen {
  /** The version its rules named: the one asked for, or one equivalent to it. */
  readonly definition: ResourceDefinition
  readonly kind: GroupVersionKind
}

export interface Constraints {
  readonly rules: readonly NamedRuleWithOperations[]
  readonly exclude?: readonly NamedRuleWithOperations[] | undefined
  readonly matchPolicy: string
}

const guarded = new Set(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', 'validatingadmissionpolicies', 'validatingadmissionpolicybindings'])

/** What configures admission is subject to none of it: a bad configuration can be taken back. */
export const isExempt = ({ definition }: AdmissionRequest): boolean => definition.group === admissionGroup && guarded.has(definition.resource)

const isNamespace = ({ group, resource }: { readonly group: string; readonly resource: string }): boolean => group === '' && resource === 'namespaces'

/** The namespace of the request; of a namespace itself its own name. `''` for what is of cluster scope. */
export const namespaceOf = ({ definition, namespace, name }: AdmissionRequest): string => (isNamespace(definition) ? name : namespace)

const has = (values: readonly string[] | undefined, value: string): boolean => values?.includes('*') === true || values?.includes(value) === true

function hasResource(resources: readonly string[] | undefined, resource: string, subresource: string): boolean {
  return resources?.some((pattern) => {
    const [wanted = '', sub = ''] = pattern.split('/')
    return (wanted === '*' || wanted === resource) && (sub === '*' || sub === subresource)
  }) ?? false
}

function inScope(scope: string | undefined, request: AdmissionRequest): boolean {
  if (scope === undefined || scope === '*') return true
  const namespaced = !isNamespace(request.definition) && request.namespace !== ''
  return namespaced === (scope === 'Namespaced')
}

function matchesRule(rule: NamedRuleWithOperations, request: AdmissionRequest, { group, version, resource }: ResourceDefinition): boolean {
  return has(rule.apiGroups, group) && has(rule.apiVersions, version) && has(rule.operations, request.operation) && hasResource(rule.resources, resource, request.subresource)
    && inScope(rule.scope, request) && (!rule.resourceNames?.length || rule.resourceNames.includes(request.name))
}

/** Versions of the same stored kind, the asked one first. */
function equivalents(request: AdmissionRequest, registry: Registry): readonly ResourceDefinition[] {
  const hub = request.definition
  return [request.asked, ...registry.all.filter((d) => d !== request.asked && (d.storage?.definition ?? d) === hub)]
}

const ownKind = ({ kind, definition, asked }: AdmissionRequest): boolean => kind.kind !== definition.kind || (kind.group !== definition.group && kind.group !== asked.group)

/** Undefined where the rules do not choose the request. */
export function matchRules({ rules, exclude, matchPolicy }: Constraints, request: AdmissionRequest, registry: Registry): Seen | undefined {
  if (isExempt(request)) return undefined
  const direct = (list: readonly NamedRuleWithOperations[], definition: ResourceDefinition): boolean => list.some((rule) => matchesRule(rule, request, definition))
  const versions = (list: readonly NamedRuleWithOperations[]): ResourceDefinition | undefined =>
    direct(list, request.asked) ? request.asked : matchPolicy === 'Exact' ? undefined : equivalents(request, registry).find((d) => direct(list, d))
  if (exclude?.length && versions(exclude)) return undefined
  const definition = rules.length || !exclude ? versions(rules) : request.asked
  return definition && { definition, kind: ownKind(request) ? request.kind : definition }
}

type Labels = ObjectMeta['labels']

const isEmpty = (selector: LabelSelector | undefined): boolean => !selector?.matchExpressions?.length && !Object.keys(selector?.matchLabels ?? {}).length

/** `labelsOf`: the labels of the request's namespace where it is not the object itself; asked only when they matter. */
export function matchesNamespace(selector: LabelSelector | undefined, request: AdmissionRequest, labelsOf: (namespace: string) => Labels): boolean {
  if (isEmpty(selector)) return true
  const namespace = namespaceOf(request)
  if (!namespace) return true
  const itself = isNamespace(request.definition) && request.subresource === '' ? request.object : undefined
  return selectsLabels(selector, itself ? itself.metadata?.labels : labelsOf(namespace))
}

const selected = (selector: LabelSelector | undefined, object: KubeObject | undefined): boolean => object?.metadata !== undefined && selectsLabels(selector, object.metadata.labels)

/** By the labels of the object as it is or as it was. */
export const matchesObject = (selector: LabelSelector | undefined, { object, old }: AdmissionRequest): boolean =>
  isEmpty(selector) || selected(selector, object) || selected(selector, old)
