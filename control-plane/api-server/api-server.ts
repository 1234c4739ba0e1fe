/** The API server put together: store, registry, authentication, authorization, admission and HTTPS. */
import { setMaxListeners } from 'node:events'
import { messageOf } from '../../shared/base/errors.ts'
import type { Host } from '../../shared/base/host.ts'
import { Metrics } from '../../shared/base/metrics.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import type { KeyPair } from '../../shared/pki/certificates.ts'
import type { Store } from '../store/store.ts'
import { Aggregator } from './aggregation/aggregator.ts'
import { publishAuthentication } from './aggregation/authentication-config.ts'
import { RemoteOpenApi } from './aggregation/remote-openapi.ts'
import { builtInAdmission } from './admission/built-in.ts'
import { AdmissionChain } from './admission/chain.ts'
import { dynamicAdmission } from './admission/dynamic.ts'
import { followQuotas } from './admission/quota/follower.ts'
import { QuotaLedger } from './admission/quota/ledger.ts'
import type { PodSecurityConfig } from './admission/pod-security/pod-security.ts'
import { PolicyStatus } from './admission/policies/status.ts'
import { AdmissionRegistry } from './admission/registered.ts'
import { releaseOrphans } from './admission/service-addresses.ts'
import type { AuditSink } from './audit/auditor.ts'
import { Auditor } from './audit/auditor.ts'
import type { Policy as AuditPolicy } from './audit/rules.ts'
import { Authenticator } from './authn/authenticator.ts'
import { LegacyTokenUse } from './authn/legacy-token-use.ts'
import type { ServedDocument } from './authn/openid-documents.ts'
import { openIdDocuments } from './authn/openid-documents.ts'
import type { TokenIssuer, TokenVerifier } from './authn/service-account.ts'
import { componentUser } from './authn/user.ts'
import type { User } from './authn/user.ts'
import { followAggregatedRoles } from './authz/aggregation/loop.ts'
import type { FullAuthorizer } from './authz/authorizer.ts'
import { createAuthorizer } from './authz/authorizer.ts'
import { nodeRules } from './authz/default-roles/cluster-roles.ts'
import { NodeGraph } from './authz/node/graph.ts'
import { RbacCache } from './authz/rbac/cache.ts'
import { customResourceRules } from './custom-resources/rules-admission.ts'
import { CustomResources } from './custom-resources/follower.ts'
import { WebhookClient } from './webhook-client/client.ts'
import { bootstrapObjects } from './bootstrap.ts'
import { groupVersions, type Served } from './discovery/groups.ts'
import { componentChecks } from './component-statuses.ts'
import { Discovery } from './discovery-requests.ts'
import { DanglingStatus } from './flow-control/dangling.ts'
import { FlowControl } from './flow-control/flow-control.ts'
import type { HealthCheck } from './health.ts'
import { Health } from './health.ts'
import { InProcessClient } from './in-process-client.ts'
import { Pipeline } from './pipeline.ts'
import type { Registry } from './resources/registry.ts'
import { createRegistry } from './resources/registry.ts'
import { reviewResources } from './reviews.ts'
import { collectStoreMetrics, serverChecks } from './server-health.ts'
import { HttpsServer } from './server.ts'
import type { StreamHandlers } from './streams.ts'
import { postSubresources } from './subresources/post.ts'
import { createMetricsApi, type MetricsApi } from './metrics-api.ts'
import { usageResources, type UsageSource } from './usage-metrics.ts'
import type { ApiContext } from './verbs/context.ts'
import { ObjectCache } from './watch/cache.ts'

export interface ApiServerDeps {
  readonly store: Store
  readonly host: Host
  /** PEM. `ca` is what client certificates must chain to. */
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer; readonly ca: string | Buffer }
  /** Shown to aggregated servers; `caPem` is what its certificate chains to, which they are told. */
  readonly frontProxy: { readonly caPem: string; readonly client: KeyPair }
  /** Address to listen on; all unless given. */
  readonly address?: string
  /** Service-account tokens; without it they are refused (401) and TokenRequests answered 404. */
  readonly tokens?: TokenVerifier & TokenIssuer
  readonly streams?: StreamHandlers
  /** Writes an audit log; without it nothing is audited. */
  readonly audit?: { readonly policy: AuditPolicy; readonly sink: AuditSink }
  /** Shown by /healthz, /livez and /readyz beside our own. */
  readonly healthChecks?: readonly HealthCheck[]
  /** Served beside ours, by path. */
  readonly documents?: Readonly<Record<string, ServedDocument>>
  /** Where ClusterIPs come from: `10.96.0.0/12`. */
  readonly serviceCIDR: string
  /** Inclusive; upstream's default is 30000 to 32767. */
  readonly nodePortRange: { readonly from: number; readonly to: number }
  /** Pod security of namespaces without labels, and what it leaves alone. */
  readonly podSecurity?: PodSecurityConfig
}

