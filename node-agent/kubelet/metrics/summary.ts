/** `/stats/summary`: upstream's `stats.v1alpha1` Summary. Pure. */
import { timestamp } from '../../../shared/values/timestamp.ts'
import type { NodeUsage } from '../../../shared/streams/usage.ts'
import type { AllPressures, CgroupReading, Pressures } from './cgroup-reading.ts'
import type { InterfaceReading } from './proc-files.ts'
import type { ContainerReading, FsReading, PodReading, Snapshot } from './snapshot.ts'

type Part = Readonly<Record<string, unknown>>

/** Upstream's names of the same numbers. */
const pressureOf = (p: Pressures | undefined): Part | undefined => {
  if (!p) return undefined
  const one = (v: Pressures['some']): Part | undefined => v && { total: v.total, avg10: v.avg10, avg60: v.avg60, avg300: v.avg300 }
  return { ...(p.full ? { full: one(p.full) } : {}), ...(p.some ? { some: one(p.some) } : {}) }
}
const psi = (c: { readonly pressure?: AllPressures }, kind: 'cpu' | 'memory' | 'io'): Part => { const p = pressureOf(c.pressure?.[kind]); return p ? { psi: p } : {} }
const ioOf = (time: string, c: { readonly pressure?: AllPressures }): Part => (c.pressure?.io ? { io: { time, ...psi(c, 'io') } } : {})

function cpuAndMemory(time: string, c: CgroupReading, nanoCores: number | undefined): Part {
  return {
    cpu: { time, ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }), usageCoreNanoSeconds: c.cpuNanos, ...psi(c, 'cpu') },
    memory: {
      time, ...(c.memoryLimitBytes === undefined ? {} : { availableBytes: Math.max(0, c.memoryLimitBytes - c.workingSetBytes) }), usageBytes: c.memoryBytes, workingSetBytes: c.workingSetBytes, rssBytes: c.rssBytes,
      pageFaults: c.pageFaults, majorPageFaults: c.majorPageFaults, ...psi(c, 'memory'),
    },
  }
}
const swapOf = (time: string, c: CgroupReading): Part => ({ swap: { time, swapUsageBytes: c.swapBytes } })
const fsOf = (time: string, { availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed }: FsReading): Part => ({ time, availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed })

function networkOf(time: string, interfaces: readonly InterfaceReading[]): Part {
  const part = (i: InterfaceReading): Part => ({ name: i.name, rxBytes: i.rxBytes, rxErrors: i.rxErrors, txBytes: i.txBytes, txErrors: i.txErrors })
  const main = interfaces.find((i) => i.name === 'eth0') ?? interfaces[0]
  return { time, ...(main ? part(main) : { name: '' }), interfaces: interfaces.map(part) }
}

/** What pod and containers write on disk: writable layers, logs and volumes that are the pod's alone. */
function ephemeralOf(time: string, pod: PodReading, node: FsReading): Part {
  const parts = [...pod.containers.flatMap((c) => [c.rootfs, c.logs]), ...(pod.volumes ?? []).map((v) => (v.claim ? undefined : v.fs))].filter((p) => p !== undefined)
  const sum = (of: (f: FsReading) => number): number => parts.reduce((n, f) => n + of(f), 0)
  return fsOf(time, { ...node, usedBytes: sum((f) => f.usedBytes), inodesUsed: sum((f) => f.inodesUsed) })
}

function containerPart(time: string, c: ContainerReading, nanoCores: number | undefined, onlyCore: boolean): Part {
  return {
    name: c.name, startTime: timestamp(c.startedAt), ...cpuAndMemory(time, c.cgroup, nanoCores),
    ...(onlyCore ? {} : { ...(c.rootfs ? { rootfs: fsOf(time, c.rootfs) } : {}), ...(c.logs ? { logs: fsOf(time, c.logs) } : {}), ...swapOf(time, c.cgroup), ...ioOf(time, c.cgroup) }),
  }
}

/** `usage` has the rates, which need two readings; `onlyCore` leaves all but cpu and memory out (`?only_cpu_and_memory=true`). */
export function summaryOf(snapshot: Snapshot, usage: NodeUsage, { onlyCore }: { readonly onlyCore: boolean }): object {
  const time = timestamp(snapshot.at)
  const { node } = snapshot
  const rates = new Map(usage.containers.map((c) => [`${c.uid}/${c.container}`, c.usageNanoCores]))
  const podPart = (p: PodReading): Part => {
    const own = p.containers.map((c) => rates.get(`${p.uid}/${c.name}`))
    const total = own.some((r) => r !== undefined) ? own.reduce<number>((n, r) => n + (r ?? 0), 0) : undefined
    return {
      podRef: { name: p.name, namespace: p.namespace, uid: p.uid }, startTime: timestamp(p.startedAt), containers: p.containers.map((c, i) => containerPart(time, c, own[i], onlyCore)), ...cpuAndMemory(time, p.cgroup, total),
      ...(onlyCore ? {} : {
        ...(p.interfaces ? { network: networkOf(time, p.interfaces) } : {}), ...(p.volumes ? { volume: p.volumes.map((v) => ({ ...fsOf(time, v.fs), name: v.name, ...(v.claim ? { pvcRef: { name: v.claim, namespace: p.namespace } } : {}) })) } : {}),
        'ephemeral-storage': ephemeralOf(time, p, node.fs), ...(p.cgroup.processes === undefined ? {} : { process_stats: { process_count: p.cgroup.processes } }), ...swapOf(time, p.cgroup), ...ioOf(time, p.cgroup),
      }),
    }
  }
  const { memory: m } = node
  return {
    node: {
      nodeName: node.name, startTime: timestamp(node.startedAt), cpu: { time, usageNanoCores: usage.usageNanoCores, usageCoreNanoSeconds: node.cpuNanos, ...psi(node, 'cpu') },
      memory: { time, availableBytes: m.availableBytes, usageBytes: m.usageBytes, workingSetBytes: m.workingSetBytes, rssBytes: m.rssBytes, pageFaults: m.pageFaults, majorPageFaults: m.majorPageFaults, ...psi(node, 'memory') },
      ...(onlyCore ? {} : {
        systemContainers: node.system.map((s) => ({ name: s.name, startTime: timestamp(s.startedAt), ...cpuAndMemory(time, s.cgroup, undefined), ...swapOf(time, s.cgroup) })),
        network: networkOf(time, node.interfaces), fs: fsOf(time, node.fs), runtime: { imageFs: fsOf(time, node.imageFs), containerFs: fsOf(time, { ...node.imageFs, usedBytes: snapshot.pods.flatMap((p) => p.containers).reduce((n, c) => n + (c.rootfs?.usedBytes ?? 0), 0) }) },
        rlimit: { time, maxpid: node.processes.max, curproc: node.processes.now }, swap: { time, swapAvailableBytes: node.swap.totalBytes - node.swap.usedBytes, swapUsageBytes: node.swap.usedBytes }, ...ioOf(time, node),
      }),
    },
    pods: snapshot.pods.map(podPart),
  }
}
