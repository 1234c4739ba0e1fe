/** The cgroups of pods by whoever keeps the tree on this machine. */
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import type { run } from '../../../shared/host/exec.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { openCgroups, type Cgroups } from './cgroup-files.ts'
import { systemdCgroups } from './systemd-cgroups.ts'

export const openPodCgroups = async (driver: CgroupDriver, deps: { readonly files: FileTree; readonly exec: typeof run; readonly clock: Clock; readonly log: Log }): Promise<Cgroups> =>
  (driver === 'systemd' ? systemdCgroups(deps) : openCgroups(deps.files, deps.log))