export interface ApiServer {
  /** Answers what users may do, for parts of the control plane that decide about users. */
  readonly authorizer: FullAuthorizer
  /** What is served; custom resources appear and go while the server runs. */
  readonly registry: Registry
  /** Bootstraps what must exist (system namespaces, default roles, the `kubernetes` Service), then listens. Resolves with the port (for `listen(0)`). */
  listen(port: number): Promise<number>
  /** In process, with this user's rights. Usable before `listen` once {@link ApiServer.bootstrap} has run. Cheap: make as many as there are users. */
  client(user: User): ApiClient
  /** The metrics APIs, with this user's rights. */
  metrics(user: User): MetricsApi
  /** Writes the objects that must exist; idempotent. `listen` calls it. */
  bootstrap(): Promise<void>
  /** Refuses new requests, ends watches, waits for requests under way (at most 10 s), closes. Does not close the store. Idempotent. */
  close(): Promise<void>
}

const streamKinds = { exec: 'Exec', attach: 'Attach', portforward: 'PortForward' } as const

/** Streams that the node's side serves, as discovery lists them. */
const podStreams = (['log', 'exec', 'attach', 'portforward'] as const).map((name) => ({
  group: '', version: 'v1', resource: 'pods', name, kind: name === 'log' ? { group: '', version: 'v1', kind: 'Pod' } : { group: '', version: 'v1', kind: `Pod${streamKinds[name]}Options` },
  verbs: name === 'log' ? ['get'] : ['create', 'get'],
}))

/** Every method of HTTP, as upstream lists it. */
const proxies = [['pods', 'PodProxyOptions'], ['services', 'ServiceProxyOptions'], ['nodes', 'NodeProxyOptions']].map(([resource = '', kind = '']) =>
  ({ group: '', version: 'v1', resource, name: 'proxy', kind: { group: '', version: 'v1', kind }, verbs: ['create', 'delete', 'get', 'patch', 'update'] }))

/** Parts of a pod that are written through names of their own. */
const podParts = ['ephemeralcontainers', 'resize'].map((name) => ({ group: '', version: 'v1', resource: 'pods', name, kind: { group: '', version: 'v1', kind: 'Pod' }, verbs: ['get', 'patch', 'update'] }))

const served = (registry: Registry, measured: boolean): Served => ({
  registry,
  subresources: [
    ...podStreams, ...proxies, ...podParts,
    ...Object.entries(postSubresources).map(([path, { body }]) => {
      const [group = '', resource = '', name = ''] = path.split('/')
      return { group, version: 'v1', resource, name, kind: { group: body.group, version: body.version, kind: body.kind }, verbs: ['create'] }
    }),
    { group: '', version: 'v1', resource: 'namespaces', name: 'finalize', kind: { group: '', version: 'v1', kind: 'Namespace' }, verbs: ['update'] },
    {
      group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', name: 'approval',
      kind: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest' }, verbs: ['get', 'patch', 'update'],
    },
  ],
  virtual: [{ group: '', version: 'v1', resource: 'bindings', singular: 'binding', kind: 'Binding', namespaced: true, verbs: ['create'] }, ...reviewResources, ...(measured ? usageResources : [])],
})

