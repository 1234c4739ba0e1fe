/** A volume's group: `fsGroup`. Source: upstream `pkg/volume/volume_linux.go`. */
import type { FileFacts, FileTree } from '../../../shared/host/file-tree.ts'

const setgid = 0o2000
const groupBits = (readOnly: boolean): number => (readOnly ? 0o440 : 0o660)

/** Of a folder that was handed over before, whole: its own mark is set last, so it stands for everything below. */
function isHandedOver(root: FileFacts, gid: number, readOnly: boolean): boolean {
  const bits = groupBits(readOnly) | 0o110 | setgid
  return root.gid === gid && (root.mode & bits) === bits
}

/** Every file and folder below `root`, and `root` last, belongs to the group, which may read and (unless `readOnly`) write it; new files are the group's too. Owners stay; symlinks are not followed. */
export async function setOwnership(files: FileTree, root: string, of: { gid: number; readOnly: boolean; policy?: string | undefined }): Promise<void> {
  const facts = await files.stat(root, { noFollow: true })
  if (!facts || (of.policy === 'OnRootMismatch' && isHandedOver(facts, of.gid, of.readOnly))) return
  await handOver(files, root, facts, of)
}

async function handOver(files: FileTree, path: string, facts: FileFacts, of: { gid: number; readOnly: boolean }): Promise<void> {
  const isFolder = facts.kind === 'directory'
  for (const name of isFolder ? await files.list(path) : []) {
    const below = await files.stat(`${path}/${name}`, { noFollow: true })
    if (below) await handOver(files, `${path}/${name}`, below, of)
  }
  await files.chown(path, { gid: of.gid }, { noFollow: true })
  if (facts.kind !== 'symlink') await files.chmod(path, facts.mode | groupBits(of.readOnly) | (isFolder ? setgid | 0o110 : 0))
}
