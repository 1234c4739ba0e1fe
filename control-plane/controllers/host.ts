/** Starts every controller over shared informers, each under supervision with its own identity. */
import type { ResourceRef } from '../../shared/api/object.ts'
import type { Host } from '../../shared/base/host.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import { createEventRecorder, type EventRecorder } from '../../shared/reconcile/event-recorder.ts'
import type { SharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { createSupervisor, type LoopHealth } from '../../shared/reconcile/supervisor.ts'
import { createAccountTokensController, type AccountTokensConfig } from './account-tokens/controller.ts'
import { createBootstrapTokensController } from './bootstrap-tokens/controller.ts'
import type { Controller, ControllerDeps } from './controller.ts'
import { createCronJobController } from './cron-job/controller.ts'
import { createCsrController, type CsrConfig } from './csr/controller.ts'
import { createDaemonSetController } from './daemon-set/controller.ts'
import { createDeploymentController } from './deployment/controller.ts'
import { createDisruptionController } from './disruption/controller.ts'
import { createEndpointSliceController } from './endpoint-slice/controller.ts'
import { createEndpointsController } from './endpoints/controller.ts'
import { createEphemeralVolumeController } from './ephemeral-volume/controller.ts'
import { createGarbageCollector } from './garbage-collector/controller.ts'
import type { ChangingResources } from './garbage-collector/followed.ts'
import { createHorizontalPodAutoscalerController, type AutoscalerConfig } from './horizontal-pod-autoscaler/controller.ts'
import { createJobController } from './job/controller.ts'
import { createLocalPathController, type LocalPathConfig } from './local-path/controller.ts'
import { createNamespaceController } from './namespace/controller.ts'
import { createNodeLifecycleController, type NodeLifecycleConfig } from './node-lifecycle/controller.ts'
import { createPodGcController, type PodGcConfig } from './pod-gc/controller.ts'
import { createPersistentVolumeController } from './persistent-volume/controller.ts'
import { createReplicaController } from './replica-set/controller.ts'
import { replicaSets, replicationControllers } from './replica-set/replica-kind.ts'
import { createStatefulSetController } from './stateful-set/controller.ts'
import { createVolumeProtectionController } from './volume-protection/controller.ts'
import { createServiceAccountController, type ServiceAccountConfig } from './service-account/controller.ts'

export interface ControllersConfig extends NodeLifecycleConfig, ServiceAccountConfig, AccountTokensConfig, CsrConfig, PodGcConfig, LocalPathConfig, AutoscalerConfig {
  /** Every served resource: what a namespace is emptied of. Asked for each time. */
  resources(): readonly ResourceRef[]
  /** Those of `resources` that come and go. */
  readonly customResources?: ChangingResources
  /** Resources the garbage collector follows. Default: those `resources` gives at start, without events. */
  readonly garbageCollected?: readonly ResourceRef[]
}

export interface ControllersOptions {
  /** A client, or one per identity (`system:serviceaccount:kube-system:deployment-controller`). */
  readonly client: ApiClient | ((user: string) => ApiClient)
  readonly host: Host
  readonly informers: SharedInformers
  readonly config: ControllersConfig
}

export interface Controllers {
  health(): readonly LoopHealth[]
  /** Stops all loops, waits for the work under way and for recorded events. Leaves the informers running. Idempotent. */
  close(): Promise<void>
}

interface Entry { readonly identity: string; readonly create: (deps: ControllerDeps, config: ControllersConfig) => Controller }

/** What is there as long as the server is, without events: nothing owns them. */
function lasting({ resources, customResources }: ControllersConfig): readonly ResourceRef[] {
  const custom = new Set(customResources?.list())
  return resources().filter((r) => r.resource !== 'events' && !custom.has(r))
}

/** One line a controller: the name of its account, which is the component of its events too, and how it is made. */
const table: readonly Entry[] = [
  { identity: 'deployment-controller', create: createDeploymentController },
  { identity: 'replicaset-controller', create: (deps) => createReplicaController(deps, replicaSets) },
  { identity: 'replication-controller', create: (deps) => createReplicaController(deps, replicationControllers) },
  { identity: 'daemon-set-controller', create: createDaemonSetController },
  { identity: 'statefulset-controller', create: createStatefulSetController },
  { identity: 'job-controller', create: createJobController },
  { identity: 'cronjob-controller', create: createCronJobController },
  { identity: 'horizontal-pod-autoscaler', create: createHorizontalPodAutoscalerController },
  { identity: 'disruption-controller', create: createDisruptionController },
  { identity: 'persistent-volume-binder', create: createPersistentVolumeController },
  { identity: 'ephemeral-volume-controller', create: createEphemeralVolumeController },
  { identity: 'local-path-provisioner', create: createLocalPathController },
  { identity: 'pvc-protection-controller', create: createVolumeProtectionController },
  { identity: 'endpoint-controller', create: createEndpointsController },
  { identity: 'endpointslice-controller', create: createEndpointSliceController },
  { identity: 'node-controller', create: createNodeLifecycleController },
  { identity: 'pod-garbage-collector', create: createPodGcController },
  { identity: 'namespace-controller', create: createNamespaceController },
  {
    identity: 'generic-garbage-collector',
    create: (deps, config) => createGarbageCollector(deps, {
      resources: config.garbageCollected ?? lasting(config), custom: config.customResources,
    }),
  },
  { identity: 'service-account-controller', create: createServiceAccountController },
  { identity: 'certificate-controller', create: createCsrController },
  { identity: 'tokens-controller', create: createAccountTokensController },
  { identity: 'token-cleaner', create: createBootstrapTokensController },
]

export function startControllers(options: ControllersOptions): Controllers {
  const { host, informers, config } = options
  const clientFor = (identity: string): ApiClient => (typeof options.client === 'function' ? options.client(`system:serviceaccount:kube-system:${identity}`) : options.client)
  const supervisor = createSupervisor(host)
  const recorders: EventRecorder[] = []
  const controllers = table.map(({ identity, create }) => {
    const client = clientFor(identity)
    const recorder = createEventRecorder({ client, host, component: identity })
    recorders.push(recorder)
    const controller = create({ client, informers, host, recorder }, config)
    supervisor.run(controller.name, (signal) => controller.run(signal))
    return controller
  })
  return {
    health: () => supervisor.health(),
    async close() {
      await supervisor.close()
      for (const c of controllers) c.close()
      await Promise.all(recorders.map((r) => r.flush()))
    },
  }
}