/** Starts nothing: call {@link ApiServer.bootstrap} or {@link ApiServer.listen}. */
export function createApiServer(deps: ApiServerDeps): ApiServer {
  const { store, host } = deps
  const registry = createRegistry()
  const log = host.log.child('api-server')
  const stop = new AbortController()
  // Each watch listens for the end; their number is bounded by the server's connections.
  setMaxListeners(0, stop.signal)
  const objects = new ObjectCache()
  const rbac = new RbacCache(store)
  const nodeGraph = new NodeGraph({ store, objects, rules: nodeRules() })
  const authorizer = createAuthorizer(rbac, nodeGraph)
  const ledger = new QuotaLedger(store, objects)
  const { first, last } = builtInAdmission({ ...deps, objects, rbac, authorizer, registry, ledger })
  const webhooks = new WebhookClient({ store, objects, random: host.random })
  const registered = new AdmissionRegistry(store)
  const dynamic = dynamicAdmission({ store, objects, webhooks, registry, authorizer, registered, random: host.random, log }, first)
  const ctx: ApiContext = { store, objects, registry, host: { ...host, log }, admission: new AdmissionChain([...first, customResourceRules, ...dynamic, ...last]), ...(deps.tokens ? { issuer: deps.tokens } : {}) }
  let failure: string | undefined
  const follow = (what: string, loop: Promise<void>): Promise<void> => loop.catch((e: unknown) => {
    // Rights that are not followed any more must not be served from.
    failure = `${what} are not followed: ${messageOf(e)}`
    log.error(`following ${what} failed; readiness is off`, { error: e as Error })
  })
  const authenticator = new Authenticator({ store, objects, clock: host.clock, authorizer, usedLegacy: (namespace, secret) => legacyUse.used(namespace, secret), ...(deps.tokens ? { tokens: deps.tokens } : {}) })
  const reviewing = { authorizer, authenticator, now: () => host.clock.now() }
  const metrics = host.metrics ?? new Metrics()
  collectStoreMetrics(metrics, store, registry)
  const flow = new FlowControl({ store, clock: host.clock, metrics })
  let ready = false
  const [checks, others] = [serverChecks({ store, stopping: stop.signal, failure: () => failure, bootstrapped: () => ready }), deps.healthChecks ?? []]
  const health = new Health([...checks, ...others], log)
  const { streams } = deps
  const usage: UsageSource | undefined = streams?.usage && { usage: (node) => streams.usage?.(node) ?? Promise.reject(new Error('not measured')) }
  const client = (user: User): ApiClient => new InProcessClient({ ctx, registry, authorizer, reviewing, stopping: stop.signal }, user)
  const own = served(registry, usage !== undefined)
  const aggregator = new Aggregator({
    store, objects, registry, metrics, served: () => groupVersions(own), frontProxy: deps.frontProxy.client, client: client(componentUser('kube-aggregator')), host: { ...host, log },
  })
  const pipeline = new Pipeline({
    usage, ctx, registry, authorizer, authenticator, reviewing, components: componentChecks(checks, others), streams: deps.streams, log, ca: deps.tls.ca, stopping: stop.signal,
    metrics, flow, health, aggregation: aggregator, auditor: deps.audit && new Auditor({ ...deps.audit, clock: host.clock, metrics }),
    discovery: new Discovery({ ...own, elsewhere: aggregator }, ['/metrics', ...health.paths], { ...(deps.tokens ? openIdDocuments(deps.tokens) : {}), ...deps.documents }, new RemoteOpenApi({ get clients() { return aggregator.clients }, clock: host.clock, log })),
  })
  const server = new HttpsServer({ tls: deps.tls, pipeline, clock: host.clock, log })
  const customResources = new CustomResources({ store, objects, registry, webhooks, client: client(componentUser('apiserver')), host: { ...host, log } })
  const legacyUse = new LegacyTokenUse({ store, objects, client: client(componentUser('apiserver')), clock: host.clock, log })
  const dangling = new DanglingStatus({ store, client: client(componentUser('apiserver')), clock: host.clock, log })
  const policyStatus = new PolicyStatus({ registered, registry, client: client(componentUser('apiserver')), log })
  const following = Promise.all([
    follow('RBAC objects', rbac.run(stop.signal)), follow('priority and fairness objects', flow.run(stop.signal, () => dangling.changed())), follow('node relations', nodeGraph.run(stop.signal)),
    follow('admission configurations', registered.run(stop.signal, () => policyStatus.changed())), follow('quotas', followQuotas({ store, objects, ledger, clock: host.clock }, stop.signal)),
  ])
  let bootstrapped: Promise<void> | undefined
  let aggregating: Promise<void> | undefined
  let customs: Promise<void> | undefined
  let registering: Promise<void> | undefined
  const bootstrap = async (): Promise<void> => {
    const freed = await releaseOrphans(store)
    if (freed) log.info('freed service addresses without a service', { count: freed })
    const apiserver = client(componentUser('apiserver'))
    await customResources.load()
    customs = follow('custom resource definitions', customResources.run(stop.signal))
    await bootstrapObjects(apiserver, deps.serviceCIDR, host.clock.now())
    await publishAuthentication(apiserver, { clientCa: deps.tls.ca.toString(), frontProxyCa: deps.frontProxy.caPem })
    await aggregator.load()
    registering = follow('API services', aggregator.run(stop.signal))
    // Not before: both would write the same roles.
    aggregating = follow('aggregated roles', followAggregatedRoles({ store, objects, client: apiserver, log }, stop.signal))
  }
  const api: ApiServer = {
    registry, authorizer,
    bootstrap: () => (bootstrapped ??= bootstrap()),
    async listen(port) {
      await api.bootstrap()
      ready = true
      const bound = await server.listen(port, deps.address)
      log.info('serving', { port: bound })
      return bound
    },
    client,
    metrics: (user) => createMetricsApi({ aggregator, usage, ctx, authorizer, log }, user),
    async close() {
      stop.abort()
      await server.close()
      await following
      await policyStatus.idle()
      await dangling.idle()
      await aggregating
      await customs
      await registering
      webhooks.close()
    },
  }
  return api
}
