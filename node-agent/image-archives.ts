/**
 * Images that came with the machine: every `*.tar` in the folder `images/` of the data folder is imported when the agent starts, as k3s does
 * with its `agent/images`. A site without internet, and the demo, need no registry.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../shared/base/errors.ts'
import type { Log } from '../shared/base/host.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import type { Runtime } from './runtime/runtime.ts'

interface Imported { readonly size: number; readonly mtimeMs: number; readonly references: readonly string[] }

const recordPath = (dataDir: string): string => join(dataDir, 'imported-images.json')

/** The archive that brought an image of one of these references and is still there. */
export async function archiveOf(dataDir: string, references: readonly string[]): Promise<string | undefined> {
  const known = JSON.parse(await readIfThere(recordPath(dataDir)) ?? '{}') as Record<string, Imported>
  for (const [name, { size, mtimeMs, references: brought }] of Object.entries(known)) {
    if (!brought.some((r) => references.includes(r))) continue
    const path = join(dataDir, 'images', name)
    const now = await stat(path).catch((e: NodeJS.ErrnoException) => { if (e.code === 'ENOENT') return undefined; throw e })
    if (now?.size === size && now.mtimeMs === mtimeMs) return path
  }
  return undefined
}

/** Imports what is new, changed, or not in the engine any more. An archive that cannot be imported is logged and left: the rest of the node works. */
export async function importArchives(options: { runtime: Pick<Runtime, 'image' | 'importImage'>; dataDir: string; log: Log }): Promise<void> {
  const { runtime, log } = options
  const folder = join(options.dataDir, 'images')
  const record = recordPath(options.dataDir)
  const names = (await readdir(folder).catch((e: NodeJS.ErrnoException) => { if (e.code === 'ENOENT') return []; throw e })).filter((n) => n.endsWith('.tar')).toSorted()
  const known = JSON.parse(await readIfThere(record) ?? '{}') as Record<string, Imported>
  const now: Record<string, Imported> = {}
  for (const name of names) {
    const { size, mtimeMs } = await stat(join(folder, name))
    const before = known[name]
    const present = before?.size === size && before.mtimeMs === mtimeMs && (await Promise.all(before.references.map((r) => runtime.image(r)))).every((i) => i !== undefined)
    if (before && present) { now[name] = before; continue }
    try {
      now[name] = { size, mtimeMs, references: await runtime.importImage(join(folder, name)) }
      log.info('imported images', { archive: name, references: now[name].references.join(',') })
    } catch (e) {
      log.error('could not import images', { archive: name, error: messageOf(e) })
    }
  }
  if (JSON.stringify(now) !== JSON.stringify(known)) await writeFileAtomic(record, JSON.stringify(now))
}
