import { chmod, mkdtemp, readFile, readdir, rm, stat, symlink, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemFileTree as files } from '../../../shared/host/file-tree.ts'
import { hostsFile, resolvConf } from '../pod/etc-files.ts'
import { writeAtomically } from './atomic-writer.ts'
import { hostPath } from './host-path.ts'
import { kindOf } from './kinds.ts'
import { configMapPayload, safePath } from './payload.ts'
import { resolveSubPath } from './sub-path.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'volumes-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))
const options = { now: 0, fsGroup: undefined }
const payload = (o: Record<string, string>) => new Map(Object.entries(o).map(([k, v]) => [k, { data: Buffer.from(v), mode: 0o640 }]))

describe('the atomic writer', () => {
  it('shows files through ..data, changes them in one step and drops what is gone', async () => {
    expect(await writeAtomically(files, dir, payload({ a: '1', 'sub/b': '2', gone: 'x' }), options)).toBe(true)
    expect(await readFile(`${dir}/sub/b`, 'utf8')).toBe('2')
    expect((await stat(`${dir}/a`)).mode & 0o777).toBe(0o640)
    expect(await writeAtomically(files, dir, payload({ a: '1', 'sub/b': '2', gone: 'x' }), options)).toBe(false)
    expect(await writeAtomically(files, dir, payload({ a: '9', 'sub/b': '2' }), options)).toBe(true)
    expect(await readFile(`${dir}/a`, 'utf8')).toBe('9')
    const names = await readdir(dir)
    expect(names.filter((n) => !n.startsWith('..2') && !n.startsWith('..1')).sort()).toEqual(['..data', 'a', 'sub'])
    expect(names).toHaveLength(4)
  })
})

describe('payloads', () => {
  const map = { data: { k: 'v', l: 'w' } }
  const choice = { items: undefined, defaultMode: 0o644, optional: false }
  it('take chosen keys with their modes', () => {
    expect([...configMapPayload(map, 'm', { ...choice, items: [{ key: 'k', path: 'x/y', mode: 0o400 }] })]).toEqual([['x/y', { data: Buffer.from('v'), mode: 0o400 }]])
  })
  it('refuse what is missing unless it is optional', () => {
    expect(() => configMapPayload(undefined, 'm', choice)).toThrow('configmap "m" not found')
    expect(() => configMapPayload(map, 'm', { ...choice, items: [{ key: 'no', path: 'p' }] })).toThrow('configmap references non-existent config key: no')
    expect(configMapPayload(undefined, 'm', { ...choice, optional: true }).size).toBe(0)
  })
  it.each(['../x', '/etc', 'a/../../b', '', '..data'])('refuse the path %j', (path) => { expect(() => safePath(path)).toThrow('invalid path') })
})

describe('subPath', () => {
  it('is made where missing, and never leads out of the volume', async () => {
    await mkdir(`${dir}/v`)
    expect(await resolveSubPath(files, `${dir}/v`, 'a/b')).toBe(`${dir}/v/a/b`)
    await symlink('/etc', `${dir}/v/evil`)
    await expect(resolveSubPath(files, `${dir}/v`, 'evil')).rejects.toThrow('leads out of its volume')
    await expect(resolveSubPath(files, `${dir}/v`, 'evil/new')).rejects.toThrow('leads out of its volume')
    await expect(resolveSubPath(files, `${dir}/v`, '../x')).rejects.toThrow('invalid path')
  })
})

describe('hostPath', () => {
  const setUp = (path: string, type: string) => hostPath.setUp({ volume: { name: 'v', hostPath: { path, type } }, files } as never)
  it('checks or makes what its type says', async () => {
    await setUp(`${dir}/new`, 'DirectoryOrCreate')
    expect((await stat(`${dir}/new`)).isDirectory()).toBe(true)
    await setUp(`${dir}/file`, 'FileOrCreate')
    await chmod(`${dir}/file`, 0o600)
    await expect(setUp(`${dir}/file`, 'Directory')).rejects.toThrow(`hostPath type check failed: ${dir}/file is not a directory`)
    await expect(setUp(`${dir}/no`, 'File')).rejects.toThrow('is not a file')
  })
})

it('names a volume kind that is not there', () => { expect(() => kindOf({ name: 'v', nfs: { server: 's', path: '/' } })).toThrow('volume kind nfs is not supported on this node') })

it('writes hosts and resolver files as upstream does', () => {
  const pod = { metadata: { name: 'web-0', namespace: 'ns' }, spec: { containers: [], subdomain: 'web', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] } }
  const hosts = hostsFile(pod, { ips: ['10.0.0.2'], nodeHosts: '', clusterDomain: 'cluster.local' })
  expect(hosts).toContain('10.0.0.2\tweb-0.web.ns.svc.cluster.local\tweb-0\n')
  expect(hosts.endsWith('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n')).toBe(true)
  expect(resolvConf(pod, 'nameserver 9.9.9.9\nsearch lan\n', { servers: ['10.43.0.10'], domain: 'cluster.local' }))
    .toBe('search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.43.0.10\noptions ndots:5\n')
  expect(resolvConf(pod, 'nameserver 9.9.9.9\nsearch lan\n', { servers: [], domain: 'cluster.local' })).toBe('search lan\nnameserver 9.9.9.9\n')
})
