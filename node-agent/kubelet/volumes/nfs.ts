import type { VolumeContext, VolumeKind, MountRequest } from './kind.ts'

interface Export { readonly server: string; readonly path: string; readonly readOnly: boolean; readonly options: readonly string[] }

/** What mount(8) is asked; an IPv6 address stands in brackets, as upstream's `getServerFromSource` has it. */
export function nfsMount({ server, path, readOnly, options }: Export, target: string): MountRequest {
  const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server
  return { type: 'nfs', source: `${host}:${path}`, target, options: [...(readOnly ? ['ro'] : []), ...options] }
}

/** Mounts the export on the volume's own folder. The server decides who may write: `fsGroup` changes nothing there, as upstream. */
export const mountNfs = ({ mounter, diskPath }: Pick<VolumeContext, 'mounter' | 'diskPath'>, from: Export): Promise<void> => mounter.mount(nfsMount(from, diskPath))

/** A folder of an NFS server. Needs `mount.nfs` on the node. */
export const nfs: VolumeKind = {
  async setUp(context) {
    const { server = '', path = '', readOnly = false } = context.volume.nfs ?? {}
    await mountNfs(context, { server, path, readOnly, options: [] })
    return { source: context.diskPath, readOnly }
  },
}
