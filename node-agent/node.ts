/** The parts of a node agent, in the order they start. Alone in knowing implementations. */
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../shared/base/errors.ts'
import type { Host } from '../shared/base/host.ts'
import type { Service } from '../shared/api/core-v1.ts'
import type { EndpointSlice } from '../shared/api/discovery-v1.ts'
import { run } from '../shared/host/exec.ts'
import { readIfThere } from '../shared/host/files.ts'
import { systemFileTree } from '../shared/host/file-tree.ts'
import { watchFolders } from '../shared/host/folder-watch.ts'
import { deviceNode, watchFile } from '../shared/host/tree.ts'
import { detectBackend, iptablesOf, type Iptables } from '../shared/host/iptables.ts'
import { createMemoryReturn } from '../shared/host/memory-return.ts'
import { openDatabase } from '../shared/host/sqlite.ts'
import type { ContainerTarget, StreamMethods } from '../shared/streams/requests.ts'
import { createAgentMetrics, openScrapeServer } from './agent-metrics.ts'
import { allocationSchema, createAllocations } from './allocations.ts'
import { createDeviceStore, deviceSchema } from './device-allocations.ts'
import type { AgentConfig } from './config.ts'
import { archiveOf, importArchives } from './image-archives.ts'
import { createDevices } from './kubelet/devices/devices.ts'
import { mountList } from './kubelet/volumes/mounter.ts'
import { removeVolumeFolder } from './kubelet/volumes/remove-volume.ts'
import { amountOf, type Signal } from './kubelet/eviction/signals.ts'
import { lowerOwnOomScore } from './kubelet/resources/own-oom-score.ts'
import { openImageGuard } from './kubelet/images/durability/guard.ts'
import { createKubelet, type Kubelet } from './kubelet/kubelet.ts'
import type { NodeFacts, Reserve } from './kubelet/status/node-status.ts'
import { createStaticPods, type StaticPods } from './kubelet/static-pods/static-pods.ts'
import { createKubeletServer } from './kubelet/streams/kubelet-server.ts'
import { writeLog } from './kubelet/streams/log-stream.ts'
import { createStreamServer } from './kubelet/streams/serve-streams.ts'
import { createLink, type AgentLink } from './link/agent-link.ts'
import { newKeyApart } from './link/new-key.ts'
import { dialTls } from './link/tls-connection.ts'
import { createBridgeNetwork } from './network/bridge-network.ts'
import type { AllocationStore, PodNetwork } from './network/network.ts'
import { openNetworkGate } from './pod-network-gate.ts'
import { createHostPorts } from './host-ports.ts'
import { createProxy, type Proxy } from './proxy/proxy.ts'
import { warnOfHosts } from './registry-hosts.ts'
import { ContainerdRuntime } from './runtime/containerd/driver.ts'
import { askEngine, cgroupDriverOf } from './runtime/docker/cgroup-driver.ts'
import { DockerRuntime } from './runtime/docker/driver.ts'
import type { CgroupDriver } from '../shared/host/cgroup-names.ts'
import { podCgroups } from './kubelet/resources/cgroup-numbers.ts'
import { openPodCgroups } from './kubelet/resources/open-cgroups.ts'
import { countedRuntime } from './runtime/counted.ts'
import type { Runtime } from './runtime/runtime.ts'

export interface RunningNode {
  /** Containers, routes and rules stay: the next agent adopts them. */
  close(): Promise<void>
}

const writeSysctl = (key: string, value: string): Promise<void> => writeFile(join('/proc/sys', key), value)

/** State that a reboot shall empty, one folder an agent. */
const stateDir = (config: AgentConfig): string => `/run/bramble/${createHash('sha256').update(config.dataDir).digest('hex').slice(0, 8)}`

async function openRuntime(config: AgentConfig, host: Host): Promise<Runtime> {
  const docker = (cgroupDriver: CgroupDriver): DockerRuntime => new DockerRuntime({ host: config.dockerHost, owner: config.nodeName, cgroupDriver, stateDir: stateDir(config), logLimits: config.logLimits, clock: host.clock, log: host.log.child('docker') })
  if (config.runtime === 'docker') return docker(await cgroupDriverOf(config.dockerHost))
  if (config.runtime === 'auto') {
    try {
      const { version, cgroupDriver } = await askEngine(config.dockerHost)
      host.log.info('docker answers and is used', { version, cgroupDriver })
      return docker(cgroupDriver)
    } catch (e) {
      host.log.info('docker cannot be used; containerd is', { error: messageOf(e) })
    }
  }
  return new ContainerdRuntime({
    address: config.containerdAddress, namespace: config.containerdNamespace, dataDir: join(config.dataDir, 'runtime'), stateDir: stateDir(config), hostsDir: config.images.hostsDir, logLimits: config.logLimits, clock: host.clock, log: host.log.child('containerd'),
  })
}

