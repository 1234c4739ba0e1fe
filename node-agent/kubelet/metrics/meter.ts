/**
 * Reads files of cgroups and /proc when somebody asks, and no sooner; no process is started. Folders are walked for what they take, which costs: what was found is good for
 * a minute, as upstream's.
 */
import { statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Clock } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { ContainerStats } from '../../runtime/runtime.ts'
import { allPressures, filesOf, parseV1, parseV2, type CgroupReading } from './cgroup-reading.ts'
import { busyNanos, meminfo, parseNetDev, vmstat } from './proc-files.ts'
import type { ContainerReading, FsReading, NodeReading, PodReading, Snapshot, SystemReading, VolumeReading } from './snapshot.ts'

export interface MeasuredVolume { readonly name: string; readonly path: string; readonly claim?: string; /** A file system of its own: what is used of it is known without a walk. */ readonly isWhole: boolean }
export interface MeasuredPod {
  readonly name: string; readonly namespace: string; readonly uid: string
  readonly hostNetwork: boolean
  readonly startedAt: number
  /** `/bramble/burstable/pod<uid>`. */
  readonly cgroupPath: string
  readonly logFolder: string
  readonly volumes: readonly MeasuredVolume[]
}
export interface NamedContainer { readonly name: string; readonly image: string; readonly startedAt: number }

export interface MeterDeps {
  readonly files: FileTree
  readonly clock: Clock
  readonly nodeName: string
  /** Where the cgroup of all pods lies. */
  readonly podsCgroup: string
  readonly dataDir: string
  containers(): Promise<readonly ContainerStats[]>
  named(containerId: string): NamedContainer | undefined
  pods(): readonly MeasuredPod[]
  /** Bytes of all images. */
  imageBytes(): number
}

/** `core`: cpu and memory; `containers`: all of cgroups, networks and writable layers; `all`: volumes and logs too. */
export type Detail = 'core' | 'containers' | 'all'
export interface ClaimReading { readonly namespace: string; readonly claim: string; readonly fs: FsReading }
export interface Meter {
  read(detail: Detail): Promise<Snapshot>
  /** The volumes of claims alone, each once. */
  claims(): Promise<readonly ClaimReading[]>
}

const pressureFiles = ['cpu', 'memory', 'io'] as const
const walkLife = 60_000
const root = '/sys/fs/cgroup'

