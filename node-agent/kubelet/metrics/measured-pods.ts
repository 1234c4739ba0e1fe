/** The pods of this node as the meter reads them. */
import type { Volume } from '../../../shared/api/core-v1.ts'
import type { PodRecord } from '../pod/record.ts'
import { cgroupPath, type CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import { podCgroup } from '../resources/cgroup-numbers.ts'
import type { MeasuredPod, MeasuredVolume } from './meter.ts'

/** Upstream measures what may take room: not a folder of the node's, which is none of the pod's. */
function measured(volume: Volume, source: string): MeasuredVolume | undefined {
  const { name } = volume
  if (volume.emptyDir) return { name, path: source, isWhole: volume.emptyDir.medium === 'Memory' }
  if (volume.persistentVolumeClaim) return { name, path: source, claim: volume.persistentVolumeClaim.claimName, isWhole: false }
  return volume.configMap || volume.secret || volume.downwardAPI || volume.projected ? { name, path: source, isWhole: false } : undefined
}

export function measuredPods(records: Iterable<PodRecord>, cgroupRoot: string, driver: CgroupDriver): MeasuredPod[] {
  const out: MeasuredPod[] = []
  for (const { pod, ref, paths, startTime, volumes } of records) {
    if (!pod) continue
    const mounted = (pod.spec?.volumes ?? []).flatMap((v) => {
      const at = volumes.get(v.name)
      const found = at && !at.isDevice ? measured(v, at.source) : undefined
      return found ? [found] : []
    })
    out.push({ ...ref, hostNetwork: pod.spec?.hostNetwork ?? false, startedAt: startTime, cgroupPath: cgroupPath(driver, podCgroup(cgroupRoot, pod)), logFolder: paths.logs, volumes: mounted })
  }
  return out
}
