/**
 * The configuration every cluster starts with: `k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap`, mandatory and suggested objects of v1. Pure.
 */
import type { FlowSchema, NonResourcePolicyRule, PriorityLevelConfiguration, ResourcePolicyRule, Subject } from '../../../shared/api/flowcontrol-v1.ts'

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1'
const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' }

export type ByMethod = 'ByUser' | 'ByNamespace' | undefined

const exemptLevel: PriorityLevelConfiguration = {
  apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name: 'exempt', annotations }, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
}
const limited = (name: string, nominalConcurrencyShares: number, lendablePercent: number, queuing?: { queues: number; handSize: number; queueLengthLimit: number }): PriorityLevelConfiguration => ({
  apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name, annotations },
  spec: { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse: queuing ? { type: 'Queue', queuing } : { type: 'Reject' } } },
})

export const suggestedLevels: readonly PriorityLevelConfiguration[] = [
  exemptLevel,
  limited('catch-all', 5, 0),
  limited('system', 30, 33, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  limited('node-high', 40, 25, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  limited('leader-election', 10, 0, { queues: 16, handSize: 4, queueLengthLimit: 50 }),
  limited('workload-high', 40, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  limited('workload-low', 100, 90, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  limited('global-default', 20, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
]

const group = (name: string): Subject => ({ kind: 'Group', group: { name } })
const user = (name: string): Subject => ({ kind: 'User', user: { name } })
const accounts = (namespace: string, name = '*'): Subject => ({ kind: 'ServiceAccount', serviceAccount: { namespace, name } })
const everybody = [group('system:unauthenticated'), group('system:authenticated')]

const everything: ResourcePolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }
const everyPath: NonResourcePolicyRule = { verbs: ['*'], nonResourceURLs: ['*'] }
const onLeases = (namespaces: string[]): ResourcePolicyRule => ({ verbs: ['get', 'create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces })
const all = { resourceRules: [everything], nonResourceRules: [everyPath] }

function schema(name: string, level: string, precedence: number, rest: { by?: ByMethod; subjects: Subject[]; resourceRules?: ResourcePolicyRule[]; nonResourceRules?: NonResourcePolicyRule[] }): FlowSchema {
  const { by, ...rule } = rest
  return {
    apiVersion, kind: 'FlowSchema', metadata: { name, annotations },
    spec: { matchingPrecedence: precedence, priorityLevelConfiguration: { name: level }, ...(by ? { distinguisherMethod: { type: by } } : {}), rules: [rule] },
  }
}

export const suggestedSchemas: readonly FlowSchema[] = [
  schema('exempt', 'exempt', 1, { subjects: [group('system:masters')], ...all }),
  schema('probes', 'exempt', 2, { subjects: everybody, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] }),
  schema('system-leader-election', 'leader-election', 100, {
    by: 'ByUser', subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), accounts('kube-system')], resourceRules: [onLeases(['kube-system'])] }),
  schema('endpoint-controller', 'workload-high', 150, {
    by: 'ByUser', subjects: [user('system:kube-controller-manager'), accounts('kube-system', 'endpoint-controller'), accounts('kube-system', 'endpointslicemirroring-controller')],
    resourceRules: [{ verbs: ['get', 'create', 'update'], apiGroups: [''], resources: ['endpoints'], namespaces: ['*'] }] }),
  schema('workload-leader-election', 'leader-election', 200, { by: 'ByUser', subjects: [accounts('kube-system')], resourceRules: [onLeases(['*'])] }),
  schema('system-node-high', 'node-high', 400, {
    by: 'ByUser', subjects: [group('system:nodes')],
    resourceRules: [{ verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] }, { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] }] }),
  schema('system-nodes', 'system', 500, { by: 'ByUser', subjects: [group('system:nodes')], ...all }),
  schema('kube-controller-manager', 'workload-high', 800, { by: 'ByNamespace', subjects: [user('system:kube-controller-manager')], ...all }),
  schema('kube-scheduler', 'workload-high', 800, { by: 'ByNamespace', subjects: [user('system:kube-scheduler')], ...all }),
  schema('kube-system-service-accounts', 'workload-high', 900, { by: 'ByNamespace', subjects: [accounts('kube-system')], ...all }),
  schema('service-accounts', 'workload-low', 9000, { by: 'ByUser', subjects: [group('system:serviceaccounts')], ...all }),
  schema('global-default', 'global-default', 9900, { by: 'ByUser', subjects: everybody, ...all }),
  schema('catch-all', 'catch-all', 10_000, { by: 'ByUser', subjects: everybody, ...all }),
]
