/** Which flow schema a request belongs to, and which flow of it: `k8s.io/apiserver/pkg/util/flowcontrol/rule.go`. Pure. */
import type { FlowSchema, PolicyRulesWithSubjects, ResourcePolicyRule, Subject } from '../../../shared/api/flowcontrol-v1.ts'
import type { Attributes } from '../authz/attributes.ts'

export type Asked = Pick<Attributes, 'user' | 'verb' | 'isResourceRequest' | 'group' | 'resource' | 'subresource' | 'namespace' | 'path'>

export interface Classified { readonly schema: FlowSchema; readonly level: string; /** Tells flows of one schema apart; `''` where the schema is one flow. */ readonly flow: string }

/** In the order they are asked: lower precedence first, then by name. */
export const inOrder = (schemas: readonly FlowSchema[]): FlowSchema[] => schemas.toSorted((a, b) =>
  (a.spec?.matchingPrecedence ?? 1000) - (b.spec?.matchingPrecedence ?? 1000) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1))

/** `schemas` as {@link inOrder} gives them. Undefined where nothing matches, which a whole configuration (with `catch-all`) leaves to nobody. */
export function classify(schemas: readonly FlowSchema[], asked: Asked): Classified | undefined {
  for (const schema of schemas) {
    if (!schema.spec?.rules?.some((rule) => matches(rule, asked))) continue
    return { schema, level: schema.spec.priorityLevelConfiguration.name, flow: distinguish(schema.spec.distinguisherMethod?.type, asked) }
  }
  return undefined
}

const distinguish = (method: string | undefined, asked: Asked): string => (method === 'ByUser' ? asked.user.name : method === 'ByNamespace' ? asked.namespace : '')

function matches(rule: PolicyRulesWithSubjects, asked: Asked): boolean {
  if (!rule.subjects.some((s) => isOne(s, asked))) return false
  if (asked.isResourceRequest) return rule.resourceRules?.some((r) => coversResource(r, asked)) ?? false
  return rule.nonResourceRules?.some((r) => has(r.verbs, asked.verb) && r.nonResourceURLs.some((url) => coversPath(url, asked.path))) ?? false
}

const SERVICE_ACCOUNT = 'system:serviceaccount:'

function isOne(subject: Subject, { user }: Asked): boolean {
  if (subject.kind === 'User') return subject.user?.name === '*' || subject.user?.name === user.name
  if (subject.kind === 'Group') return subject.group?.name === '*' || user.groups.includes(subject.group?.name ?? '')
  const { namespace = '', name = '' } = subject.serviceAccount ?? {}
  return name === '*' ? user.name.startsWith(`${SERVICE_ACCOUNT}${namespace}:`) : user.name === `${SERVICE_ACCOUNT}${namespace}:${name}`
}

const has = (list: readonly string[], value: string): boolean => list.includes(value) || list.includes('*')

function coversResource(rule: ResourcePolicyRule, asked: Asked): boolean {
  const resource = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource
  if (!has(rule.verbs, asked.verb) || !has(rule.apiGroups, asked.group) || !has(rule.resources, resource)) return false
  return asked.namespace ? has(rule.namespaces ?? [], asked.namespace) : rule.clusterScope === true
}

function coversPath(url: string, path: string): boolean {
  if (url === '*' || url === path) return true
  return url.endsWith('/*') && path.startsWith(url.slice(0, -1))
}
