/**
 * What Docker keeps of a layer's archive: everything but the contents of its files, and of each of those a checksum (vbatts/tar-split). With the
 * layer's folder the archive can be made again, and must have the digest that the layer is named by.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../../../shared/base/errors.ts'
import { sentence, unreadableFile } from '../image-check/check-layer.ts'
import { crc64, crc64Text } from '../image-check/crc64.ts'
import type { Pace } from '../image-check/image-files.ts'
import { LayerFolder } from '../image-check/layer-folder.ts'

export type SplitEntry =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** A file with content; one without is all in its header. */
  | { readonly kind: 'file'; readonly name: string; readonly size: number; /** CRC-64, eight bytes in base64. */ readonly checksum: string }

/** One line of `tar-split.json`. Throws SyntaxError where it is torn. */
export function parseSplitEntry(line: string): SplitEntry | undefined {
  const { type, name, name_raw: raw, size = 0, payload } = JSON.parse(line) as { type?: number; name?: string; name_raw?: string; size?: number; payload?: string | null }
  if (type === 2) return { kind: 'bytes', bytes: Buffer.from(payload ?? '', 'base64') }
  if (type !== 1) throw new SyntaxError(`an entry of type ${type}`)
  if (size === 0) return undefined
  return { kind: 'file', name: name ?? Buffer.from(raw ?? '', 'base64').toString(), size, checksum: payload ?? '' }
}

async function* entriesOf(path: string): AsyncGenerator<SplitEntry> {
  const gunzip = createGunzip()
  // Ends as the reading of `gunzip` ends, which is awaited.
  const filled = pipeline(createReadStream(path), gunzip)
  filled.catch((e: unknown) => gunzip.destroy(e as Error))
  let rest = ''
  gunzip.setEncoding('utf8')
  for await (const text of gunzip) {
    const lines = (rest + (text as string)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) { const entry = parseSplitEntry(line); if (entry) yield entry }
  }
  if (rest.trim() !== '') throw new SyntaxError('it ends in the middle of a line')
}

/** A file's content to `take`; what is wrong with it otherwise. */
async function feed(folder: LayerFolder, entry: { name: string; size: number }, take: (chunk: Buffer) => void, pace: Pace): Promise<string | undefined> {
  try {
    const content = await folder.content(entry.name, entry.size)
    if (typeof content === 'string') return content
    for await (const chunk of content) { take(chunk); await pace() }
    return undefined
  } catch (e) { return unreadableFile(e) }
}

/** Which files do not have the checksum that was kept of them. Slower than a digest, and only asked where that did not fit. */
async function wrongChecksums(splitPath: string, folder: LayerFolder, pace: Pace): Promise<Map<string, string>> {
  const wrong = new Map<string, string>()
  for await (const entry of entriesOf(splitPath)) {
    if (entry.kind === 'bytes') continue
    let sum = crc64.start
    const problem = await feed(folder, entry, (chunk) => { sum = crc64.add(sum, chunk) }, pace)
    if (problem !== undefined || crc64Text(sum) !== entry.checksum) wrong.set(entry.name, problem ?? 'has another content')
  }
  return wrong
}

/** What is wrong with a layer, undefined where nothing is. `folder` is its `diff`. */
export async function checkSplitLayer(layer: { readonly splitPath: string; readonly folder: string; readonly diffId: string }, pace: Pace): Promise<string | undefined> {
  const folder = new LayerFolder(layer.folder)
  const hash = createHash('sha256')
  const wrong = new Map<string, string>()
  try {
    for await (const entry of entriesOf(layer.splitPath)) {
      if (entry.kind === 'bytes') { hash.update(entry.bytes); await pace(); continue }
      const problem = await feed(folder, entry, (chunk) => hash.update(chunk), pace)
      if (problem !== undefined && wrong.size < 1000) wrong.set(entry.name, problem)
    }
    if (wrong.size > 0) return sentence(wrong)
    if (`sha256:${hash.digest('hex')}` === layer.diffId) return undefined
    const differing = await wrongChecksums(layer.splitPath, folder, pace)
    return differing.size > 0 ? sentence(differing) : 'its record of the archive does not fit its digest'
  } catch (e) {
    return `its record of the archive cannot be read (${messageOf(e)})`
  }
}