async function openNetwork(config: AgentConfig, host: Host, allocations: AllocationStore): Promise<{ network: PodNetwork; iptables: Iptables }> {
  const iptables = iptablesOf(run, await detectBackend(run, await readIfThere('/proc/net/ip_tables_names') ?? ''))
  return { iptables, network: createBridgeNetwork({ exec: run, iptables, allocations, writeSysctl, log: host.log.child('network'), bridge: config.bridge }) }
}

/** Services and slices to the proxy, whenever they change, once a first state is known. */
function followServices(link: AgentLink, proxy: Proxy): Disposable {
  const update = (): void => { if (link.desired.known) proxy.update(link.desired.list<Service>('Service'), link.desired.list<EndpointSlice>('EndpointSlice')) }
  update()
  return link.desired.onChange((changes) => { if (changes.some((c) => c.kind === 'Service' || c.kind === 'EndpointSlice')) update() })
}

/** The folder of static pods beside what the control plane desires; the latter alone where there is no folder. */
async function openStaticPods(config: AgentConfig, host: Host, link: AgentLink): Promise<StaticPods> {
  if (config.staticPodPath === undefined) return { desired: link.desired, sink: link.sink, localUid: ({ uid }) => uid, close: () => Promise.resolve() }
  await mkdir(config.staticPodPath, { recursive: true })
  return createStaticPods({
    host: { ...host, log: host.log.child('static-pods') }, files: systemFileTree, folder: config.staticPodPath, nodeName: config.nodeName, desired: link.desired, sink: link.sink,
    create: (path, body) => link.create(path, body), watch: watchFile,
  })
}

/** What is kept free is what the hard thresholds say. */
function reserveOf({ reserve, eviction }: AgentConfig, facts: NodeFacts): Reserve {
  const hard = (signal: Signal, capacity: number): number => Math.max(0, ...eviction.thresholds.filter((t) => t.signal === signal && t.grace === 0).map((t) => amountOf(t, capacity)))
  return { ...reserve, evictionMemoryBytes: hard('memory.available', facts.memoryBytes), evictionDiskBytes: hard('nodefs.available', facts.diskBytes) }
}

function serveStreams(options: { config: AgentConfig; host: Host; link: AgentLink; kubelet: Kubelet; runtime: Runtime; localUid: StaticPods['localUid'] }): void {
  const { config, host, link, kubelet, runtime } = options
  const url = new URL(config.serverUrl)
  const kubeletServer = createKubeletServer({
    pods: () => kubelet.pods(), now: () => host.clock.now(), metrics: kubelet.metrics,
    config: { kind: 'KubeletConfiguration', apiVersion: 'kubelet.config.k8s.io/v1beta1', clusterDomain: config.clusterDomain, ...(config.clusterDns ? { clusterDNS: [config.clusterDns] } : {}) },
    log: (params, write, signal) => writeLog({ runtime, find: (t) => kubelet.containerFor(t.namespace, t.pod, t.container), params, clock: host.clock, write, signal }),
  })
  const methods = createStreamServer({
    runtime, clock: host.clock, kubelet: kubeletServer, endpoint: (pod) => kubelet.endpointOf({ ...pod, uid: options.localUid(pod) }), log: host.log.child('streams'), find: (t: ContainerTarget) => kubelet.containerFor(t.namespace, t.pod, t.container),
    target: {
      serverUrl: config.serverUrl, burst: createMemoryReturn({ clock: host.clock, log: host.log.child('streams') }),
      connect: () => dialTls({ host: url.hostname, port: Number(url.port || 443), ca: link.credentials().caPem, identity: link.credentials(), clock: host.clock }),
    },
  })
  for (const method of ['exec', 'attach', 'logs', 'forward', 'connect', 'kubelet'] as const) {
    const serve = methods[method] as (params: StreamMethods[typeof method], path: string) => Promise<unknown>
    link.rpc.register(method, (params, context) => serve(params as StreamMethods[typeof method], context.dial ?? ''))
  }
  link.rpc.register('usage', () => kubelet.usage())
  link.rpc.register('removeVolume', (params) => removeVolumeFolder(systemFileTree, params))
}

