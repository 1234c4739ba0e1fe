/** Volumes on real mounts: needs root. */
import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run, runOk } from '../../../shared/host/exec.ts'
import { systemFileTree as files } from '../../../shared/host/file-tree.ts'
import { writeAtomically } from './atomic-writer.ts'
import { emptyDir } from './empty-dir.ts'
import { checkHostPath } from './host-path.ts'
import { createMounter, mountPoints } from './mounter.ts'
import { bindSubPath } from './sub-path.ts'

let dir: string
const mounter = createMounter(files)
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'mounts-')) })
afterEach(async () => {
  await mounter.unmountBelow(dir)
  await rm(dir, { recursive: true, force: true })
})

describe('emptyDir in memory', () => {
  const volume = { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }
  const setUp = (pod: object, volumeOf = volume) => emptyDir.setUp({ pod, volume: volumeOf, diskPath: `${dir}/v`, files, mounter, facts: { allocatable: { memoryBytes: 64 << 20 } } } as never)

  it('is a tmpfs of its size, owned by the group, and is mounted once', async () => {
    await setUp({ spec: { securityContext: { fsGroup: 4321 }, containers: [] } })
    expect([(await stat(`${dir}/v`)).gid, (await stat(`${dir}/v`)).mode & 0o7777]).toEqual([4321, 0o2777])
    await writeFile(`${dir}/v/small`, 'kept')
    await expect(writeFile(`${dir}/v/large`, Buffer.alloc(2 << 20))).rejects.toThrow('ENOSPC')
    await setUp({ spec: { containers: [] } })
    expect(await readFile(`${dir}/v/small`, 'utf8')).toBe('kept')
    expect((await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((l) => l.split(' ')[4] === `${dir}/v`)).toHaveLength(1)
  })

  it('without a limit has that of the node', async () => {
    await setUp({ spec: { containers: [{ name: 'c' }] } }, { name: 'v', emptyDir: { medium: 'Memory' } } as never)
    const { stdout } = await run(['stat', '-f', '-c', '%b %S', `${dir}/v`])
    const [blocks = 0, size = 0] = stdout.toString().trim().split(' ').map(Number)
    expect(blocks * size).toBe(64 << 20)
  })
})

describe('taking down', () => {
  it('unmounts what lies on what, also with a space in its name, before anything can be removed through it', async () => {
    await mkdir(`${dir}/user data`)
    await writeFile(`${dir}/user data/file`, 'precious')
    for (const name of ['a', 'a/b c']) {
      await mkdir(`${dir}/pod/${name}`, { recursive: true })
      await mounter.tmpfs(`${dir}/pod/${name}`, { sizeBytes: 4096, mode: 0o755 })
    }
    await mkdir(`${dir}/pod/a/b c/data`)
    await mounter.bind(`${dir}/user data`, `${dir}/pod/a/b c/data`)
    expect([...await mountPoints(files)].filter((p) => p.startsWith(dir))).toHaveLength(3)
    await mounter.unmountBelow(`${dir}/pod`)
    await files.remove(`${dir}/pod`)
    expect([...await mountPoints(files)].filter((p) => p.startsWith(dir))).toEqual([])
    expect(await readFile(`${dir}/user data/file`, 'utf8')).toBe('precious')
  })

  it('rejects while something is in use, and then nothing is removed', async () => {
    await mkdir(`${dir}/pod/a`, { recursive: true })
    await mounter.tmpfs(`${dir}/pod/a`, { sizeBytes: 4096, mode: 0o755 })
    await writeFile(`${dir}/pod/a/file`, '')
    const busy = await open(`${dir}/pod/a/file`)
    await expect(mounter.unmountBelow(`${dir}/pod`)).rejects.toThrow(/busy/)
    await busy.close()
    await mounter.unmountBelow(`${dir}/pod`)
  })
})

describe('a subPath', () => {
  const bind = (subPath: string, machine = { files, mounter }) => bindSubPath(machine, { source: `${dir}/v`, subPath, target: `${dir}/pod/volume-subpaths/v/main/0` })
  beforeEach(async () => {
    await mkdir(`${dir}/v`, { mode: 0o777 })
    await mkdir(`${dir}/secret`)
    await writeFile(`${dir}/secret/key`, 'hidden')
  })

  it('is the folder or the file itself, also again', async () => {
    const target = await bind('new/folder')
    await writeFile(`${dir}/v/new/folder/x`, '1')
    expect(await readdir(target)).toEqual(['x'])
    await writeFile(`${dir}/v/new/folder/y`, '2')
    expect(await readdir(await bind('new/folder'))).toEqual(['x', 'y'])
    expect([...await mountPoints(files)].filter((p) => p === target)).toHaveLength(1)
    await mounter.unmount(target)
    await rm(target, { recursive: true })
    await writeFile(`${dir}/v/file`, 'content')
    expect(await readFile(await bind('file'), 'utf8')).toBe('content')
  })

  it('is never what a container puts there between check and mount', async () => {
    await mkdir(`${dir}/v/sub`)
    await writeFile(`${dir}/v/sub/own`, '')
    const swap = async (): Promise<void> => {
      await rename(`${dir}/v/sub`, `${dir}/v/moved`)
      await symlink(`${dir}/secret`, `${dir}/v/sub`)
    }
    // Right before the mount: what was checked is mounted, though its name now leads elsewhere.
    expect(await readdir(await bind('sub', { files, mounter: { ...mounter, bind: async (s, t) => { await swap(); await mounter.bind(s, t) } } }))).toEqual(['own'])
    // Right after the path was resolved: the thing that is held open is looked at again.
    await rm(`${dir}/v/sub`)
    await rename(`${dir}/v/moved`, `${dir}/v/sub`)
    let swapped = false
    const late = { ...files, pin: async (p: string) => { if (!swapped) { swapped = true; await swap() } return files.pin(p) } }
    await expect(bind('sub', { files: late, mounter })).rejects.toThrow('leads out of its volume')
  })
})

describe('hostPath', () => {
  it('tells devices, sockets and files apart', async () => {
    const socket = createServer().listen(`${dir}/socket`)
    await new Promise((resolve) => socket.once('listening', resolve))
    await expect(checkHostPath(files, `${dir}/socket`, 'Socket')).resolves.toBeUndefined()
    await expect(checkHostPath(files, `${dir}/socket`, 'Directory')).rejects.toThrow(`hostPath type check failed: ${dir}/socket is not a directory`)
    socket.close()
    await writeFile(`${dir}/image`, Buffer.alloc(1 << 20))
    const loop = (await runOk(['losetup', '--find', '--show', `${dir}/image`])).toString().trim()
    try {
      await expect(checkHostPath(files, loop, 'BlockDevice')).resolves.toBeUndefined()
      await expect(checkHostPath(files, loop, 'CharDevice')).rejects.toThrow('is not a character device')
    } finally {
      await runOk(['losetup', '--detach', loop])
    }
    await expect(checkHostPath(files, '/dev/zero', 'CharDevice')).resolves.toBeUndefined()
  })
})

it('no reader sees half of an update, however often it looks', async () => {
  const payload = (n: number) => new Map(['a', 'b', 'sub/c'].map((k) => [k, { data: Buffer.from(String(n).repeat(2000)), mode: 0o644 }]))
  await writeAtomically(files, `${dir}/v`, payload(0), { now: 0, fsGroup: undefined })
  const stop = new SharedArrayBuffer(4)
  const reader = new Worker(readerSource, { eval: true, workerData: { dir: `${dir}/v`, stop } })
  const told = new Promise<{ looks: number; torn: number; versions: number }>((resolve, reject) => { reader.once('message', resolve); reader.once('error', reject) })
  await new Promise((resolve) => reader.once('online', resolve))
  for (let n = 1; n <= 300; n++) await writeAtomically(files, `${dir}/v`, payload(n % 10), { now: n, fsGroup: undefined })
  Atomics.store(new Int32Array(stop), 0, 1)
  const { looks, torn, versions } = await told
  console.info(`atomic update: ${looks} looks at ${versions} versions during 300 updates`)
  expect(torn).toBe(0)
  expect(versions).toBeGreaterThan(3)
})

/** Looks at all files of one version, and at one through its visible name, until told to stop. A version that was replaced meanwhile is gone. */
const readerSource = `
  const { parentPort, workerData } = require('node:worker_threads')
  const fs = require('node:fs')
  const stop = new Int32Array(workerData.stop)
  const seen = new Set()
  let looks = 0, torn = 0
  while (Atomics.load(stop, 0) === 0) {
    try {
      const version = fs.realpathSync(workerData.dir + '/..data')
      const texts = ['a', 'b', 'sub/c'].map((f) => fs.readFileSync(version + '/' + f, 'utf8'))
      looks++
      if (new Set(texts).size !== 1 || texts[0].length !== 2000) torn++
      seen.add(texts[0])
      if (fs.readFileSync(workerData.dir + '/a', 'utf8').length !== 2000) torn++
    } catch (e) { if (e.code !== 'ENOENT') throw e }
  }
  parentPort.postMessage({ looks, torn, versions: seen.size })`
