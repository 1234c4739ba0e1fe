import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Log } from '../../../shared/base/host.ts'
import { podCgroup, podCgroups, podLimits } from '../resources/cgroup-numbers.ts'
import type { Cgroups } from '../resources/cgroup-files.ts'
import type { ClassCgroups } from '../resources/class-cgroups.ts'
import type { PodHook } from './hook.ts'

export interface CgroupHookOptions {
  readonly cgroups: Cgroups | undefined
  readonly root: string
  readonly hasPause: (pod: Pod) => boolean
  readonly log: Log
  /** What the cgroups of the classes weigh follows from the pods in them. */
  readonly classes?: Pick<ClassCgroups, 'weigh'> | undefined
  /** Most process ids of one pod; undefined for no limit. */
  readonly podPids?: number | undefined
}

/** The pod's cgroup with the pod's limits. `cgroups` undefined: the runtime makes what it needs (tests). */
export const cgroupHook = (options: CgroupHookOptions): PodHook => ({
  name: 'cgroup',
  async setUp({ pod }) {
    await options.cgroups?.ensure(podCgroup(options.root, pod), { ...podLimits(pod, options.hasPause(pod)), ...(options.podPids === undefined ? {} : { pids: options.podPids }) })
    await options.classes?.weigh()
  },
  async tearDown({ ref, pod }) {
    // A pod that nobody knows any more may have been of any class.
    const paths = pod ? [podCgroup(options.root, pod)] : podCgroups(options.root, ref.uid)
    for (const path of paths) if (options.cgroups && !(await options.cgroups.remove(path))) options.log.debug('cgroup is still busy', { path })
    await options.classes?.weigh(ref.uid)
  },
})
