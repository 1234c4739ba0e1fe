import { describe, expect, it } from 'vitest'
import { tar } from '../../../shared/host/oci-archive.ts'
import { crc64, crc64Text } from './crc64.ts'
import { readTar, TarError } from './tar-reader.ts'

async function* inPieces(data: Buffer, size: number): AsyncGenerator<Buffer> { for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size) }

const content = Buffer.from('0123456789'.repeat(200))
const archive = tar([
  { kind: 'directory', path: 'd' }, { kind: 'file', path: 'd/one', data: content }, { kind: 'file', path: 'd/none', data: Buffer.alloc(0) }, { kind: 'symlink', path: 'd/link', target: 'one' }, { kind: 'file', path: 'last', data: Buffer.from('x') },
])

/** Sets a header's fields and its sum. */
function header(name: string, type: string, size: number): Buffer {
  const h = tar([{ kind: 'file', path: name, data: Buffer.alloc(0) }]).subarray(0, 512)
  h.write(size.toString(8).padStart(11, '0'), 124)
  h.write(type, 156)
  return h
}
const padded = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512)])
const record = (key: string, value: string): string => { const rest = ` ${key}=${value}\n`; let length = rest.length + 1; while (`${length}${rest}`.length !== length) length++; return `${length}${rest}` }

describe('a tar', () => {
  it.each([1, 7, 512, 513, 100_000])('in pieces of %i bytes', async (size) => {
    const seen = []
    for await (const e of readTar(inPieces(archive, size))) seen.push([e.type, e.name, e.target, Buffer.concat(await Array.fromAsync(e.body)).toString()])
    expect(seen).toEqual([['directory', 'd/', '', ''], ['file', 'd/one', '', content.toString()], ['file', 'd/none', '', ''], ['symlink', 'd/link', 'one', ''], ['file', 'last', '', 'x']])
  })
  it('whose reader stops in the middle of a file, or does not begin with it', async () => {
    const names: string[] = []
    for await (const e of readTar(inPieces(archive, 100))) {
      names.push(e.name)
      if (e.name === 'd/one') for await (const _ of e.body) break
    }
    expect(names).toEqual(['d/', 'd/one', 'd/none', 'd/link', 'last'])
  })
  it('with long names of PAX and of GNU', async () => {
    const long = `${'a'.repeat(150)}/${'b'.repeat(150)}`
    const data = Buffer.concat([
      header('x', 'x', record('path', long).length), padded(record('path', long)), header('short', '0', 1), padded('1'),
      header('././@LongLink', 'L', long.length + 1), padded(`${long}\0`), header('short', '0', 1), padded('2'), header('short', '0', 1), padded('3'), Buffer.alloc(1024),
    ])
    expect(await Array.fromAsync(readTar(inPieces(data, 333)), (e) => e.name)).toEqual([long, long, 'short'])
  })
  it.each([['zeros instead of content are an end', Buffer.alloc(2048), 0], ['no archive', Buffer.alloc(1024, 7), undefined], ['torn', archive.subarray(0, 1200), undefined], ['sparse', header('s', 'S', 0), undefined]])('%s', async (_, data, count) => {
    const read = Array.fromAsync(readTar(inPieces(data, 512)))
    if (count === undefined) await expect(read).rejects.toThrow(TarError)
    else expect(await read).toHaveLength(count)
  })
})

// The check values are those of Go's hash/crc64 with its ISO table.
it.each([['', 'AAAAAAAAAAA='], ['123456789', 'uQlWx3WkEAE=']])('CRC-64 of %j', (text, sum) => { expect(crc64Text(crc64.add(crc64.start, Buffer.from(text)))).toBe(sum) })
it('CRC-64 in pieces', () => { expect(crc64.add(crc64.add(crc64.start, content.subarray(0, 77)), content.subarray(77))).toEqual(crc64.add(crc64.start, content)) })
