/** What was measured at one moment: the model that the summary and all scrapes are made from. */
import type { AllPressures, CgroupReading } from './cgroup-reading.ts'
import type { InterfaceReading } from './proc-files.ts'

/** Bytes and inodes of a file system, and of what is measured in it. */
export interface FsReading { readonly availableBytes: number; readonly capacityBytes: number; readonly inodesFree: number; readonly inodes: number; readonly usedBytes: number; readonly inodesUsed: number }

export interface ContainerReading {
  readonly name: string
  readonly id: string
  readonly image: string
  /** Wall clock, milliseconds. */
  readonly startedAt: number
  readonly cgroup: CgroupReading
  readonly cgroupPath: string
  readonly rootfs?: FsReading
  readonly logs?: FsReading
}

export interface VolumeReading { readonly name: string; readonly claim?: string; readonly fs: FsReading }

export interface PodReading {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly startedAt: number
  /** The pod's own cgroup; the sum of its containers' where it has none. */
  readonly cgroup: CgroupReading
  readonly cgroupPath: string
  readonly containers: readonly ContainerReading[]
  /** Undefined for a pod in the node's network. */
  readonly interfaces?: readonly InterfaceReading[]
  readonly volumes?: readonly VolumeReading[]
}

export interface SystemReading { readonly name: string; readonly startedAt: number; readonly cgroup: CgroupReading }

export interface NodeReading {
  readonly name: string
  readonly startedAt: number
  readonly cpuNanos: number
  readonly cpus: number
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number; readonly usageBytes: number; readonly workingSetBytes: number; readonly rssBytes: number; readonly pageFaults: number; readonly majorPageFaults: number }
  readonly swap: { readonly totalBytes: number; readonly usedBytes: number }
  readonly interfaces: readonly InterfaceReading[]
  readonly processes: { readonly max: number; readonly now: number }
  readonly fs: FsReading
  readonly imageFs: FsReading
  readonly system: readonly SystemReading[]
  readonly pressure?: AllPressures
}

export interface Snapshot { /** Wall clock, milliseconds. */ readonly at: number; readonly node: NodeReading; readonly pods: readonly PodReading[]; /** Containers that could not be read. */ readonly failed: number }
