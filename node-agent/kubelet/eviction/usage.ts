/** What each pod uses of what the node is short of. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { parseQuantity, quantityValue } from '../../../shared/values/quantity.ts'
import type { ContainerStats } from '../../runtime/runtime.ts'
import { cgroupPath, type CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import { podCgroup } from '../resources/cgroup-numbers.ts'
import { amountsOf, podAmounts } from '../resources/qos.ts'
import type { PodUsage } from './plan.ts'
import { isMemory, type Signal } from './signals.ts'

export interface UsageSource {
  readonly files: FileTree
  readonly cgroupRoot: string
  readonly cgroupDriver: CgroupDriver
  stats(): Promise<readonly ContainerStats[]>
  /** Name of a container by its id. */
  nameOf(id: string): string | undefined
  /** Pods that run, with their folders on disk. */
  pods(): readonly { readonly pod: Pod; readonly uid: string; readonly folders: readonly string[] }[]
}

const diskRequest = (c: Container): number => { const q = c.resources?.requests?.['ephemeral-storage']; return q === undefined ? 0 : quantityValue(parseQuantity(q)) }

async function pidsOf(files: FileTree, cgroup: string): Promise<number> {
  const text = await files.read(`/sys/fs/cgroup/pids${cgroup}/pids.current`) ?? await files.read(`/sys/fs/cgroup${cgroup}/pids.current`)
  return Number(text ?? 0)
}

export async function usageOf(signal: Signal, source: UsageSource): Promise<PodUsage[]> {
  const stats = isMemory(signal) ? await source.stats() : []
  return Promise.all(source.pods().map(async ({ pod, uid, folders }) => {
    const own = stats.filter((s) => s.podUid === uid)
    const containers = own.flatMap((s) => {
      const name = source.nameOf(s.containerId)
      const def = pod.spec?.containers.find((c) => c.name === name)
      return name === undefined ? [] : [{ name, memoryBytes: s.workingSetBytes, memoryRequest: def ? amountsOf(def).memoryRequest ?? 0 : 0 }]
    })
    const isDisk = signal === 'nodefs.available' || signal === 'nodefs.inodesFree'
    return {
      pod, containers, memoryBytes: own.reduce((n, s) => n + s.workingSetBytes, 0), memoryRequest: podAmounts(pod).memoryRequest ?? 0,
      diskBytes: isDisk ? (await Promise.all(folders.map((f) => source.files.diskUsage(f)))).reduce((a, b) => a + b, 0) : 0, diskRequest: (pod.spec?.containers ?? []).reduce((n, c) => n + diskRequest(c), 0),
      pids: signal === 'pid.available' ? await pidsOf(source.files, cgroupPath(source.cgroupDriver, podCgroup(source.cgroupRoot, pod))) : 0,
    }
  }))
}
