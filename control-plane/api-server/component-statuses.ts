/** `kubectl get componentstatuses`: the server's health checks as upstream's deprecated objects. Everything runs in this process, so a check is asked, not a port. */
import type { ComponentStatus } from '../../shared/api/core-v1.ts'
import { notFound } from '../../shared/base/errors.ts'
import type { HealthCheck } from './health.ts'
import type { ResourceDefinition } from './resources/definition.ts'
import type { Exchange } from './resource-requests.ts'
import { sendComputed, sendObject } from './server-response.ts'
import type { ApiContext } from './verbs/context.ts'

/** What upstream calls them. */
const names: Readonly<Record<string, string>> = { etcd: 'etcd-0', controllers: 'controller-manager' }

/** Which checks speak of a component: the store's and those the composition brought. */
export const componentChecks = (server: readonly HealthCheck[], others: readonly HealthCheck[]): HealthCheck[] => [...server.filter(({ name }) => name === 'etcd'), ...others]

function statusOf({ name, check }: HealthCheck): ComponentStatus {
  const why = check()
  return {
    kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name: names[name] ?? name },
    conditions: [why === undefined ? { type: 'Healthy', status: 'True', message: 'ok' } : { type: 'Healthy', status: 'False', message: why }],
  }
}

/** Answers a get or a list. */
export function answerComponents(ctx: ApiContext, exchange: Exchange, definition: ResourceDefinition, checks: readonly HealthCheck[]): Promise<void> {
  const statuses = checks.map(statusOf).sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1))
  const { verb, name } = exchange.info
  if (verb === 'list') return sendComputed(ctx, exchange, definition, statuses)
  const object = statuses.find((s) => s.metadata?.name === name)
  if (!object) throw notFound({ group: '', resource: 'componentstatuses', name })
  return sendObject(ctx, exchange, 200, { definition, bytes: undefined, object: () => object })
}