export async function startNode(config: AgentConfig, given: Host, version: string): Promise<RunningNode> {
  const agentMetrics = createAgentMetrics(given, given.metrics)
  const host: Host = { ...given, metrics: agentMetrics.metrics }
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  await mkdir(stateDir(config), { recursive: true, mode: 0o700 })
  await lowerOwnOomScore(systemFileTree, host.log)
  const link = await createLink({
    host, dataDir: config.dataDir, serverUrl: config.serverUrl, nodeName: config.nodeName, version, newKey: newKeyApart(process.argv[1] ?? ''), ...(config.mqttUrl ? { mqttUrl: config.mqttUrl } : {}), ...(config.joinToken ? { joinToken: config.joinToken } : {}),
  })
  const runtime = countedRuntime(await openRuntime(config, host), agentMetrics.metrics, () => host.clock.monotonic())
  if (runtime.name === 'docker') await warnOfHosts(config.images.hostsDir, host.log.child('images'))
  const database = await openDatabase(join(config.dataDir, 'node.db'), { mode: 'create', setup: `${allocationSchema};${deviceSchema}` })
  const { network, iptables } = await openNetwork(config, host, createAllocations(database))
  const gate = openNetworkGate({ host, network, desired: link.desired, nodeName: config.nodeName })
  const hostPorts = createHostPorts()
  const statics = await openStaticPods(config, host, link)
  const imageGuard = await openImageGuard({ runtime, clock: host.clock, log: host.log.child('images'), file: join(config.dataDir, 'images-on-disk.json'), archiveOf: (references) => archiveOf(config.dataDir, references) })
  const kubelet = createKubelet({
    imageGuard, devices: createDevices({ files: systemFileTree, node: deviceNode, watch: watchFolders, store: createDeviceStore(database), classes: config.devices, clock: host.clock, log: host.log.child('devices') }),
    hostPorts, host, runtime, network: gate, desired: statics.desired, sink: statics.sink, tokens: link.tokens, dataDir: join(config.dataDir, 'pods'), nodeName: config.nodeName,
    config: {
      eviction: config.eviction, enforceAllocatable: config.enforceAllocatable, podPids: config.podPids, cgroupRoot: config.cgroupRoot, imageWatermarks: config.imageWatermarks, reserve: (facts) => reserveOf(config, facts), clusterDomain: config.clusterDomain, unsafeSysctls: config.unsafeSysctls, plainHttpRegistries: config.plainHttpRegistries, parallelPulls: config.images.maxParallelPulls, registryCredentials: config.images.credentials, clusterDns: config.clusterDns ? [config.clusterDns] : [], ...(config.nodeIp ? { nodeIPs: [config.nodeIp] } : {}) },
  })
  const importImage = async (path: string): Promise<readonly string[]> => { await imageGuard.list(); return runtime.importImage(path) }
  await importArchives({ runtime: { image: (r) => runtime.image(r), importImage }, dataDir: config.dataDir, log: host.log.child('images') })
  await kubelet.start()
  agentMetrics.started()
  const scrapes = await openScrapeServer(config.metricsAddress, kubelet, host)
  serveStreams({ config, host, link, kubelet, runtime, localUid: statics.localUid })
  // Rules name the cluster's range, so they wait for it; after a reboot it is in the desired state already.
  const following = gate.ready.then((clusterCIDR) => {
    const proxy = createProxy({ exec: run, iptables: agentMetrics.countedIptables(iptables), clock: host.clock, log: host.log.child('proxy'), node: { name: config.nodeName }, hostPorts, writeSysctl, clusterCIDR })
    return { proxy, subscription: followServices(link, proxy) }
  })
  following.catch((e: unknown) => host.log.error('service routing did not start', { error: messageOf(e) }))
  let routing: Awaited<typeof following> | undefined
  void following.then((r) => { routing = r })
  return {
    async close() {
      await scrapes?.close()
      gate.close()
      routing?.subscription[Symbol.dispose]()
      await routing?.proxy.stop()
      await kubelet.stop()
      await statics.close()
      await imageGuard.close()
      await runtime.close()
      await link.close()
      await database.close()
    },
  }
}

/** Removes everything of ours from the machine but the data folder's record of who we are. */
export async function cleanNode(config: AgentConfig, host: Host): Promise<void> {
  const runtime = await openRuntime(config, host)
  const cgroups = await openPodCgroups(runtime.cgroupDriver, { files: systemFileTree, exec: run, clock: host.clock, log: host.log })
  for (const sandbox of (await runtime.list()).sandboxes) {
    await runtime.removeSandbox(sandbox.id)
    for (const path of podCgroups(config.cgroupRoot, sandbox.podUid)) await cgroups.remove(path)
  }
  await runtime.close()
  const none: AllocationStore = { all: async () => [], put: async () => undefined, remove: async () => undefined }
  const { network, iptables } = await openNetwork(config, host, none)
  await createProxy({ exec: run, iptables, clock: host.clock, log: host.log, node: { name: config.nodeName }, writeSysctl }).tearDown()
  await network.tearDown()
  const ours = async (): Promise<string[]> => (await mountList(systemFileTree)).filter((m) => m.startsWith(`${config.dataDir}/`) || m.startsWith(`${stateDir(config)}/`))
  const mounted = await ours()
  if (mounted.length) await run(['umount', '-l', '--', ...mounted.toReversed()])
  // A part of a user's folder may be mounted there: nothing is removed through a mount that stays.
  const left = await ours()
  if (left.length) throw new Error(`still mounted: ${left.join(', ')}`)
  await rm(join(config.dataDir, 'pods'), { recursive: true, force: true })
  await rm(stateDir(config), { recursive: true, force: true })
}
