/**
 * What a cgroup is called by who keeps the tree. Within the agent each has one name, a path (`/bramble/burstable/pod1`); with the cgroupfs driver that is its
 * place in the tree, with the systemd driver it stands for a slice, which systemd makes and owns.
 * Source: upstream `pkg/kubelet/cm/cgroup_manager_linux.go` (`ToSystemd`), systemd.slice(5): a "-" in a slice's name goes a level down.
 */
export type CgroupDriver = 'cgroupfs' | 'systemd'

/** `/bramble/burstable/pod1-2` is `bramble-burstable-pod1_2.slice`. */
export const sliceOf = (name: string): string => `${name.split('/').filter(Boolean).map((part) => part.replaceAll('-', '_')).join('-')}.slice`

/** `a-b.slice` lies at `/a.slice/a-b.slice`. */
export function pathOfSlice(slice: string): string {
  const parts = slice.slice(0, -'.slice'.length).split('-')
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('-')}.slice`).join('')
}

/** Where the cgroup of this name lies, relative to each controller's mount. */
export const cgroupPath = (driver: CgroupDriver, name: string): string => (driver === 'systemd' ? pathOfSlice(sliceOf(name)) : name)

/** The unit in which Docker starts a container under systemd. */
export const dockerScope = (containerId: string): string => `docker-${containerId}.scope`
