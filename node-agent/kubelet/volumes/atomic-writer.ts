/**
 * Writes a payload so that a container sees all of it or the version before, never a mixture. Layout as upstream's `pkg/volume/util/atomic_writer.go`:
 * `..2026_01_01_00_00_00.123/` holds the files, `..data` points to it, and each visible name is a link through `..data`.
 */
import { dirname } from 'node:path'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { setOwnership } from './ownership.ts'
import type { Payload } from './payload.ts'

export interface WriteOptions { readonly now: Millis; /** Group of every file, which it may read. */ readonly fsGroup: number | undefined }

async function isSame(files: FileTree, folder: string, payload: Payload): Promise<boolean> {
  const found = new Set<string>()
  const walk = async (prefix: string): Promise<void> => {
    for (const name of await files.list(`${folder}/${prefix}`)) {
      const path = prefix === '' ? name : `${prefix}/${name}`
      if ((await files.stat(`${folder}/${path}`, { noFollow: true }))?.kind === 'directory') await walk(path)
      else found.add(path)
    }
  }
  await walk('')
  if (found.size !== payload.size) return false
  for (const [path, file] of payload) {
    if (!found.has(path) || !(await files.readBytes(`${folder}/${path}`))?.equals(file.data)) return false
  }
  return true
}

const stamp = (now: Millis): string => new Date(now).toISOString().replace(/[-:T]/g, '_').replace('Z', '')

/** Returns whether anything changed. */
export async function writeAtomically(files: FileTree, folder: string, payload: Payload, options: WriteOptions): Promise<boolean> {
  await files.makeDir(folder, options.fsGroup === undefined ? 0o777 : 0o2777)
  if (options.fsGroup !== undefined) await files.chown(folder, { uid: 0, gid: options.fsGroup })
  const current = await files.readLink(`${folder}/..data`)
  if (current !== undefined && (await isSame(files, `${folder}/${current}`, payload))) return false
  let version = `..${stamp(options.now)}`
  for (let n = 0; (await files.stat(`${folder}/${version}`, { noFollow: true })) !== undefined; n++) version = `..${stamp(options.now)}_${n}`
  await files.makeDir(`${folder}/${version}`, 0o755)
  for (const [path, file] of payload) {
    const target = `${folder}/${version}/${path}`
    await files.makeDir(dirname(target))
    await files.write(target, file.data, { mode: file.mode })
    if (file.uid !== undefined) await files.chown(target, { uid: file.uid })
  }
  if (options.fsGroup !== undefined) await setOwnership(files, `${folder}/${version}`, { gid: options.fsGroup, readOnly: true })
  await files.remove(`${folder}/..data_tmp`)
  await files.symlink(version, `${folder}/..data_tmp`)
  await files.rename(`${folder}/..data_tmp`, `${folder}/..data`)
  const names = new Set([...payload.keys()].map((p) => p.split('/')[0]!))
  for (const name of names) if ((await files.readLink(`${folder}/${name}`)) === undefined) await files.symlink(`..data/${name}`, `${folder}/${name}`)
  for (const name of await files.list(folder)) {
    const isOurs = name === '..data' || name === version || names.has(name)
    if (!isOurs) await files.remove(`${folder}/${name}`)
  }
  return true
}
