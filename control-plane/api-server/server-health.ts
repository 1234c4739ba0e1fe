/** The server's own health checks under upstream's names, and what it counts of its store. */
import type { Metrics } from '../../shared/base/metrics.ts'
import type { Store } from '../store/store.ts'
import type { HealthCheck } from './health.ts'
import { resourcePrefix } from './keys.ts'
import type { Registry } from './resources/registry.ts'

export interface ServerFacts {
  readonly store: Store
  /** Why what the server follows is not followed any more. */
  failure(): string | undefined
  bootstrapped(): boolean
  readonly stopping: AbortSignal
}

const well = (): undefined => undefined

/** In upstream's order. `etcd` is the store, whatever it is: probes and dashboards know the name. */
export function serverChecks({ store, failure, bootstrapped, stopping }: ServerFacts): HealthCheck[] {
  const bootstrap = (): string | undefined => (bootstrapped() ? undefined : 'not finished')
  return [
    { name: 'ping', check: well },
    { name: 'log', check: well },
    { name: 'etcd', check: () => (store.revision > 0 ? undefined : 'the store has no revision') },
    { name: 'informer-sync', check: failure, readinessOnly: true },
    { name: 'poststarthook/generic-apiserver-start-informers', check: failure },
    { name: 'poststarthook/priority-and-fairness-config-consumer', check: failure },
    { name: 'poststarthook/rbac/bootstrap-roles', check: bootstrap },
    { name: 'poststarthook/start-system-namespaces-controller', check: bootstrap },
    { name: 'shutdown', check: () => (stopping.aborted ? 'process is shutting down' : undefined), readinessOnly: true },
  ]
}

export function collectStoreMetrics(metrics: Metrics, store: Store, registry: Registry): void {
  metrics.collected('apiserver_storage_objects', {
    kind: 'gauge', help: 'Number of stored objects at the time of last check split by kind.', labels: ['resource'],
    read: () => registry.resources.map((d) => ({ labels: [d.group ? `${d.resource}.${d.group}` : d.resource], value: store.count(resourcePrefix(d.storage?.definition ?? d)) })),
  })
}
