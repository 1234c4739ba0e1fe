/** The device nodes of this host, for privileged containers. */
import { deviceNode, namesIn, type DeviceNode } from '../../../shared/host/tree.ts'

/** Made anew in every container, or of no use in one (containerd `oci.HostDevices`). */
const skipped = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console', 'ptmx', 'stdin', 'stdout', 'stderr', 'core', 'null', 'zero', 'full', 'random', 'urandom', 'tty', 'hugepages'])

export async function hostDevices(folder = '/dev', depth = 0): Promise<DeviceNode[]> {
  const names = (await namesIn(folder)).filter((name) => depth > 0 || !skipped.has(name))
  const found = await Promise.all(names.map(async (name) => {
    const path = `${folder}/${name}`
    const node = await deviceNode(path)
    return node ? [node] : depth < 3 ? hostDevices(path, depth + 1) : []
  }))
  return found.flat()
}
