import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemFileTree } from '../../../shared/host/file-tree.ts'
import { watchFolders } from '../../../shared/host/folder-watch.ts'
import { silentLog } from '../../../shared/host/log.ts'
import type { Held } from './allocation/plan.ts'
import { deviceClasses } from './classes.ts'
import { createDevices, watched, type DeviceFacts, type Devices, type DeviceStore } from './devices.ts'

let dir: string
let rows: Held[]
let broken: Error | undefined
let devices: Devices
/** What passes for a device here: a file, with the number that is its content. */
async function node(path: string): Promise<DeviceFacts | undefined> {
  const text = await systemFileTree.read(path)
  return text === undefined ? undefined : { type: 'c', major: Number(text), minor: 0, mode: 0o660, gid: 20 }
}
const store: DeviceStore = {
  all: async () => rows,
  async put(held) { if (broken) throw broken; rows = [...rows.filter((r) => !held.some((h) => h.uid === r.uid && h.container === r.container && h.device === r.device)), ...held] },
  async remove(uids) { rows = rows.filter((r) => !uids.includes(r.uid)) },
}
let told: { node: number; pods: string[] }
let ring = Promise.withResolvers<void>()
const make = async (): Promise<Devices> => {
  const made = createDevices({ files: systemFileTree, node, watch: watchFolders, store, classes: deviceClasses([`disk=${dir}/disks/disk*`, `line=${dir}/by-id/*`], []), clock: systemClock, log: silentLog })
  await made.start({ node: () => { told.node++; ring.resolve() }, pods: (uids) => { told.pods.push(...uids); ring.resolve() } })
  return made
}
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'devices-'))
  rows = []
  broken = undefined
  told = { node: 0, pods: [] }
  devices = await make()
})
afterEach(async () => {
  devices.close()
  await rm(dir, { recursive: true, force: true })
})
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) { await ring.promise; ring = Promise.withResolvers<void>() }
}
const container = (resource: string, count = 1): Container => ({ name: 'm', image: 'i', resources: { limits: { [`bramble.dev/${resource}`]: String(count) } } })
const pod = (uid: string, resource: string, count = 1): Pod => ({ metadata: { name: uid, uid }, spec: { containers: [container(resource, count)] } })
const plug = async (name: string, number: number): Promise<void> => {
  await mkdir(`${dir}/disks`, { recursive: true })
  await writeFile(`${dir}/disks/${name}`, String(number))
}
const offered = (name: string): string | undefined => devices.amounts().allocatable[`bramble.dev/${name}`]

describe('devices', () => {
  it('are seen as they come and go, in a folder that comes and goes with them', async () => {
    for (let round = 0; round < 3; round++) {
      await plug('disk1', 5)
      await until(() => offered('disk1') === '1')
      await rm(`${dir}/disks`, { recursive: true })
      await until(() => offered('disk1') === '0')
    }
    expect(devices.amounts().capacity['bramble.dev/disk1']).toBe('0')
  })

  it('are given with their lasting path, their group and a variable', async () => {
    await mkdir(`${dir}/by-id`)
    await plug('tty', 7)
    await symlink(`${dir}/disks/tty`, `${dir}/by-id/usb-A:B`)
    await devices.scan()
    expect(await devices.admit(pod('p', 'line'))).toBeUndefined()
    const lasting = `${dir}/by-id/usb-A-B`
    expect(await devices.give('p', container('line'))).toEqual({
      ok: true, mounts: [], groups: [20], env: [{ name: 'BRAMBLE_DEVICE_LINE', value: lasting }],
      devices: [`${dir}/disks/tty`, lasting].map((containerPath) => ({ hostPath: `${dir}/disks/tty`, containerPath, permissions: 'rw' })),
    })
    expect(rows).toMatchObject([{ uid: 'p', device: 'line-usb-A-B', numbers: 'c7:0' }])
  })

  it('stay with their pod over a crash, and are free once nobody knows it', async () => {
    await plug('disk1', 5)
    await devices.scan()
    await devices.admit(pod('p', 'disk'))
    devices.close()
    devices = await make()
    expect(await devices.admit(pod('q', 'disk'))).toBe('Allocate failed due to requested number of devices unavailable for bramble.dev/disk. Requested: 1, Available: 0, which is unexpected')
    await devices.retain(new Set(['p']))
    expect(rows).toHaveLength(1)
    await devices.retain(new Set(['q']))
    expect(rows).toEqual([])
    expect(await devices.admit(pod('q', 'disk'))).toBeUndefined()
  })

  it('are seen at the next look where the kernel has no watch to give', async () => {
    devices.close()
    const watch = () => ({ follow: () => Promise.reject(new Error('EMFILE: too many open files')), [Symbol.dispose]: () => undefined })
    devices = createDevices({ files: systemFileTree, node, watch, store, classes: deviceClasses([`disk=${dir}/disks/disk*`], []), clock: systemClock, log: silentLog })
    await devices.start({ node: () => undefined, pods: () => undefined })
    await plug('disk1', 5)
    await devices.scan()
    expect(offered('disk1')).toBe('1')
  })

  it('are nobody\'s where it could not be written down', async () => {
    await plug('disk1', 5)
    await devices.scan()
    broken = new Error('disk full')
    await expect(devices.admit(pod('p', 'disk'))).rejects.toThrow('disk full')
    broken = undefined
    expect(await devices.admit(pod('q', 'disk'))).toBeUndefined()
  })

  it('that are unplugged are told of to who has them, and not given', async () => {
    await Promise.all([plug('disk1', 5), plug('disk2', 6)])
    await devices.scan()
    await devices.admit(pod('p', 'disk1'))
    await devices.admit(pod('q', 'disk2'))
    await devices.give('p', container('disk1'))
    await rm(`${dir}/disks/disk1`)
    await until(() => told.pods.length > 0)
    expect(told.pods).toEqual(['p'])
    expect(devices.of('p').map((d) => d.fate)).toEqual(['unplugged'])
    expect(await devices.give('p', container('disk1'))).toEqual({ ok: false, message: 'device bramble.dev/disk1 of container m is not plugged in' })
    expect(await devices.give('q', container('disk1'))).toEqual({ ok: false, message: 'no device was allocated for bramble.dev/disk1 of container m' })
  })

  it('that were swapped a moment ago are looked at again before they are given', async () => {
    await plug('disk1', 5)
    await devices.scan()
    await devices.admit(pod('p', 'disk1'))
    await plug('disk1', 6)
    expect(await devices.give('p', container('disk1'))).toMatchObject({ ok: true })
    expect(rows).toMatchObject([{ numbers: 'c6:0' }])
  })
})

it('where udev is, its records tell of /dev', () => {
  expect(watched(['/dev', '/dev/snd', '/run/own'], true)).toEqual(['/run/own', '/run/udev/data'])
  expect(watched(['/dev', '/run/own'], false)).toEqual(['/dev', '/run/own'])
})
