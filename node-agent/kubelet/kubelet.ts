/** The kubelet: runs the pods that are desired of this node and says what became of them. Everything it needs to know outlives it elsewhere. */
import type { Pod } from '../../shared/api/core-v1.ts'
import type { Millis } from '../../shared/base/brands.ts'
import type { Host } from '../../shared/base/host.ts'
import { messageOf, StatusError } from '../../shared/base/errors.ts'
import { Metrics } from '../../shared/base/metrics.ts'
import { systemFileTree, type FileTree } from '../../shared/host/file-tree.ts'
import { createSupervisor } from '../../shared/reconcile/supervisor.ts'
import type { DesiredState, StatusSink, TokenSource } from '../link/link.ts'
import { createHostPorts, type HostPorts } from '../host-ports.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { bounded } from './bounded.ts'
import { noDevices, type Devices } from './devices/devices.ts'
import type { PodRuntimeFacts } from './env/field-ref.ts'
import { hookOrder } from './hooks/order.ts'
import type { PodNetwork } from './hooks/sandbox-network.ts'
import { createImageCollector } from './images/gc/collector.ts'
import type { Watermarks } from './images/gc/plan.ts'
import { nodeKeyring } from './images/node-credentials.ts'
import type { ImageGuard } from './images/durability/guard.ts'
import { guardedPuller } from './images/durability/guarded-puller.ts'
import { createPuller } from './images/puller.ts'
import { PodLoop } from './loop.ts'
import { RuntimeCache } from './observe/cache.ts'
import { removeFollowed } from './pod/dead-containers.ts'
import { createExecutors } from './pod/apply.ts'
import { allContainers, containerNamed } from './pod/pod-facts.ts'
import { newestSandbox } from './pod/plan.ts'
import type { PodRecord } from './pod/record.ts'
import { ProbeSet, type ProbeDeps } from './probes/probe-set.ts'
import { run } from '../../shared/host/exec.ts'
import { cgroupPath } from '../../shared/host/cgroup-names.ts'
import { resizeCgroups, type Cgroups } from './resources/cgroup-files.ts'
import { openPodCgroups } from './resources/open-cgroups.ts'
import { createClassCgroups, type ClassCgroups } from './resources/class-cgroups.ts'
import { allPodsLimits, overReserved, type Enforcement } from './resources/node-allocatable.ts'
import { podCgroup } from './resources/cgroup-numbers.ts'
import { allocatedPod } from './resources/resize.ts'
import type { NodeUsage } from '../../shared/streams/usage.ts'
import { createUsageMeter } from './resources/usage.ts'
import type { MetricsEndpoints } from './metrics/endpoints.ts'
import { collectRunning, createKubeletCounters } from './metrics/kubelet-counters.ts'
import { measuredPods } from './metrics/measured-pods.ts'
import type { ContainerFiles } from './streams/container-files.ts'
import type { PodEndpoint } from './streams/tcp-connection.ts'
import { createEngineHealth } from './status/engine-health.ts'
import { readNodeFacts } from './status/node-facts.ts'
import { allocatableOf, defaultReserve, nodeLabels, nodeStatus, type NodeFacts, type Reserve } from './status/node-status.ts'
import { createEvictionManager, hurriedGrace, readSignals } from './eviction/manager.ts'
import { defaultTransition } from './eviction/plan.ts'
import { defaultHard, parseThresholds, withAllocatable, type Readings, type Threshold } from './eviction/signals.ts'
import { usageOf } from './eviction/usage.ts'
import { createMounter } from './volumes/mounter.ts'
import { canRecursiveReadOnly } from './volumes/recursive-read-only.ts'
import { createSizeLimits } from './volumes/size-limits.ts'
import type { Mounter } from './volumes/kind.ts'

export interface KubeletConfig {
  /** Sandboxes and containers started at the same time. Default 5. */
  readonly parallelStarts?: number
  /** Default 2. */
  readonly parallelPulls?: number
  /** Addresses of the cluster DNS; empty where there is none. */
  readonly clusterDns?: readonly string[]
  /** Default `cluster.local`. */
  readonly clusterDomain?: string
  /** First part of every pod cgroup. Default `bramble`. */
  readonly cgroupRoot?: string
  /** InternalIPs of the node; found where left out. */
  readonly nodeIPs?: readonly string[]
  /** What pods may not have of this node, where it is not upstream's default. */
  readonly reserve?: (facts: NodeFacts) => Partial<Reserve>
  readonly eviction?: { readonly thresholds: readonly Threshold[]; readonly transition: Millis; readonly softGrace?: Millis | undefined }
  /** Whether all pods together are kept to what the node lets them have. Default `pods`. */
  readonly enforceAllocatable?: Enforcement
  /** Most process ids of one pod; undefined for no limit. */
  readonly podPids?: number | undefined
  readonly imageWatermarks?: Watermarks
  /** Sysctls that pods may set beside the safe ones: names, or `prefix*`. */
  readonly unsafeSysctls?: readonly string[]
  /** Registry hosts that speak plain HTTP. */
  readonly plainHttpRegistries?: readonly string[]
  /** Files of the node's own credentials for registries: the first that is there counts. Default none. */
  readonly registryCredentials?: readonly string[]
  readonly version?: string
}

