import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tar } from '../../../shared/host/oci-archive.ts'
import { checkLayer } from './check-layer.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'layer-')) })
afterEach(() => rm(dir, { recursive: true }))
const atOnce = (): Promise<void> => Promise.resolve()

const big = Buffer.alloc(200_000, 'layer')
/** `lib` leads to `usr/lib` from the top of the layer: what is written as `lib/x` lies there. */
const layer = tar([
  { kind: 'directory', path: 'usr/lib' }, { kind: 'symlink', path: 'lib', target: '/usr/lib' }, { kind: 'file', path: 'lib/x', data: big }, { kind: 'file', path: 'y', data: Buffer.from('y') },
  { kind: 'file', path: 'usr/.wh.gone', data: Buffer.alloc(0) }, { kind: 'file', path: 'twice', data: Buffer.from('first') }, { kind: 'file', path: 'twice', data: Buffer.from('second') },
])
async function unpacked(compress: (data: Buffer) => Buffer = gzipSync): Promise<Parameters<typeof checkLayer>[0]> {
  const folder = join(dir, 'fs')
  await mkdir(join(folder, 'usr/lib'), { recursive: true })
  await symlink('/usr/lib', join(folder, 'lib'))
  await writeFile(join(folder, 'usr/lib/x'), big)
  await writeFile(join(folder, 'y'), 'y')
  await writeFile(join(folder, 'twice'), 'second')
  const blob = compress(layer)
  await writeFile(join(dir, 'blob'), blob)
  return { blob: join(dir, 'blob'), digest: `sha256:${createHash('sha256').update(blob).digest('hex')}`, chain: 'sha256:chain', folder }
}

describe('a layer against its blob', () => {
  it.each([['gzip', gzipSync], ['zstd', zstdCompressSync], ['plain', (d: Buffer) => d]])('whole, %s', async (_, compress) => { expect(await checkLayer(await unpacked(compress), atOnce)).toBeUndefined() })

  const damages: [string, (folder: string) => Promise<unknown>, string][] = [
    ['an empty file', (f) => truncate(join(f, 'usr/lib/x'), 0), 'lib/x is empty instead of 200000 bytes'],
    ['a short file', (f) => truncate(join(f, 'usr/lib/x'), 7), 'lib/x has 7 bytes instead of 200000'],
    ['other content', (f) => writeFile(join(f, 'y'), 'z'), 'y differs within the 1 bytes from 0'],
    ['a file that is gone', (f) => rm(join(f, 'y')), 'y is missing'],
    ['a file that is a link now', async (f) => { await rm(join(f, 'y')); await symlink('/etc/passwd', join(f, 'y')) }, 'y is no file'],
    ['a file that is a folder now', async (f) => { await rm(join(f, 'y')); await mkdir(join(f, 'y')) }, 'y is no file'],
    ['a link that leads elsewhere', async (f) => { await rm(join(f, 'lib')); await symlink('usr/lib', join(f, 'lib')) }, 'lib leads elsewhere'],
    ['nothing at all', (f) => rm(f, { recursive: true }), 'usr/lib/ is no folder, lib is no link, lib/x is missing and 2 more'],
  ]
  it.each(damages)('%s', async (_, harm, detail) => {
    const of = await unpacked()
    await harm(of.folder)
    expect(await checkLayer(of, atOnce)).toEqual({ part: 'layer', digest: 'sha256:chain', detail })
  })

  it('a blob that differs is to blame, not what was unpacked', async () => {
    const of = await unpacked()
    const blob = gzipSync(layer)
    blob[100]! ^= 1
    await writeFile(of.blob, blob)
    expect(await checkLayer(of, atOnce)).toEqual({ part: 'content', digest: of.digest, detail: 'does not have this digest' })
    await rm(of.blob)
    expect(await checkLayer(of, atOnce)).toEqual({ part: 'content', digest: of.digest, detail: 'is not there' })
  })
})
