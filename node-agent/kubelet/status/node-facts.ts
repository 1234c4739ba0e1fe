/** Reads what a node's status is made from: files of /proc, and `systeminformation` where it starts no process. */
import { statfs } from 'node:fs/promises'
import { arch, availableParallelism, networkInterfaces } from 'node:os'
// The one part that is needed: the whole package costs megabytes, and most of it starts processes.
import memory from 'systeminformation/lib/memory.js'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { NodeFacts } from './node-status.ts'

export interface FactOptions {
  readonly files: FileTree
  readonly dataDir: string
  readonly nodeName: string
  /** Addresses to report; found from the interfaces where empty. */
  readonly addresses: readonly string[]
  readonly agentVersion: string
  runtimeVersion(): Promise<string>
}

/** Our own interfaces: not where a node is reached. */
const ours = /^(lo|veth|bramble|docker|br-|cni|flannel|tun|virbr)/

export function hostAddresses(): string[] {
  const found: string[] = []
  for (const [name, list] of Object.entries(networkInterfaces())) {
    if (!ours.test(name)) for (const a of list ?? []) if (a.family === 'IPv4' && !a.internal) found.push(a.address)
  }
  return found.slice(0, 1)
}

export async function readNodeFacts(options: FactOptions): Promise<NodeFacts> {
  const { files } = options
  const line = async (path: string): Promise<string> => ((await files.read(path)) ?? '').trim()
  const [mem, disk, osRelease, loadavg, pidsMax, runtimeVersion] = await Promise.all([
    memory.mem(), statfs(options.dataDir), line('/etc/os-release'), line('/proc/loadavg'), line('/proc/sys/kernel/pid_max'), options.runtimeVersion(),
  ])
  const machine = arch()
  return {
    hostname: options.nodeName, addresses: options.addresses.length > 0 ? options.addresses : hostAddresses(), cpus: availableParallelism(), memoryBytes: mem.total, memoryAvailable: mem.available,
    diskBytes: disk.blocks * disk.bsize, diskAvailable: disk.bavail * disk.bsize, pidsMax: Number(pidsMax), pidsUsed: Number(loadavg.split(' ')[3]?.split('/')[1] ?? 0),
    architecture: machine === 'x64' ? 'amd64' : machine, kernelVersion: await line('/proc/sys/kernel/osrelease'), osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'Linux',
    machineId: await line('/etc/machine-id'), bootId: await line('/proc/sys/kernel/random/boot_id'), runtimeVersion, agentVersion: options.agentVersion,
  }
}