/** The machine, for tests to replace. `cgroups: 'none'` leaves them to the runtime. */
export interface Machine {
  readonly files?: FileTree
  readonly mounter?: Mounter
  readonly cgroups?: Cgroups | 'none'
  readonly probes?: Pick<ProbeDeps, 'http' | 'tcp' | 'grpc'>
  facts?(): Promise<NodeFacts>
  readings?(): Promise<Readings>
}

export interface KubeletOptions {
  readonly host: Host
  readonly runtime: Runtime
  readonly network: PodNetwork
  readonly desired: DesiredState
  readonly sink: StatusSink
  readonly tokens: TokenSource
  /** Told which ports of the node lead to pods; undefined where nobody programs them. */
  readonly hostPorts?: Pick<HostPorts, 'set' | 'remove'>
  /** Lets images be used once they are on the disk and whole; left out, the engine is believed. */
  readonly imageGuard?: ImageGuard
  /** Made if missing. Pods' files, logs and a tmpfs for secrets live below it. */
  readonly dataDir: string
  readonly nodeName: string
  /** Left out: the node offers none. */
  readonly devices?: Devices
  readonly config?: KubeletConfig
  readonly machine?: Machine
}

export interface Kubelet {
  /** Resolves when the runtime has answered and every pod has its worker. Rejects where the node cannot run pods at all. */
  start(): Promise<void>
  /** Ends all work; containers go on. Resolves when the workers have ended. */
  stop(): Promise<void>
  /** Started, and following the runtime. */
  readonly ready: boolean
  /** The container a request means: of a pod with one, its name may be left out. Throws `StatusError` (NotFound, BadRequest). */
  containerFor(namespace: string, pod: string, container?: string): ContainerFiles
  /** How a pod's network is reached. Throws `NotFound` where the pod is not here, or is another of its name. */
  endpointOf(pod: { readonly namespace: string; readonly pod: string; readonly uid: string }): PodEndpoint
  /** The pods of this node with their newest status. */
  pods(): readonly Pod[]
  /** What node and containers use now; takes a second where nobody asked lately. */
  readonly usage: () => Promise<NodeUsage>
  /** Metrics and the summary; nothing of it is loaded before the first question. */
  readonly metrics: () => Promise<MetricsEndpoints>
  /** Reads the node's state again and reports it. */
  refreshNode(): Promise<void>
}

const resyncEvery = 300_000
/** All secrets and tokens of a node together; pages count only when written. */
const memoryVolumeBytes = 64 << 20

