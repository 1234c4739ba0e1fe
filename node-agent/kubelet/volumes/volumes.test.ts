import { chmod, chown, link, mkdtemp, readFile, readdir, rm, stat, symlink, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemFileTree as files } from '../../../shared/host/file-tree.ts'
import { hostsFile, resolvConf } from '../pod/etc-files.ts'
import { podPaths } from '../pod/paths.ts'
import type { StoredPod } from '../pod/pod-facts.ts'
import type { PodRecord } from '../pod/record.ts'
import { writeAtomically } from './atomic-writer.ts'
import { memorySize } from './empty-dir.ts'
import { hostPath } from './host-path.ts'
import { kindOf } from './kinds.ts'
import { mountArgv } from './mounter.ts'
import { setOwnership } from './ownership.ts'
import { configMapPayload, safePath } from './payload.ts'
import { projected } from './projected.ts'
import { canRecursiveReadOnly, isRecursiveReadOnly, volumeMountStatuses } from './recursive-read-only.ts'
import { createSizeLimits } from './size-limits.ts'
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

  it('compares bytes: two values that are no text are not the same', async () => {
    const of = (...bytes: number[]) => new Map([['bin', { data: Buffer.from(bytes), mode: 0o644 }]])
    await writeAtomically(files, dir, of(0xff, 0xfe), options)
    expect(await writeAtomically(files, dir, of(0xfd, 0xfc), options)).toBe(true)
    expect([...await readFile(`${dir}/bin`)]).toEqual([0xfd, 0xfc])
    expect(await writeAtomically(files, dir, of(0xfd, 0xfc), options)).toBe(false)
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
    await expect(setUp('/dev/null', 'CharDevice')).resolves.toBeDefined()
    await expect(setUp('/dev/null', 'BlockDevice')).rejects.toThrow('hostPath type check failed: /dev/null is not a block device')
    await expect(setUp(`${dir}/file`, 'Socket')).rejects.toThrow('is not a socket file')
    await expect(setUp(dir, 'FileOrCreate')).rejects.toThrow('is not a file')
    await expect(setUp(`${dir}/file`, 'Soket')).rejects.toThrow('Soket is an invalid volume type')
    await expect(setUp(`${dir}/no/file`, 'FileOrCreate')).rejects.toThrow('no such file or directory')
    await expect(setUp(`${dir}/../x`, 'DirectoryOrCreate')).rejects.toThrow("must be an absolute path without '..'")
  })
})

describe('a tokens file', () => {
  const volume = { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }
  const modeFor = async (securityContext: object, own: object = {}): Promise<[number, number]> => {
    const pod = { metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { securityContext, containers: [{ name: 'a', securityContext: own }] } }
    await projected.setUp({ pod, volume, files, now: 0, memoryPath: `${dir}/t`, tokens: { token: async () => ({ token: 'x', expires: 100_000, renewAt: 80_000 }) } } as never)
    const facts = await stat(`${dir}/t/token`)
    await rm(`${dir}/t`, { recursive: true })
    return [facts.mode & 0o777, facts.uid]
  }
  it('is for one user or one group where the pod has one, and is replaced when a fifth of its life is left', async () => {
    expect(await modeFor({})).toEqual([0o644, 0])
    expect(await modeFor({ runAsUser: 1000 })).toEqual([0o600, 1000])
    expect(await modeFor({ runAsUser: 1000 }, { runAsUser: 0 })).toEqual([0o600, 0])
    expect(await modeFor({ fsGroup: 2000 })).toEqual([0o640, 0])
    const mounted = await projected.setUp({ pod: { metadata: {}, spec: { containers: [] } }, volume, files, now: 0, memoryPath: `${dir}/t`, tokens: { token: async () => ({ token: 'x', expires: 100_000, renewAt: 80_000 }) } } as never)
    expect(mounted.refreshAt).toBe(80_000)
  })
})

