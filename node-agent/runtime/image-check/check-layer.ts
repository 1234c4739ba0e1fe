/** A layer as it was downloaded against its digest and against the folder it was unpacked into, in one pass over the blob. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Damage, Pace } from './image-files.ts'
import { LayerFolder } from './layer-folder.ts'
import { readTar, TarError, type TarEntry } from './tar-reader.ts'

const piece = 65_536
/** Said of a layer in one sentence; the rest of what is wrong with it is not news. */
const told = 3

const unreadable = (e: unknown): string => ((e as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : `cannot be read (${(e as NodeJS.ErrnoException).code ?? messageOf(e)})`)

/** Undefined where the file's SHA-256 is `digest`. */
export async function checkBlob(path: string, digest: string, pace: Pace): Promise<Damage | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: piece })) { hash.update(chunk as Buffer); await pace() }
  } catch (e) {
    return { part: 'content', digest, detail: unreadable(e) }
  }
  return `sha256:${hash.digest('hex')}` === digest ? undefined : { part: 'content', digest, detail: 'does not have this digest' }
}

async function decompressor(path: string): Promise<Transform[]> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) return [createGunzip({ chunkSize: piece })]
    return buffer.readUInt32LE() === 0xfd2fb528 ? [createZstdDecompress({ chunkSize: piece })] : []
  } finally {
    await file.close()
  }
}

/** What is wrong with an entry of a layer where it lies, if anything. Whiteouts and devices hold nothing that could be lost. */
async function checkEntry(folder: LayerFolder, entry: TarEntry): Promise<string | undefined> {
  try {
    switch (entry.type) {
      case 'file': return await folder.file(entry.name, entry.size, entry.body)
      case 'hardlink': return await folder.hardlink(entry.name, entry.target)
      case 'symlink': return await folder.symlink(entry.name, entry.target)
      case 'directory': return await folder.directory(entry.name)
      case 'other': return undefined
    }
  } catch (e) { return unreadableFile(e) }
}

/** What the disk cannot read any more (EIO, EUCLEAN, EBADMSG) is damaged like what it reads wrongly. Any other error is thrown on. */
export function unreadableFile(e: unknown): string {
  const { code, syscall } = e as NodeJS.ErrnoException
  if (syscall === undefined) throw e
  return `cannot be read (${code ?? syscall})`
}

export function sentence(wrong: ReadonlyMap<string, string>): string {
  const shown = [...wrong].slice(0, told).map(([name, what]) => `${name} ${what}`).join(', ')
  return wrong.size > told ? `${shown} and ${wrong.size - told} more` : shown
}

/** Throws {@link TarError} where the blob is right but holds what cannot be read here. */
export async function checkLayer(layer: { blob: string; digest: string; chain: string; folder: string }, pace: Pace): Promise<Damage | undefined> {
  const { blob, digest } = layer
  const hash = createHash('sha256')
  const folder = new LayerFolder(layer.folder)
  /** By name: of entries of one name the last is what was unpacked. */
  const wrong = new Map<string, string>()
  let problem: unknown
  let unpack: Transform[]
  try { unpack = await decompressor(blob) } catch (e) { return { part: 'content', digest, detail: unreadable(e) } }
  try {
    await pipeline([
      createReadStream(blob, { highWaterMark: piece }),
      async function* hashed(chunks: AsyncIterable<Buffer>) {
        // Without a system call to its name: it is not about the file that is being compared.
        try { for await (const chunk of chunks) { hash.update(chunk); await pace(); yield chunk } } catch (e) { throw new TarError(messageOf(e)) }
      },
      ...unpack,
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const entry of readTar(chunks)) {
          const isWhiteout = entry.name.replace(/\/$/, '').replace(/^.*\//, '').startsWith('.wh.')
          const what = isWhiteout ? undefined : await checkEntry(folder, entry)
          if (what === undefined) wrong.delete(entry.name)
          else if (wrong.size < 1000) wrong.set(entry.name, what)
          await pace()
        }
      },
    ])
  } catch (e) { problem = e }
  // A stream that broke says nothing of the bytes behind: whether the blob or the reader is to blame, its digest tells.
  const content = problem === undefined ? (`sha256:${hash.digest('hex')}` === digest ? undefined : { part: 'content' as const, digest, detail: 'does not have this digest' }) : await checkBlob(blob, digest, pace)
  if (content) return content
  if (problem !== undefined) throw problem instanceof TarError ? problem : new TarError(messageOf(problem))
  return wrong.size === 0 ? undefined : { part: 'layer', digest: layer.chain, detail: sentence(wrong) }
}
