/** The parts of the control plane, in the order they start. Alone in knowing implementations; each part knows interfaces. */
import { join } from 'node:path'
import { isAlreadyExists, isNotFound, StatusError } from '../shared/base/errors.ts'
import type { Host } from '../shared/base/host.ts'
import { refs } from '../shared/api/refs.ts'
import type { ApiClient } from '../shared/client/api-client.ts'
import { RotatingFile } from '../shared/host/rotating-file.ts'
import { createSharedInformers } from '../shared/reconcile/shared-informers.ts'
import type { LoopHealth } from '../shared/reconcile/supervisor.ts'
import { signCsr } from '../shared/pki/certificates.ts'
import { createApiServer } from './api-server/api-server.ts'
import { loadPolicy } from './api-server/audit/policy.ts'
import { componentUser } from './api-server/authn/user.ts'
import { createStreamHandlers } from './api-server/streams/stream-handlers.ts'
import { createBroker } from './broker/broker.ts'
import { createNodeGateway, type NodeGateway } from './broker/node-gateway/gateway.ts'
import type { ControlPlaneConfig } from './config.ts'
import { startControllers, type Controllers } from './controllers/host.ts'
import { joiningKubeconfig, loadIdentity, type Identity } from './identity.ts'
import { keyRotation, loadServiceAccountKeys, storedUnder } from './key-rotation.ts'
import { endpointAddress, publishKubernetesEndpoints } from './kubernetes-endpoints.ts'
import { startScheduler, type Scheduler } from './scheduler/loop.ts'
import { createServiceAccountTokens } from './service-account-tokens.ts'
import { Encryption } from './store/encryption/envelope.ts'
import { KeyRing } from './store/encryption/key-ring.ts'
import { openSqliteStore } from './store/sqlite/open.ts'

export interface ControlPlane {
  readonly apiPort: number
  readonly mqttPort: number
  readonly identity: Identity
  /** Ends everything in reverse order; what was acknowledged is on disk when it resolves. */
  close(): Promise<void>
}

/** A node renews at two thirds of it; one that was in a drawer for longer joins again. */
const nodeCertificateLife = 365 * 86_400_000

/** First address of the service range: `kubernetes.default`. */
function firstAddress(cidr: string): string {
  const parts = (cidr.split('/')[0] ?? '').split('.').map(Number)
  return [...parts.slice(0, 3), (parts[3] ?? 0) + 1].join('.')
}

async function ensure(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (e) {
    if (!isAlreadyExists(e)) throw e
  }
}

/** What anybody may know of the cluster before and after joining it, where kubeadm puts it too, with the right to read it. */
async function publishClusterInfo(client: ApiClient, data: Record<string, string>): Promise<void> {
  const metadata = { name: 'cluster-info', namespace: 'kube-public' }
  const reader = { name: 'bramble:cluster-info', namespace: 'kube-public' }
  const apiGroup = 'rbac.authorization.k8s.io'
  await ensure(client.create(refs.Role, { metadata: reader, rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [metadata.name], verbs: ['get'] }] }))
  await ensure(client.create(refs.RoleBinding, {
    metadata: reader, roleRef: { apiGroup, kind: 'Role', name: reader.name },
    subjects: ['system:authenticated', 'system:unauthenticated'].map((name) => ({ apiGroup, kind: 'Group', name })),
  }))
  try {
    const old = await client.get(refs.ConfigMap, metadata)
    if (Object.entries(data).every(([k, v]) => old.data?.[k] === v)) return
    await client.patch(refs.ConfigMap, metadata, 'application/merge-patch+json', { data })
  } catch (e) {
    if (!isNotFound(e)) throw e
    await client.create(refs.ConfigMap, { metadata, data })
  }
}

const unhealthy = (loops: readonly LoopHealth[]): string | undefined => {
  const waiting = loops.filter((l) => l.state === 'waiting')
  return waiting.length ? waiting.map((l) => `${l.name}: ${l.lastError ?? 'restarting'}`).join('; ') : undefined
}

/** Throws for a policy or a log file that cannot be used: a cluster that should be audited does not run without. */
async function openAudit({ audit }: ControlPlaneConfig, { clock, log }: Host) {
  if (!audit) return undefined
  const policy = await loadPolicy(audit.policyFile)
  const sink = new RotatingFile({ ...audit, clock, log })
  await sink.open()
  return { policy, sink }
}