describe('fsGroup', () => {
  const look = async (name: string) => { const s = await stat(`${dir}/${name}`); return [s.gid, s.mode & 0o7777] }
  it('hands everything below to the group, symlinks apart, and on mismatch alone where the pod says so', async () => {
    await mkdir(`${dir}/v/sub`, { recursive: true })
    await writeFile(`${dir}/v/sub/file`, '', { mode: 0o600 })
    await writeFile(`${dir}/outside`, '', { mode: 0o600 })
    await symlink(`${dir}/outside`, `${dir}/v/link`)
    await chmod(`${dir}/v`, 0o755)
    await setOwnership(files, `${dir}/v`, { gid: 2000, readOnly: false, policy: 'OnRootMismatch' })
    expect([await look('v'), await look('v/sub/file'), await look('outside')]).toEqual([[2000, 0o2775], [2000, 0o660], [0, 0o600]])
    await chown(`${dir}/v/sub/file`, 0, 7)
    await setOwnership(files, `${dir}/v`, { gid: 2000, readOnly: false, policy: 'OnRootMismatch' })
    expect((await look('v/sub/file'))[0]).toBe(7)
    await setOwnership(files, `${dir}/v`, { gid: 2000, readOnly: false, policy: 'Always' })
    expect((await look('v/sub/file'))[0]).toBe(2000)
  })
})

it('gives a volume in memory the least of its limit, the memory of its pod and that of the node', () => {
  const pod = (memory?: string) => ({ spec: { containers: [{ name: 'c', resources: memory ? { limits: { memory } } : {} }] } })
  const volume = (sizeLimit?: string) => ({ name: 'v', emptyDir: { medium: 'Memory', ...(sizeLimit ? { sizeLimit } : {}) } })
  expect([memorySize(pod(), volume(), 1000), memorySize(pod('500'), volume(), 1000), memorySize(pod('500'), volume('20'), 1000), memorySize(pod('500'), volume('2000'), 1000), memorySize(pod(), volume('0'), 0)])
    .toEqual([1000, 500, 20, 500, undefined])
})

describe('size limits', () => {
  it('evict the pod whose emptyDir is too large, once, and measure nobody else', async () => {
    const clock = new FakeClock()
    const evicted: string[] = []
    const measured: string[] = []
    let used = 1 << 20
    const counting = { ...files, diskUsage: async (path: string) => { measured.push(path); return used } }
    const limits = createSizeLimits({ files: counting, clock, log: silentLog, evict: (r, message) => { evicted.push(`${r.ref.name}: ${message}`) } })
    const record = (name: string) => ({ ref: { name, namespace: 'd', uid: name }, paths: podPaths('/data', '/memory', { name, namespace: 'd', uid: name }), failed: undefined }) as PodRecord
    const pod = (emptyDir: object) => ({ metadata: {}, spec: { containers: [], volumes: [{ name: 'x', emptyDir }] } }) as unknown as StoredPod
    limits.follow(record('free'), pod({}))
    limits.follow(record('memory'), pod({ medium: 'Memory', sizeLimit: '1Ki' }))
    await clock.advance(60_000)
    expect(measured).toEqual([])
    limits.follow(record('a'), pod({ sizeLimit: '1Mi' }))
    await clock.advance(10_000)
    await vi.waitFor(() => expect(measured).toEqual(['/data/pods/a/volumes/emptyDir/x']))
    used++
    await vi.waitFor(async () => { await clock.advance(10_000); expect(evicted).toEqual(['a: Usage of EmptyDir volume "x" exceeds the limit "1Mi". ']) })
    const count = measured.length
    await clock.advance(60_000)
    expect([measured.length, evicted.length]).toEqual([count, 1])
    limits.close()
  })

  it('count what a tree takes of the disk, a file with two names once', async () => {
    await mkdir(`${dir}/v/sub`, { recursive: true })
    const empty = await files.diskUsage(`${dir}/v`)
    await writeFile(`${dir}/v/sub/a`, Buffer.alloc(100_000, 1))
    await link(`${dir}/v/sub/a`, `${dir}/v/b`)
    await symlink('/usr', `${dir}/v/c`)
    const grown = await files.diskUsage(`${dir}/v`) - empty
    expect(grown).toBeGreaterThanOrEqual(100_000)
    expect(grown).toBeLessThan(120_000)
    expect(await files.diskUsage(`${dir}/none`)).toBe(0)
  })
})