export function createMeter(deps: MeterDeps): Meter {
  const { files, clock } = deps
  const walks = new Map<string, { readonly at: number; readonly found: Promise<{ bytes: number; inodes: number }> }>()
  const underWay = new Map<Detail, Promise<Snapshot>>()
  let version: Promise<1 | 2> | undefined

  /** A file, or nothing where it has gone or says nothing (a pressure file of a kernel that does not count). */
  const text = async (path: string): Promise<string | undefined> => { try { return await files.read(path) } catch { return undefined } }

  const cgroup = async (path: string, full: boolean): Promise<CgroupReading | undefined> => {
    const v = await (version ??= text(`${root}/cgroup.controllers`).then((there) => (there === undefined ? 1 : 2)))
    const names = [...filesOf[v].core, ...(full ? filesOf[v].more : [])]
    const found = await Promise.all(names.map(async (name) => {
      const slash = name.indexOf('/')
      return [name, await text(slash < 0 ? `${root}${path}/${name}` : `${root}/${name.slice(0, slash)}${path}${name.slice(slash)}`)] as const
    }))
    return (v === 1 ? parseV1 : parseV2)(Object.fromEntries(found))
  }

  const walked = (path: string): Promise<{ bytes: number; inodes: number }> => {
    const now = clock.monotonic()
    for (const [key, walk] of walks) if (now - walk.at > walkLife) walks.delete(key)
    let walk = walks.get(path)
    if (!walk) walks.set(path, (walk = { at: now, found: files.treeUsage(path) }))
    return walk.found
  }
  const fsOf = async (path: string): Promise<FsReading | undefined> => {
    try {
      const s = await statfs(path)
      return { availableBytes: s.bavail * s.bsize, capacityBytes: s.blocks * s.bsize, inodesFree: s.ffree, inodes: s.files, usedBytes: (s.blocks - s.bfree) * s.bsize, inodesUsed: s.files - s.ffree }
    } catch {
      return undefined // gone with its pod
    }
  }
  const folderFs = async (path: string): Promise<FsReading | undefined> => {
    const fs = await fsOf(path)
    if (!fs) return undefined
    const { bytes, inodes } = await walked(path)
    return { ...fs, usedBytes: bytes, inodesUsed: inodes }
  }
  const volume = async (v: MeasuredVolume): Promise<VolumeReading[]> => {
    const fs = await (v.isWhole ? fsOf(v.path) : folderFs(v.path))
    return fs ? [{ name: v.name, ...(v.claim ? { claim: v.claim } : {}), fs }] : []
  }

  const container = async (place: ContainerStats, pod: MeasuredPod, detail: Detail): Promise<ContainerReading | undefined> => {
    const named = deps.named(place.containerId)
    const reading = named && await cgroup(place.cgroupPath, detail !== 'core')
    if (!named || !reading) return undefined
    const [rootfs, logs] = await Promise.all([
      detail !== 'core' && place.writableLayer ? folderFs(place.writableLayer) : undefined, detail === 'all' ? folderFs(place.logFolder ?? `${pod.logFolder}/${named.name}`) : undefined,
    ])
    return { ...named, id: place.containerId, cgroup: reading, cgroupPath: place.cgroupPath, ...(rootfs ? { rootfs } : {}), ...(logs ? { logs } : {}) }
  }

  const pod = async (measured: MeasuredPod, places: readonly ContainerStats[], detail: Detail): Promise<{ reading?: PodReading; failed: number }> => {
    const pid = places.find((p) => p.pid !== undefined)?.pid
    const [own, containers, netDev, volumes] = await Promise.all([
      cgroup(measured.cgroupPath, detail !== 'core'), Promise.all(places.map((p) => container(p, measured, detail))),
      detail === 'core' || measured.hostNetwork || pid === undefined ? undefined : text(`/proc/${pid}/net/dev`), detail === 'all' ? Promise.all(measured.volumes.map(volume)) : undefined,
    ])
    const read = containers.filter((c) => c !== undefined)
    const { name, namespace, uid, startedAt, cgroupPath } = measured
    const failed = containers.length - read.length
    // A pod without cgroup is being made or removed.
    if (!own || !read.length) return { failed }
    return { failed, reading: { name, namespace, uid, startedAt, cgroupPath, cgroup: own, containers: read, ...(netDev === undefined ? {} : { interfaces: parseNetDev(netDev) }), ...(volumes ? { volumes: volumes.flat() } : {}) } }
  }

  /** Ourselves, the pods together, and the engine where it is a service of the machine's. */
  const system = async (): Promise<SystemReading[]> => {
    const services = ['docker', 'containerd'].map((name) => `/system.slice/${name}.service`)
    const [pods, self, ...engines] = await Promise.all([cgroup(deps.podsCgroup, true), selfReading(text), ...services.map((s) => cgroup(s, true))])
    const engine = engines.find((e) => e !== undefined)
    const since = clock.now() - process.uptime() * 1000
    return [...(self ? [{ name: 'kubelet', startedAt: since, cgroup: self }] : []), ...(engine ? [{ name: 'runtime', startedAt: since, cgroup: engine }] : []), ...(pods ? [{ name: 'pods', startedAt: since, cgroup: pods }] : [])]
  }

  const node = async (detail: Detail, largest: FsReading | undefined): Promise<NodeReading> => {
    const full = detail === 'all'
    const [stat = '', mem = '', uptime = '0', vm = '', net = '', load = '', pidMax = '0', fs, parts, ...pressures] = await Promise.all([
      text('/proc/stat'), text('/proc/meminfo'), text('/proc/uptime'), text('/proc/vmstat'), text('/proc/net/dev'), text('/proc/loadavg'), text('/proc/sys/kernel/pid_max'), fsOf(deps.dataDir), full ? system() : [],
      ...(full ? pressureFiles : []).map((kind) => text(`/proc/pressure/${kind}`)),
    ])
    const pressure = allPressures((kind) => pressures[pressureFiles.indexOf(kind)])
    const none: FsReading = { availableBytes: 0, capacityBytes: 0, inodesFree: 0, inodes: 0, usedBytes: 0, inodesUsed: 0 }
    const [total, available, free] = [meminfo(mem, 'MemTotal'), meminfo(mem, 'MemAvailable'), meminfo(mem, 'MemFree')]
    const [swapTotal, swapFree] = [meminfo(mem, 'SwapTotal'), meminfo(mem, 'SwapFree')]
    return {
      name: deps.nodeName, startedAt: clock.now() - Number(uptime.split(' ')[0]) * 1000, cpuNanos: busyNanos(stat), cpus: availableParallelism(),
      memory: { totalBytes: total, availableBytes: available, usageBytes: total - free, workingSetBytes: total - available, rssBytes: meminfo(mem, 'AnonPages'), pageFaults: vmstat(vm, 'pgfault'), majorPageFaults: vmstat(vm, 'pgmajfault') },
      swap: { totalBytes: swapTotal, usedBytes: swapTotal - swapFree }, interfaces: parseNetDev(net), processes: { max: Number(pidMax), now: Number(load.split(' ')[3]?.split('/')[1] ?? 0) },
      fs: fs ?? none, imageFs: { ...largest ?? fs ?? none, usedBytes: deps.imageBytes() }, system: parts, ...(pressure ? { pressure } : {}),
    }
  }

  const read = async (detail: Detail): Promise<Snapshot> => {
    const at = clock.now()
    const places = Map.groupBy(await deps.containers(), (c) => c.podUid)
    const pods = await Promise.all(deps.pods().map((p) => pod(p, places.get(p.uid) ?? [], detail)))
    const readings = pods.flatMap((p) => (p.reading ? [p.reading] : []))
    // Images lie where writable layers do.
    return { at, node: await node(detail, readings.flatMap((p) => p.containers).find((c) => c.rootfs)?.rootfs), pods: readings, failed: pods.reduce((n, p) => n + p.failed, 0) }
  }
  const claims = async (): Promise<ClaimReading[]> => {
    const found = new Map(deps.pods().flatMap((p) => p.volumes.flatMap((v) => (v.claim ? [[`${p.namespace}/${v.claim}`, { namespace: p.namespace, claim: v.claim, volume: v }] as const] : []))))
    const read = await Promise.all([...found.values()].map(async (c) => ({ ...c, fs: (await volume(c.volume))[0]?.fs })))
    return read.flatMap(({ namespace, claim, fs }) => (fs ? [{ namespace, claim, fs }] : []))
  }
  return {
    claims,
    read(detail) {
      let now = underWay.get(detail)
      if (!now) underWay.set(detail, (now = read(detail).finally(() => underWay.delete(detail))))
      return now
    },
  }
}

/** This process, which has no cgroup of its own. */
async function selfReading(text: (path: string) => Promise<string | undefined>): Promise<CgroupReading | undefined> {
  const [status, stat] = await Promise.all([text('/proc/self/status'), text('/proc/self/stat')])
  if (status === undefined) return undefined
  const kb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
  const { user, system } = process.cpuUsage()
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ').map(Number)
  return {
    cpuNanos: (user + system) * 1000, memoryBytes: kb('VmRSS'), workingSetBytes: kb('VmRSS'), rssBytes: kb('RssAnon'), cacheBytes: kb('RssFile'), mappedFileBytes: kb('RssFile'), swapBytes: kb('VmSwap'),
    // Of proc(5): minflt is the 10th field, majflt the 12th; the first two are before the bracket.
    pageFaults: (fields[7] ?? 0) + (fields[9] ?? 0), majorPageFaults: fields[9] ?? 0,
  }
}
