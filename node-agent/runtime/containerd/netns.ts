/** The namespaces that a pod's containers share, held open by bind mounts: no process has to live for them. */
import { runOk } from '../../../shared/host/exec.ts'
import { isNamespace, makeFolder, readText, removeTree, touch, writeText } from '../../../shared/host/tree.ts'
import type { SandboxSpec } from '../runtime.ts'
import { bindToItself, mountShm, unshare } from './argv.ts'
import { unmountAll } from './rootfs.ts'

export interface PodNamespaces {
  readonly net: string | undefined
  readonly ipc: string | undefined
  readonly uts: string | undefined
  /** The pod's /dev/shm; undefined where it shares the host's. */
  readonly shm: string | undefined
  readonly hostnameFile: string
}

const netnsFolder = '/run/netns'

export function podNamespaces(folder: string, id: string, spec: SandboxSpec): PodNamespaces {
  return {
    net: spec.hostNetwork ? undefined : `${netnsFolder}/bramble-${id.slice(0, 16)}`,
    ipc: spec.hostIPC ? undefined : `${folder}/ipc`,
    uts: spec.hostNetwork ? undefined : `${folder}/uts`,
    shm: spec.hostIPC ? undefined : `${folder}/shm`,
    hostnameFile: `${folder}/hostname`,
  }
}

/** As `ip netns` prepares it: a shared mount, so that later mounts on it are seen by whoever has copied the mount namespace. */
export async function prepareNetnsFolder(): Promise<void> {
  await makeFolder(netnsFolder, 0o755)
  const mounts = await readText('/proc/self/mountinfo') ?? ''
  if (!mounts.split('\n').some((line) => line.split(' ')[4] === netnsFolder)) await runOk(bindToItself(netnsFolder))
}

/** Two processes, side by side: one for all namespaces, one for /dev/shm. */
export async function makeNamespaces(folder: string, ns: PodNamespaces, hostname: string): Promise<void> {
  await makeFolder(folder, 0o711)
  const paths = [ns.net, ns.ipc, ns.uts].filter((p) => p !== undefined)
  await Promise.all([...paths.map((p) => touch(p, 0o444)), ...(ns.shm === undefined ? [] : [makeFolder(ns.shm, 0o1777)]), writeText(ns.hostnameFile, `${hostname}\n`, 0o644)])
  await Promise.all([paths.length > 0 ? runOk(unshare({ net: ns.net, ipc: ns.ipc, uts: ns.uts })) : undefined, ns.shm === undefined ? undefined : runOk(mountShm(ns.shm))])
}

/** They are all still there: false after a reboot. */
export async function namespacesAlive(ns: PodNamespaces): Promise<boolean> {
  const paths = [ns.net, ns.ipc, ns.uts].filter((p) => p !== undefined)
  if (paths.length === 0) return (await readText(ns.hostnameFile)) !== undefined
  return (await Promise.all(paths.map(isNamespace))).every(Boolean)
}

/** Interfaces in the namespace end with it. Repeating it is harmless. */
export async function removeNamespaces(folder: string, ns: PodNamespaces): Promise<void> {
  await unmountAll([ns.net, ns.ipc, ns.uts, ns.shm].filter((p) => p !== undefined))
  if (ns.net !== undefined) await removeTree(ns.net)
  await removeTree(folder)
}