export function createKubelet(options: KubeletOptions): Kubelet {
  const { host, runtime, desired, dataDir, config = {}, machine = {} } = options
  const metrics = host.metrics ?? new Metrics()
  const counters = createKubeletCounters(metrics, host.clock)
  const sink = counters.watched(options.sink)
  const log = host.log.child('kubelet')
  const files = machine.files ?? systemFileTree
  const mounter = machine.mounter ?? createMounter(files)
  const memoryDir = `${dataDir}/memory`
  const stopping = new AbortController()
  const devices = options.devices ?? noDevices({ ...host, log })
  const supervisor = createSupervisor({ ...host, log })
  const tellNode = (): void => void refreshNode().catch((e: unknown) => log.error('node status cannot be read', { error: messageOf(e) }))
  const health = createEngineHealth({ clock: host.clock, changed: tellNode })
  const cache = new RuntimeCache(runtime, (uid) => loop?.wake(uid), (state) => health[state]())
  collectRunning(metrics, options.nodeName, cache)
  let loop: PodLoop | undefined
  let facts: NodeFacts | undefined
  let probes: ProbeSet | undefined
  let subscription: Disposable | undefined

  const event = (record: PodRecord, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void => {
    counters.event({ reason, fieldPath, trouble: record.trouble.get(/\{(.*)\}$/.exec(fieldPath ?? '')?.[1] ?? '')?.reason })
    sink.event({ regarding: { kind: 'Pod', ...record.ref, ...(fieldPath ? { fieldPath } : {}) }, type, reason, message, at: host.clock.now() })
  }
  const reserveOf = (f: NodeFacts): Reserve => ({ ...defaultReserve(f), ...config.reserve?.(f) })
  const allocatable = (): { cpuMilli: number; memoryBytes: number } => (facts ? allocatableOf(facts, reserveOf(facts)) : { cpuMilli: 0, memoryBytes: 0 })
  const hostIPs = (): readonly string[] => config.nodeIPs ?? facts?.addresses ?? []
  const factsOf = (record: PodRecord): PodRuntimeFacts => ({
    nodeName: options.nodeName, hostIPs: hostIPs(), podIPs: record.pod?.spec?.hostNetwork ? hostIPs() : record.ips,
    allocatable: allocatable(),
  })
  let version: string | undefined
  /** Of an engine that does not answer now, what it said last: the node has more to say than that. */
  const askVersion = async (): Promise<string> => {
    try { version = `${runtime.name}://${await runtime.version()}` } catch (e) { if (version === undefined) throw e }
    return version
  }
  const readFacts = machine.facts ?? (() => readNodeFacts({
    files, dataDir, nodeName: options.nodeName, addresses: config.nodeIPs ?? [], agentVersion: config.version ?? 'v1.33.0', runtimeVersion: askVersion,
  }))
  let conditions: readonly import('../../shared/api/core-v1.ts').NodeCondition[] = []
  // As with cri-dockerd: Docker always gives a user the groups of its image.
  const strictGroups = runtime.name === 'containerd'
  const refreshNode = async (): Promise<void> => {
    facts = await readFacts()
    const status = nodeStatus(facts, { now: host.clock.now(), previous: conditions, pressures: eviction.pressures, reserve: reserveOf(facts), devices: devices.amounts(), images: collector.largest(), strictGroups, ready: health.trouble === undefined ? { ok: true, message: 'kubelet is posting ready status' } : { ok: false, message: health.trouble } })
    conditions = status.conditions ?? []
    sink.nodeStatus(status, nodeLabels(facts))
  }

  const cgroupRoot = config.cgroupRoot ?? 'bramble'
  const { cgroupDriver } = runtime
  const podsCgroup = cgroupPath(cgroupDriver, `/${cgroupRoot}`)
  const enforce = config.enforceAllocatable ?? 'pods'
  const nodeEvent = (type: 'Normal' | 'Warning', reason: string, message: string): void => sink.event({ regarding: { kind: 'Node', name: options.nodeName, uid: options.nodeName }, type, reason, message, at: host.clock.now() })
  const thresholds = config.eviction?.thresholds ?? parseThresholds(defaultHard, '', '', () => 0)
  const readings = machine.readings ?? (() => readSignals(files, dataDir, enforce === 'pods' ? podsCgroup : undefined))
  let classes: ClassCgroups | undefined
  const evict = (record: PodRecord, message: string, grace: number | undefined): void => {
    record.failed = { reason: 'Evicted', message, grace, disrupted: message }
    event(record, 'Warning', 'Evicted', message)
    loop?.wake(record.ref.uid)
  }
  const eviction = createEvictionManager({
    clock: host.clock, log, thresholds: enforce === 'pods' ? withAllocatable(thresholds) : thresholds, transition: config.eviction?.transition ?? defaultTransition, softGrace: config.eviction?.softGrace, changed: tellNode, event: nodeEvent,
    readings,
    usage: (signal) => usageOf(signal, {
      files, cgroupRoot, cgroupDriver, stats: () => runtime.stats(), nameOf: (id) => cache.container(id)?.name,
      pods: () => [...loop?.records.values() ?? []].flatMap((r) => (r.pod && r.desired && !r.failed && cache.pod(r.ref.uid).containers.some((c) => c.state === 'running') ? [{ pod: r.pod, uid: r.ref.uid, folders: [r.paths.root, r.paths.logs] }] : [])),
    }),
    // Containers before images, upstream's order.
    reclaim: async () => await removeFollowed(cache.containers(), { runtime, log, dropped: (id) => cache.dropContainer(id) }) + await collector.reclaim(),
    runs: (uid) => cache.pod(uid).containers.some((c) => c.state === 'running'),
    evict: (uid, message, grace, signal) => { const record = loop?.records.get(uid); if (record) { counters.evicted(signal); evict(record, message, grace) } },
  })

  const collector = createImageCollector({
    clock: host.clock, log, runtime, removed: (image) => puller.removed(image.id),
    disk: async () => { const r = (await readings())['nodefs.available']; return { availableBytes: r?.available ?? 1, capacityBytes: r?.capacity ?? 1 } },
    imagesInUse: () => cache.images(), references: () => [...loop?.records.values() ?? []].flatMap((r) => (r.pod && r.desired ? allContainers(r.pod).map((c) => c.image ?? '') : [])),
    event: nodeEvent, ...(config.imageWatermarks ? { watermarks: config.imageWatermarks } : {}),
  })
  const puller = guardedPuller(createPuller({ runtime, clock: host.clock, log: log.child('images'), parallel: config.parallelPulls ?? 2, plainHttp: config.plainHttpRegistries ?? [], nodeKeyring: nodeKeyring(config.registryCredentials ?? [], log) }), options.imageGuard)

  const limits = createSizeLimits({
    files, clock: host.clock, log,
    evict: (record, message) => evict(record, message, hurriedGrace),
  })

  const build = async (): Promise<PodLoop> => {
    const cgroups = machine.cgroups === 'none' ? undefined : machine.cgroups ?? (await openPodCgroups(cgroupDriver, { files, exec: run, clock: host.clock, log }))
    const appArmor = (await files.read('/sys/module/apparmor/parameters/enabled'))?.trim() === 'Y'
    const inCgroups = (leaving: string | undefined): Pod[] => [...loop?.records.values() ?? []].flatMap((r) => (r.pod && r.desired && r.admitted && !r.failed && r.released === 'no' && r.ref.uid !== leaving ? [allocatedPod(r.pod, r.allocation)] : []))
    classes = cgroups && createClassCgroups({ clock: host.clock, cgroups, root: cgroupRoot, pods: inCgroups, limits: () => (facts ? allPodsLimits(facts, reserveOf(facts), enforce) : {}), event: nodeEvent })
    await classes?.prepare()
    const wake = (record: PodRecord): void => loop?.wake(record.ref.uid)
    const volumes = { files, mounter, tokens: options.tokens, desired, clock: host.clock, factsOf, limits }
    const hasPause = (pod: Pod): boolean => runtime.name === 'docker' || (pod.spec?.shareProcessNamespace ?? false)
    const hooks = hookOrder({
      runtime, cache, volumes, log, cgroups, desired, network: options.network, cgroupRoot, classes, podPids: config.podPids, hostname: options.nodeName,
      hasPause, warn: (record, reason, message) => event(record, 'Warning', reason, message), hostPorts: options.hostPorts ?? createHostPorts(),
      dns: { servers: config.clusterDns ?? [], domain: config.clusterDomain ?? 'cluster.local' },
    })
    const executors = createExecutors({
      host: { ...host, log }, runtime, cache, desired, files, puller, hooks, volumes, devices, factsOf, event, wake, slot: bounded(config.parallelStarts ?? 5),
      memoryCapacity: facts?.memoryBytes ?? 1, recursiveReadOnly: facts !== undefined && canRecursiveReadOnly(facts), hostIP: () => hostIPs()[0] ?? '127.0.0.1', seccompDir: `${dataDir}/seccomp`,
      resizeCgroups: async (pod, id, container) => { if (cgroups) await resizeCgroups(cgroups, podCgroup(cgroupRoot, pod), pod, hasPause(pod), id, container); await classes?.weigh() },
    })
    probes = new ProbeSet({
      host: { ...host, log }, runtime, ...machine.probes, hostIP: () => hostIPs()[0] ?? '127.0.0.1', wake,
      event: (record, reason, message, container) => event(record, 'Warning', reason, message, `spec.containers{${container}}`),
    })
    return new PodLoop({
      host: { ...host, log }, recursiveReadOnly: facts !== undefined && canRecursiveReadOnly(facts), runtime, cache, desired, sink, files, executors, probes, devices, dataDir, memoryDir, hostIPs, event,
      admission: () => ({ allocatable: allocatable(), pressures: eviction.pressures, unsafeSysctls: config.unsafeSysctls ?? [], appArmor, strictGroups, maxPods: facts ? reserveOf(facts).maxPods : 0 }),
      preempted: (resource) => counters.preempted(resource),
    })
  }

  const resync = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await host.clock.sleep(resyncEvery, signal)
      await cache.relist()
      await loop?.rescan()
      await devices.scan()
      await refreshNode()
    }
  }

  const usage = createUsageMeter({
    host, files, nodeName: options.nodeName, stats: () => runtime.stats(),
    nameOf: (id) => {
      const c = cache.container(id)
      const record = c && loop?.records.get(c.podUid)
      return c && record && { namespace: record.ref.namespace, pod: record.ref.name, uid: record.ref.uid, container: c.name, startedAt: c.startedAt ?? c.createdAt }
    },
  })

  let endpoints: Promise<MetricsEndpoints> | undefined
  const openEndpoints = async (): Promise<MetricsEndpoints> => (await import('./metrics/endpoints.ts')).createMetricsEndpoints({
    files, clock: host.clock, nodeName: options.nodeName, podsCgroup, dataDir, metrics, usage, containers: () => runtime.stats(), probes: () => probes?.totals() ?? [],
    imageBytes: () => collector.largest().reduce((sum, i) => sum + i.sizeBytes, 0), named: (id) => { const c = cache.container(id); return c && { name: c.name, image: c.image, startedAt: c.startedAt ?? c.createdAt } },
    pods: () => measuredPods(loop?.records.values() ?? [], cgroupRoot, cgroupDriver),
  })

  return {
    usage, metrics: () => (endpoints ??= openEndpoints()),
    endpointOf({ namespace, pod, uid }) {
      const record = loop?.find(namespace, pod)
      if (!record || record.ref.uid !== uid) throw new StatusError('NotFound', `pods "${pod}" not found`, { details: { name: pod, kind: 'pods' } })
      const { sandboxes, containers } = cache.pod(uid)
      const sandbox = newestSandbox(sandboxes)
      return { ip: record.ips[0], hostNetwork: record.pod?.spec?.hostNetwork ?? false, netns: sandbox?.netns, pid: containers.find((c) => c.state === 'running' && c.sandboxId === sandbox?.id)?.pid }
    },
    pods: () => [...loop?.records.values() ?? []].flatMap((r) => (r.pod && r.desired ? [{ ...r.pod, ...(r.lastStatus ? { status: r.lastStatus } : {}) }] : [])),
    get ready() { return loop !== undefined && !stopping.signal.aborted },
    refreshNode,
    async start() {
      await files.makeDir(dataDir)
      await files.makeDir(memoryDir, 0o711)
      // One tmpfs for all secrets and tokens, so that none ever reaches the flash, and no process is started for each.
      await mounter.tmpfs(memoryDir, { sizeBytes: memoryVolumeBytes, mode: 0o711 })
      await devices.start({ node: tellNode, pods: (uids) => loop?.devicesChanged(uids) })
      await refreshNode()
      const over = facts && overReserved(facts, reserveOf(facts))
      if (over) throw new Error(over)
      loop = await build()
      const workers = loop
      // Listening before listing: a change between the two is then seen, at worst twice.
      supervisor.run('runtime-events', (signal) => cache.follow(signal))
      await cache.relist()
      subscription = desired.onChange((changes) => workers.onChange(changes))
      await workers.rescan()
      if (desired.known) await devices.retain(new Set(workers.records.keys()))
      supervisor.run('pods', (signal) => workers.run(signal))
      supervisor.run('resync', resync)
      supervisor.run('eviction', (signal) => eviction.run(signal))
      const { enforce: keep } = classes ?? {}
      if (keep) supervisor.run('allocatable', keep)
      supervisor.run('images', (signal) => collector.run(signal))
      const { imageGuard } = options
      if (imageGuard) supervisor.run('image-guard', (signal) => imageGuard.run(signal))
    },
    async stop() {
      stopping.abort()
      health.close()
      limits.close()
      devices.close()
      subscription?.[Symbol.dispose]()
      for (const record of loop?.records.values() ?? []) record.abort.abort()
      await supervisor.close()
    },
    containerFor(namespace, pod, container) {
      const record = loop?.find(namespace, pod)
      if (!loop || !record?.pod) throw new StatusError('NotFound', `pods "${pod}" not found`, { details: { name: pod, kind: 'pods' } })
      const names = record.pod.spec?.containers.map((c) => c.name) ?? []
      const name = container || record.pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] || names[0]!
      if (!container && names.length > 1 && !record.pod.metadata.annotations?.['kubectl.kubernetes.io/default-container']) {
        throw new StatusError('BadRequest', `a container name must be specified for pod ${pod}, choose one of: [${allContainers(record.pod).map((c) => c.name).join(' ')}]`)
      }
      const def = containerNamed(record.pod, name)
      if (!def) throw new StatusError('BadRequest', `container ${name} is not valid for pod ${pod}`)
      const { current, previous } = loop.newest(record, name)
      const creating = record.pod.spec?.initContainers?.length ? 'PodInitializing' : 'ContainerCreating'
      return { current, previous, logPath: (attempt) => record.paths.log(name, attempt), tty: def.tty ?? false, stdin: def.stdin ?? false, waiting: record.trouble.get(name)?.reason ?? creating }
    },
  }
}
