import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Log } from '../../../shared/base/host.ts'
import { podCgroup, podLimits } from '../resources/cgroup-numbers.ts'
import type { Cgroups } from '../resources/cgroup-files.ts'
import type { PodHook } from './hook.ts'

/** The pod's cgroup with the pod's limits. `cgroups` undefined: the runtime makes what it needs (tests). */
export const cgroupHook = (options: { cgroups: Cgroups | undefined; root: string; hasPause: (pod: Pod) => boolean; log: Log }): PodHook => ({
  name: 'cgroup',
  async setUp({ pod }) { await options.cgroups?.ensure(podCgroup(options.root, pod), podLimits(pod, options.hasPause(pod))) },
  async tearDown({ ref, pod }) {
    // A pod that nobody knows any more may have been of any class.
    const paths = pod ? [podCgroup(options.root, pod)] : ['', '/burstable', '/besteffort'].map((qos) => `/${options.root}${qos}/pod${ref.uid}`)
    for (const path of paths) if (options.cgroups && !(await options.cgroups.remove(path))) options.log.debug('cgroup is still busy', { path })
  },
})
