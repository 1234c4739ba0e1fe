import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { overlayOf, type Overlay } from './overlay.ts'
import { parseContainers, parseListed, parseStore } from './parse.ts'
import { parseSplitEntry } from './tar-split.ts'

describe('a line of tar-split', () => {
  it.each([
    ['{"type":2,"payload":"AAE=","position":0}', { kind: 'bytes', bytes: Buffer.from([0, 1]) }],
    ['{"type":1,"name":"etc/group","size":56,"payload":"pYYcPDJ0kyI=","position":7}', { kind: 'file', name: 'etc/group', size: 56, checksum: 'pYYcPDJ0kyI=' }],
    ['{"type":1,"name":"bin/","payload":null,"position":1}', undefined],
    ['{"type":1,"name_raw":"Yf8=","size":1,"payload":"AAAAAAAAAAA=","position":2}', { kind: 'file', name: 'a\ufffd', size: 1, checksum: 'AAAAAAAAAAA=' }],
  ])('%s', (line, entry) => { expect(parseSplitEntry(line)).toEqual(entry) })
  it.each(['', '{"type":1', '{"type":3}', '\0\0'])('torn: %j', (line) => { expect(() => parseSplitEntry(line)).toThrow(SyntaxError) })
})

describe('what docker prints', () => {
  const id = `sha256:${'a'.repeat(64)}`
  it('images that cannot be inspected', () => {
    expect(parseListed(`${id}\tr:5000/x\t1\tsha256:d\n${id}\tr:5000/x\t<none>\tsha256:d\n${id}\tbusy\tbox\t<none>\nrubbish\n`)).toEqual([{ id, tags: ['busy:box', 'r:5000/x:1'], digests: ['r:5000/x@sha256:d'], sizeBytes: 0, user: '' }])
    expect(parseListed(`${id}\t<none>\t<none>\t<none>`)).toEqual([{ id, tags: [], digests: [], sizeBytes: 0, user: '' }])
  })
  it.each([
    ['{"DockerRootDir":"/d","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"]]}', { root: '/d' }],
    ['{"DockerRootDir":"/d","Driver":"vfs","DriverStatus":null}', { why: 'Docker keeps images with vfs, not overlay2' }],
    ['{"DockerRootDir":"/d","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}', { why: "Docker keeps images in containerd's store" }],
  ])('where images lie: %s', (output, store) => { expect(parseStore(output)).toEqual(store) })
  it('containers of an image', () => {
    expect(parseContainers('1\texited\tnode\ta\n2\trunning\t\tb\n3\tpaused\tnode\tc\n')).toEqual([{ id: '1', running: false, owner: 'node', name: 'a' }, { id: '2', running: true, owner: '', name: 'b' }, { id: '3', running: true, owner: 'node', name: 'c' }])
  })
})

describe('what overlay2 knows of a layer', () => {
  let root: string
  const cache = 'c'.repeat(64)
  const below: Overlay = { folder: '', stack: 'l/BASE' }
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'overlay-'))
    await mkdir(join(root, 'record'), { recursive: true })
    await mkdir(join(root, 'overlay2/l'), { recursive: true })
    await mkdir(join(root, 'overlay2', cache, 'diff'), { recursive: true })
    await writeFile(join(root, 'record/cache-id'), cache)
    await writeFile(join(root, 'overlay2', cache, 'link'), 'TOP')
    await writeFile(join(root, 'overlay2', cache, 'lower'), 'l/BASE')
    await symlink(`../${cache}/diff`, join(root, 'overlay2/l/TOP'))
  })
  afterEach(() => rm(root, { recursive: true }))
  const look = (): Promise<Overlay | string> => overlayOf(root, join(root, 'record'), below)

  it('whole', async () => { expect(await look()).toEqual({ folder: join(root, 'overlay2', cache, 'diff'), stack: 'l/TOP:l/BASE' }) })
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['an empty link', () => writeFile(join(root, 'overlay2', cache, 'link'), ''), /short name \(link\) is damaged/],
    ['an empty lower', () => writeFile(join(root, 'overlay2', cache, 'lower'), ''), /\(lower\) are damaged/],
    ['no link to it', () => rm(join(root, 'overlay2/l/TOP')), /l\/TOP leads elsewhere/],
    ['no name of the folder', () => writeFile(join(root, 'record/cache-id'), '../../etc'), /folder is not named/],
  ])('%s', async (_, harm, sentence) => { await harm(); expect(await look()).toMatch(sentence) })
})