export async function startControlPlane(config: ControlPlaneConfig, host: Host): Promise<ControlPlane> {
  const serviceIp = firstAddress(config.serviceCIDR)
  const identity = await loadIdentity({ dataDir: config.dataDir, clock: host.clock, log: host.log, serviceIp, extraNames: [config.advertise, ...config.tlsNames] })
  const tls = { key: identity.server.keyPem, cert: identity.server.certPem, ca: identity.ca.certPem }
  const keyFile = config.encryptionKeyFile ?? join(config.dataDir, 'pki', 'encryption-keys.json')
  const encryption = new Encryption({ ring: await KeyRing.load(keyFile), covers: storedUnder(config.encrypted), clock: host.clock, log: host.log.child('encryption') })
  const store = await openSqliteStore({ path: join(config.dataDir, 'state.db'), host, lazyFlushMs: config.lazyFlushMs, values: encryption })
  const { keyPem, earlierPem } = await loadServiceAccountKeys(config.dataDir)
  const tokens = createServiceAccountTokens({ keyPem, alsoPem: earlierPem, clock: host.clock, random: host.random })

  let gateway: NodeGateway | undefined
  let scheduler: Scheduler | undefined
  let controllers: Controllers | undefined
  const streams = createStreamHandlers({
    host, client: () => api.client(componentUser('apiserver')),
    rpc: { call: (node, method, params, options) => gateway ? gateway.rpc.call(node, method, params, options) : Promise.reject(new Error('the gateway is not up yet')) },
  })
  const audit = await openAudit(config, host)
  const api = createApiServer({
    ...(audit ? { audit } : {}), store, host, tls, frontProxy: identity.frontProxy, address: config.address, streams, serviceCIDR: config.serviceCIDR, nodePortRange: config.nodePortRange,
    tokens, documents: keyRotation({ dataDir: config.dataDir, store, encryption, tokens, log: host.log }),
    healthChecks: [
      { name: 'node-gateway', check: () => (gateway ? undefined : 'not started') }, { name: 'scheduler', check: () => (scheduler ? unhealthy(scheduler.health()) : 'not started') },
      { name: 'controllers', check: () => (controllers ? unhealthy(controllers.health()) : 'not started') },
    ],
  })
  await api.bootstrap()
  const broker = await createBroker({ host, tls, port: config.mqttPort, address: config.address })
  await publishClusterInfo(api.client(componentUser('apiserver')), {
    mqttPort: String(broker.port), clusterCIDR: config.podCIDR, serviceCIDR: config.serviceCIDR,
    kubeconfig: joiningKubeconfig({ server: `https://${config.advertise}:${config.apiPort}`, ca: identity.ca.certPem }),
  })
  const informers = createSharedInformers({ client: api.client(componentUser('informers')), host })
  controllers = startControllers({
    client: api.client(componentUser('kube-controller-manager')), host, informers,
    config: {
      clusterCidr: config.podCIDR, ca: identity.ca.certPem, resources: () => api.registry.resources, customResources: { list: () => api.registry.resources.filter((d) => d.codec), onChange: (listener) => api.registry.onChange(listener) },
      sign: (csrPem, { ttl, ...granted }) => signCsr(identity.ca, csrPem, { now: host.clock.now(), ttl: Math.min(ttl ?? nodeCertificateLife, nodeCertificateLife), ...granted }),
      mayRequest: ({ username = '', groups = [] }, right) => api.authorizer.allows({
        user: { name: username, groups }, verb: 'create', isResourceRequest: true, group: 'certificates.k8s.io', resource: 'certificatesigningrequests', subresource: right, namespace: '', name: '', path: '',
      }),
      metrics: api.metrics(componentUser('kube-controller-manager')),
      issueLegacy: (request) => tokens.issueLegacy(request),
      async removeVolume(name, path) {
        if (!gateway) throw new StatusError('ServiceUnavailable', 'the gateway is not up yet')
        await gateway.rpc.call(name, 'removeVolume', { path }, { timeout: 120_000 })
      },
    },
  })
  scheduler = startScheduler({ client: api.client(componentUser('kube-scheduler')), informers, host })
  gateway = await createNodeGateway({ host, bus: broker, client: api.client(componentUser('node-gateway')), informers })
  const apiPort = await api.listen(config.apiPort)
  await publishKubernetesEndpoints({ client: api.client(componentUser('apiserver')), log: host.log, address: endpointAddress(config.advertise), port: apiPort })

  return {
    apiPort, mqttPort: broker.port, identity,
    async close() {
      await gateway?.close()
      await broker.close()
      await scheduler?.close()
      await controllers?.close()
      await informers.close()
      await api.close()
      await audit?.sink.close()
      await store.close()
    },
  }
}
