/** Reads a tar as it streams by: ustar, with the extensions of PAX and GNU that name long files. Memory: one block and one chunk. */

export interface TarEntry {
  /** As written: perhaps with `./` before it or `/` behind. */
  readonly name: string
  readonly type: 'file' | 'hardlink' | 'symlink' | 'directory' | 'other'
  readonly size: number
  readonly target: string
  /** The content; gone when the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>
}

export class TarError extends Error { override readonly name = 'TarError' }

const block = 512
/** Names, and what else a header of PAX holds; the kernel's longest path is 4 KiB. */
const maxExtension = 1 << 20

class Source {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  constructor(chunks: AsyncIterable<Buffer>) { this.#chunks = chunks[Symbol.asyncIterator]() }

  /** At most `most` bytes; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return undefined
      this.#rest = next.value
    }
    const taken = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  /** Exactly `length` bytes; undefined where the stream ends before the first. */
  async exactly(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    for (let left = length; left > 0;) {
      const part = await this.some(left)
      if (!part) { if (parts.length === 0) return undefined; throw new TarError('the archive ends in the middle of an entry') }
      parts.push(part)
      left -= part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** Counts down what is left of it, so that who stops half-way leaves no riddle. */
  async *body(of: { left: number }): AsyncGenerator<Buffer> {
    while (of.left > 0) {
      const part = await this.some(of.left)
      if (!part) throw new TarError('the archive ends in the middle of a file')
      of.left -= part.length
      yield part
    }
  }

  async skip(of: { left: number }, size: number): Promise<void> {
    for await (const _ of this.body(of)) { /* not asked for */ }
    const padding = (block - (size % block)) % block
    if (padding > 0) await this.exactly(padding)
  }

  async drain(): Promise<void> { while (await this.some(1 << 20)) { /* what is behind the end of an archive is nobody's */ } }
}

const text = (h: Buffer, from: number, length: number): string => { const end = h.indexOf(0, from); return h.toString('utf8', from, end < 0 || end > from + length ? from + length : end) }

function number(h: Buffer, from: number, length: number): number {
  // GNU: binary where the first bit is set.
  if ((h[from]! & 0x80) !== 0) return h.subarray(from + 1, from + length).reduce((n, byte) => n * 256 + byte, h[from]! & 0x7f)
  return Number.parseInt(text(h, from, length).trim() || '0', 8)
}

/** Records of `LENGTH KEY=VALUE\n`, POSIX.1-2001. */
function paxRecords(data: Buffer): Record<string, string> {
  const records: Record<string, string> = {}
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at)
    const length = Number(data.toString('latin1', at, space))
    const equals = data.indexOf(0x3d, space)
    if (space < 0 || equals < 0 || !(length > 0)) throw new TarError('an extended header cannot be read')
    records[data.toString('utf8', space + 1, equals)] = data.toString('utf8', equals + 1, at + length - 1)
    at += length
  }
  return records
}

const types: Readonly<Record<string, TarEntry['type']>> = { '0': 'file', '\0': 'file', '7': 'file', '1': 'hardlink', '2': 'symlink', '5': 'directory' }

/** Entries in order. Rejects with {@link TarError} where it is no archive. Reads the stream to its end. */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const source = new Source(chunks)
  let extended: Record<string, string> = {}
  for (let header = await source.exactly(block); header && header[0] !== 0; header = await source.exactly(block)) {
    const flag = String.fromCharCode(header[156]!)
    const isLink = flag === '1' || flag === '2'
    const size = isLink ? 0 : Number(extended['size'] ?? number(header, 124, 12))
    if (text(header, 257, 5) !== 'ustar' || !Number.isSafeInteger(size) || size < 0) throw new TarError('a header cannot be read')
    if (flag === 'S' || extended['GNU.sparse.major'] !== undefined) throw new TarError('sparse entries are not read')
    const left = { left: size }
    if ('xgLK'.includes(flag)) {
      if (size > maxExtension) throw new TarError(`an extended header of ${size} bytes`)
      const data = Buffer.concat(await Array.fromAsync(source.body(left)))
      await source.skip(left, size)
      if (flag === 'x') extended = { ...extended, ...paxRecords(data) }
      else if (flag !== 'g') extended = { ...extended, [flag === 'L' ? 'path' : 'linkpath']: text(data, 0, data.length) }
      continue
    }
    const prefix = text(header, 345, 155)
    const short = text(header, 0, 100)
    const isGnu = header.toString('latin1', 257, 265) === 'ustar  \0'
    yield { name: extended['path'] ?? (prefix && !isGnu ? `${prefix}/${short}` : short), type: types[flag] ?? 'other', size, target: extended['linkpath'] ?? text(header, 157, 100), body: source.body(left) }
    await source.skip(left, size)
    extended = {}
  }
  await source.drain()
}
