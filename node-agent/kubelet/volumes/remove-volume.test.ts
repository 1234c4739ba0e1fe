import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemFileTree as files } from '../../../shared/host/file-tree.ts'
import { removeVolumeFolder } from './remove-volume.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'remove-volume-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))
const name = 'pvc-0f0e0d0c-1111-2222-3333-444455556666_default_data-0'

it('removes the folder of a provisioned volume, and follows no link out of it', async () => {
  await mkdir(`${dir}/${name}`)
  await writeFile(`${dir}/outside`, 'kept')
  await symlink(`${dir}/outside`, `${dir}/${name}/link`)
  await removeVolumeFolder(files, { path: `${dir}/${name}` })
  await expect(stat(`${dir}/${name}`)).rejects.toThrow('ENOENT')
  expect((await stat(`${dir}/outside`)).size).toBe(4)
  await removeVolumeFolder(files, { path: `${dir}/${name}` })
})

it.each([undefined, {}, { path: '/etc' }, { path: '/' }, { path: `/data/../etc/${name}` }, { path: `/data/${name}/..` }, { path: `/data/${name}/` }, { path: `relative/${name}` }, { path: '/data/pvc-x_default_data' }])('refuses %j', async (params) => {
  await expect(removeVolumeFolder(files, params)).rejects.toThrow('not the folder of a provisioned volume')
})

it('refuses a folder with something mounted in it', async () => {
  const mounted = { ...files, read: async () => `1 2 0:1 / /data/${name}/deep rw - tmpfs tmpfs rw` }
  await expect(removeVolumeFolder(mounted, { path: `/data/${name}` })).rejects.toThrow(`/data/${name}/deep is mounted`)
})