describe('recursive read-only', () => {
  const mount = (more: object) => ({ name: 'v', mountPath: '/v', readOnly: true, ...more }) as never
  it('is had where it is possible, and insisted on where the pod does', () => {
    expect([isRecursiveReadOnly(mount({}), true), isRecursiveReadOnly(mount({ recursiveReadOnly: 'Disabled' }), true), isRecursiveReadOnly(mount({ recursiveReadOnly: 'IfPossible' }), true), isRecursiveReadOnly(mount({ recursiveReadOnly: 'IfPossible' }), false), isRecursiveReadOnly(mount({ recursiveReadOnly: 'Enabled' }), true)])
      .toEqual([false, false, true, false, true])
    expect(() => isRecursiveReadOnly(mount({ recursiveReadOnly: 'Enabled' }), false)).toThrow('volume "v" requested recursive read-only mode, but it is not supported by the runtime')
    expect(() => isRecursiveReadOnly(mount({ recursiveReadOnly: 'Enabled', readOnly: false }), true)).toThrow('but it is not read-only')
    expect(() => isRecursiveReadOnly(mount({ recursiveReadOnly: 'Enabled', mountPropagation: 'HostToContainer' }), true)).toThrow('not compatible with propagation "HostToContainer"')
  })
  it('is told with the mounts of a container', () => {
    const container = { name: 'c', volumeMounts: [{ name: 'a', mountPath: '/a' }, { name: 'b', mountPath: '/b', readOnly: true }, { name: 'c', mountPath: '/c', readOnly: true, recursiveReadOnly: 'IfPossible' }] }
    expect(volumeMountStatuses(container, true)).toEqual({ volumeMounts: [{ name: 'a', mountPath: '/a' }, { name: 'b', mountPath: '/b', readOnly: true, recursiveReadOnly: 'Disabled' }, { name: 'c', mountPath: '/c', readOnly: true, recursiveReadOnly: 'Enabled' }] })
    expect(volumeMountStatuses(container, false).volumeMounts?.[2]?.recursiveReadOnly).toBe('Disabled')
    expect(volumeMountStatuses({ name: 'none' }, true)).toEqual({})
  })
  it.each([['6.12.0-rpi', 'containerd://1.6.20', true], ['5.10.0', 'containerd://2.0', false], ['6.1', 'docker://28.2.2', true], ['6.1', 'docker://24.0.7', false], ['5.12', 'docker://25.0', true]])('on Linux %s with %s: %s', (kernelVersion, runtimeVersion, can) => {
    expect(canRecursiveReadOnly({ kernelVersion, runtimeVersion })).toBe(can)
  })
})

it('never lets a source or target be an option of mount', () => {
  expect(mountArgv({ type: 'nfs', source: '-oexec:/x', target: '/t', options: ['ro', 'hard'] })).toEqual(['mount', '-t', 'nfs', '-o', 'ro,hard', '--', '-oexec:/x', '/t'])
})

it.each(['csi', 'iscsi', 'rbd', 'gitRepo', 'image', 'awsElasticBlockStore'])('names the volume kind %s, which is not there', (kind) => { expect(() => kindOf({ name: 'v', [kind]: {} })).toThrow(`volume kind ${kind} is not supported on this node`) })

it('writes hosts and resolver files as upstream does', () => {
  const pod = { metadata: { name: 'web-0', namespace: 'ns' }, spec: { containers: [], subdomain: 'web', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] } }
  const hosts = hostsFile(pod, { ips: ['10.0.0.2'], nodeHosts: '', clusterDomain: 'cluster.local' })
  expect(hosts).toContain('10.0.0.2\tweb-0.web.ns.svc.cluster.local\tweb-0\n')
  expect(hosts.endsWith('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n')).toBe(true)
  expect(resolvConf(pod, 'nameserver 9.9.9.9\nsearch lan\n', { servers: ['10.43.0.10'], domain: 'cluster.local' }).text)
    .toBe('search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.43.0.10\noptions ndots:5\n')
  expect(resolvConf(pod, 'nameserver 9.9.9.9\nsearch lan\n', { servers: [], domain: 'cluster.local' }).text).toBe('search lan\nnameserver 9.9.9.9\n')
})

it('leaves out of the resolver file what no resolver reads, and says so', () => {
  const long = Array.from({ length: 20 }, (_, i) => `${'x'.repeat(60)}${i}.${'y'.repeat(60)}`)
  const pod = { metadata: { name: 'p' }, spec: { containers: [], dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'], searches: long } } }
  const { text, exceeded } = resolvConf(pod, '', { servers: [], domain: 'cluster.local' })
  expect(text).toBe(`search ${long.slice(0, 16).join(' ')}\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n`)
  expect(text.split('\n')[0]!.length).toBeLessThanOrEqual('search '.length + 2048)
  expect(exceeded).toEqual([
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3',
    `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${long.slice(0, 16).join(' ')}`,
  ])
})
