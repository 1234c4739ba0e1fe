/** `metrics.k8s.io/v1beta1`: what `kubectl top` and autoscalers read. Nodes are asked when a client asks, and their answers kept for a moment; nothing runs otherwise. */
import type { Node, Pod } from '../../shared/api/core-v1.ts'
import { messageOf, StatusError } from '../../shared/base/errors.ts'
import type { Log } from '../../shared/base/host.ts'
import type { ContainerUsage, NodeUsage, Usage } from '../../shared/streams/usage.ts'
import { matchesLabels, parseSelector } from '../../shared/values/selector.ts'
import { kindOf, StoredObjects } from './admission/stored-objects.ts'
import type { VirtualResource } from './discovery/groups.ts'
import type { RequestInfo } from './request-info.ts'
import type { ApiContext } from './verbs/context.ts'
import { attempt } from './verbs/selection.ts'

export const metricsGroup = 'metrics.k8s.io'
const version = 'v1beta1'
const apiVersion = `${metricsGroup}/${version}`
const verbs = ['get', 'list']

export const usageResources: readonly VirtualResource[] = [
  { group: metricsGroup, version, resource: 'nodes', singular: '', kind: 'NodeMetrics', namespaced: false, verbs },
  { group: metricsGroup, version, resource: 'pods', singular: '', kind: 'PodMetrics', namespaced: true, verbs },
]

/** Rejects with a `StatusError` where the node does not answer. */
export interface UsageSource { usage(node: string): Promise<NodeUsage> }

const amounts = (u: Pick<Usage, 'usageNanoCores' | 'workingSetBytes'>): { cpu: string; memory: string } => ({ cpu: `${u.usageNanoCores}n`, memory: `${Math.ceil(u.workingSetBytes / 1024)}Ki` })
const duration = (seconds: number): string => `${Math.round(seconds * 1000) / 1000}s`

const notMeasured = (kind: string, name: string): StatusError =>
  new StatusError('NotFound', `${kind}.${metricsGroup} ${JSON.stringify(name)} not found`, { details: { name, group: metricsGroup, kind } })

function nodeMetrics(node: Node, usage: NodeUsage): object {
  return { metadata: { name: node.metadata?.name, creationTimestamp: usage.time, labels: node.metadata?.labels ?? {} }, timestamp: usage.time, window: duration(usage.windowSeconds), usage: amounts(usage) }
}

function podMetrics(pod: Pod, usage: NodeUsage, containers: readonly ContainerUsage[]): object {
  const { name, namespace, labels } = pod.metadata ?? {}
  return {
    metadata: { name, namespace, creationTimestamp: usage.time, ...(labels ? { labels } : {}) }, timestamp: usage.time, window: duration(usage.windowSeconds),
    containers: containers.map((c) => ({ name: c.container, usage: amounts(c) })),
  }
}

/** The body of an answer; NotFound and MethodNotAllowed as `StatusError`. A node that does not answer is left out. */
export async function answerUsage(deps: { ctx: ApiContext; source: UsageSource; log: Log }, info: RequestInfo): Promise<object> {
  const { ctx, source, log } = deps
  if (info.version !== version || info.subresource || (info.resource !== 'nodes' && info.resource !== 'pods')) throw new StatusError('NotFound', 'the server could not find the requested resource', { details: {} })
  if (info.verb !== 'get' && info.verb !== 'list') throw new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', { details: {} })
  const stored = new StoredObjects(ctx.store, ctx.objects)
  const ask = async (name: string): Promise<NodeUsage | undefined> => {
    try {
      return await source.usage(name)
    } catch (e) {
      log.debug('a node did not say what it uses', { node: name, error: messageOf(e) })
      return undefined
    }
  }
  const selector = attempt(() => parseSelector(info.query.get('labelSelector') ?? ''))
  const one = info.verb === 'get'
  const chosen = (o: Node | Pod): boolean => (one ? o.metadata?.name === info.name : matchesLabels(selector, o.metadata?.labels ?? {}))
  const found = info.resource === 'nodes' ? await measuredNodes(stored.list<Node>(kindOf('', 'nodes', false)).filter(chosen), ask)
    : await measuredPods(stored.list<Pod>(kindOf('', 'pods', true), info.namespace).filter(chosen), ask)
  const kind = info.resource === 'nodes' ? 'NodeMetrics' : 'PodMetrics'
  if (!one) return { kind: `${kind}List`, apiVersion, metadata: {}, items: found }
  if (!found[0]) throw notMeasured(kind.toLowerCase(), info.namespace ? `${info.namespace}/${info.name}` : info.name)
  return { kind, apiVersion, ...found[0] }
}

type Ask = (node: string) => Promise<NodeUsage | undefined>

async function measuredNodes(nodes: readonly Node[], ask: Ask): Promise<object[]> {
  const usages = await Promise.all(nodes.map((n) => ask(n.metadata?.name ?? '')))
  return nodes.flatMap((node, i) => { const usage = usages[i]; return usage ? [nodeMetrics(node, usage)] : [] })
}

async function measuredPods(pods: readonly Pod[], ask: Ask): Promise<object[]> {
  const names = [...new Set(pods.filter((p) => p.status?.phase === 'Running').map((p) => p.spec?.nodeName ?? ''))].filter(Boolean)
  const usages = new Map(await Promise.all(names.map(async (name) => [name, await ask(name)] as const)))
  return pods.flatMap((pod) => {
    const usage = usages.get(pod.spec?.nodeName ?? '')
    const containers = usage?.containers.filter((c) => c.uid === pod.metadata?.uid) ?? []
    return usage && containers.length ? [podMetrics(pod, usage, containers)] : []
  })
}
