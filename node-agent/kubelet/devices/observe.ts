/** Looks for the device nodes of every class. */
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { DeviceClass } from './classes.ts'
import { Looker } from './glob.ts'
import type { Numbers, Seen } from './inventory/plan.ts'
import { seeUsb } from './usb.ts'

export interface ObserveDeps {
  readonly files: Pick<FileTree, 'list' | 'stat' | 'read' | 'readLink' | 'realPath'>
  /** Undefined where a path is no device node. */
  readonly node: (path: string) => Promise<Numbers | undefined>
}

export interface Sight {
  readonly seen: readonly Seen[]
  /** Where a change may change what is seen. */
  readonly folders: readonly string[]
}

/** More of one class is a mistake in its path, and too much for a node's status. */
export const mostOfClass = 64

/** The terminal that the kernel writes to is nobody's. */
async function consoles({ files }: ObserveDeps): Promise<Set<string>> {
  const active = ((await files.read('/sys/class/tty/console/active')) ?? '').split(/\s+/).filter(Boolean)
  return new Set(active.map((name) => `/dev/${name}`))
}

export async function observe(classes: readonly DeviceClass[], deps: ObserveDeps): Promise<Sight> {
  const looker = new Looker(deps.files)
  const taken = await consoles(deps)
  const parts = await Promise.all(classes.map((c) => (c.usb ? seeUsb(c, looker, deps) : seeClass(c, looker, taken, deps))))
  return { seen: parts.flatMap((p) => p.slice(0, mostOfClass)), folders: [...looker.folders].sort() }
}

async function seeClass(c: DeviceClass, looker: Looker, consolePaths: ReadonlySet<string>, deps: ObserveDeps): Promise<Seen[]> {
  const { files } = deps
  const links = new Map<string, string>()
  for (const link of c.byId === undefined ? [] : await looker.expand(`${c.byId}/*`)) {
    const real = await files.realPath(link)
    if (real !== undefined && !links.has(real)) links.set(real, link)
  }
  const skipped = new Set(await Promise.all((c.except ?? []).map((path) => files.realPath(path))))
  const paths = (await Promise.all(c.paths.map((p) => looker.expand(p)))).flat()
  const found = await Promise.all(paths.map(async (path): Promise<Seen[]> => {
    const [real, numbers] = await Promise.all([files.realPath(path), deps.node(path)])
    // A colon parts the two sides of Docker's --device: such a node cannot be given.
    if (real === undefined || !numbers || skipped.has(real) || consolePaths.has(real) || real.includes(':')) return []
    return [{ class: c, path: real, stable: links.get(real) ?? (real === path ? undefined : path), numbers }]
  }))
  // Of two paths to one node the link is the better name.
  const once = new Map<string, Seen>()
  for (const s of found.flat()) if (once.get(s.path)?.stable === undefined) once.set(s.path, s)
  return [...once.values()]
}
