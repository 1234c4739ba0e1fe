import type { FileTree } from '../../../shared/host/file-tree.ts'
import { runOk } from '../../../shared/host/exec.ts'
import type { Mounter, MountRequest } from './kind.ts'

/** Octal escapes of `/proc/self/mountinfo`. */
const unescape = (text: string): string => text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))

/** In the order they were mounted; a path may be there more than once. */
export async function mountList(files: FileTree): Promise<string[]> {
  const lines = ((await files.read('/proc/self/mountinfo')) ?? '').split('\n')
  return lines.map((l) => unescape(l.split(' ')[4] ?? '')).filter((p) => p !== '')
}

export const mountPoints = async (files: FileTree): Promise<ReadonlySet<string>> => new Set(await mountList(files))

/** `--`: neither a source nor a target is ever taken for an option. */
export const mountArgv = ({ type, source, target, options }: MountRequest): string[] =>
  ['mount', '-t', type, ...(options.length === 0 ? [] : ['-o', options.join(',')]), '--', source, target]

/** Mounts by `mount(8)`: Node has no system call for it. What is mounted already is left alone. */
export const createMounter = (files: FileTree): Mounter => ({
  async tmpfs(path, { sizeBytes, mode }) {
    if ((await mountPoints(files)).has(path)) return false
    const options = [`mode=${mode.toString(8)}`, 'nosuid', 'nodev', ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])]
    await runOk(mountArgv({ type: 'tmpfs', source: 'tmpfs', target: path, options }))
    return true
  },
  async mount(request) {
    if ((await mountPoints(files)).has(request.target)) return
    await files.makeDir(request.target, 0o750)
    await runOk(mountArgv(request), { timeout: 120_000 })
  },
  async bind(source, target) {
    if ((await mountPoints(files)).has(target)) await runOk(['umount', '--', target])
    await runOk(['mount', '--no-canonicalize', '--bind', '--', source, target])
  },
  async unmount(path) {
    if ((await mountPoints(files)).has(path)) await runOk(['umount', path])
  },
  async unmountBelow(folder) {
    const below = (await mountList(files)).filter((p) => p === folder || p.startsWith(`${folder}/`))
    // The last one mounted first: it may lie on another.
    if (below.length > 0) await runOk(['umount', '--', ...below.toReversed()], { timeout: 120_000 })
  },
})
