import type { FileTree } from '../../../shared/host/file-tree.ts'
import { runOk } from '../../../shared/host/exec.ts'
import type { Mounter } from './kind.ts'

/** Octal escapes of `/proc/self/mountinfo`. */
const unescape = (text: string): string => text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))

export async function mountPoints(files: FileTree): Promise<ReadonlySet<string>> {
  const lines = ((await files.read('/proc/self/mountinfo')) ?? '').split('\n')
  return new Set(lines.map((l) => unescape(l.split(' ')[4] ?? '')))
}

/** Mounts by `mount(8)`: Node has no system call for it. What is mounted already is left alone. */
export const createMounter = (files: FileTree): Mounter => ({
  async tmpfs(path, { sizeBytes, mode }) {
    if ((await mountPoints(files)).has(path)) return
    const options = [`mode=${mode.toString(8)}`, 'nosuid', 'nodev', ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])]
    await runOk(['mount', '-t', 'tmpfs', '-o', options.join(','), 'tmpfs', path])
  },
  async unmount(path) {
    if ((await mountPoints(files)).has(path)) await runOk(['umount', path])
  },
})
