import { describe, expect, test } from 'vitest'
import { resolveUser } from '../user.ts'
import { signalNumber } from '../signals.ts'
import { runContainer as dockerRun } from '../docker/argv.ts'
import type { ContainerSpec, SandboxSpec } from '../runtime.ts'
import { chainId } from '../image-check/chain-id.ts'
import { isThere } from './launch.ts'
import { LogIndex } from './log-index.ts'
import { classifyPull, classifyStart, isAway, parseEvent, parseImages, parseLayers, parseSnapshots, parseTasks, standingOn } from './parse.ts'
import { recover } from './recover.ts'
import { argvOf, capabilitiesOf, environmentOf } from './spec.ts'

describe('what ctr prints', () => {
  const line = (topic: string, json: object): string => `2026-11-23 21:40:43.351053335 +0000 UTC bramble ${topic} ${JSON.stringify(json)}`
  test('events: an exit, an exec\'s exit, another namespace, rubbish', () => {
    const exit = { container_id: 'a', id: 'a', pid: 7, exit_status: 137, exited_at: '2026-11-23T21:40:43.342691554Z' }
    expect(parseEvent(line('/tasks/exit', exit), 'bramble')).toEqual({ type: 'exit', id: 'a', pid: 7, exitCode: 137, at: Date.parse('2026-11-23T21:40:43.342Z') })
    expect(parseEvent(line('/tasks/exit', { ...exit, exit_status: undefined }), 'bramble')).toMatchObject({ exitCode: 0 })
    expect(parseEvent(line('/tasks/exit', { ...exit, id: 'exec-1' }), 'bramble')).toBeUndefined()
    expect(parseEvent(line('/tasks/exit', exit), 'other')).toBeUndefined()
    expect(parseEvent('not an event', 'bramble')).toBeUndefined()
    expect(parseEvent(line('/namespaces/update', { name: 'bramble', labels: { 'bramble.sync': '1-2' } }), 'bramble')).toEqual({ type: 'mark', nonce: '1-2' })
    expect(parseEvent(line('/images/create', { name: 'x' }), 'bramble')).toEqual({ type: 'image' })
  })
  test('tasks, images, layers', () => {
    expect([...parseTasks('TASK    PID      STATUS    \na1      10353    RUNNING\na2      1    STOPPED\n')]).toEqual([['a1', { pid: 10353, status: 'RUNNING' }], ['a2', { pid: 1, status: 'STOPPED' }]])
    const digest = `sha256:${'ab'.repeat(32)}`
    expect(parseImages(`REF TYPE DIGEST SIZE PLATFORMS LABELS\nx/y:1 application/vnd.oci+json ${digest} 1.5 MiB linux/amd64 -\n`)).toEqual([{ reference: 'x/y:1', digest, sizeBytes: 1572864 }])
    expect(parseLayers('[{"Type":"overlay","Source":"overlay","Options":["ro","lowerdir=/s/2/fs:/s/1/fs"]}]')).toEqual(['/s/2/fs', '/s/1/fs'])
    expect(parseLayers('[{"Type":"bind","Source":"/s/1/fs","Options":["ro","rbind"]}]')).toEqual(['/s/1/fs'])
    expect(() => parseLayers('[{"Type":"btrfs","Source":"x"}]')).toThrow(/overlayfs/)
  })
  test.each([
    ['ctr: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown', 'start-failed', 127],
    ['ctr: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc": permission denied: unknown', 'start-failed', 126],
    ['ctr: failed to create shim task: OCI runtime create failed: error mounting "/x": no such file or directory', 'create-failed', undefined],
  ])('start failure %s', (output, code, exitCode) => { expect(classifyStart(output)).toMatchObject({ code, exitCode }) })
  test.each([
    ['ctr: failed to resolve reference "r/x:1": r/x:1: not found', 'image-not-found'],
    ['ctr: failed to resolve reference "r/x:1": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials', 'pull-denied'],
    ['ctr: failed to copy: read tcp 127.0.0.1:40312->127.0.0.1:40103: read: connection reset by peer', 'pull-failed'],
    ['ctr: failed to resolve reference "r/x:1": pulling from host r failed with status code [manifests 1]: 403 Forbidden', 'pull-denied'],
    ['ctr: failed to do request: Head "http://127.0.0.1:1/v2/x": dial tcp 127.0.0.1:1: connect: connection refused', 'pull-failed'],
  ])('pull failure %s', (output, code) => { expect(classifyPull('r/x:1', output).code).toBe(code) })
})

test('layers chain as the OCI image spec says', () => {
  expect(chainId(['sha256:a'])).toBe('sha256:a')
  expect(chainId(['sha256:a', 'sha256:b'])).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test.each([
  [undefined, undefined, ['E', 'C']], [undefined, ['a'], ['E', 'a']], [['x', 'y'], undefined, ['x', 'y']], [['x'], ['a'], ['x', 'a']], [[], [], ['E', 'C']],
])('command %j and args %j over the image\'s', (command, args, expected) => { expect(argvOf({ command, args }, { entrypoint: ['E'], cmd: ['C'] })).toEqual(expected) })

test('environment: the pod\'s over the image\'s, the last of a name', () => {
  const image = { env: ['PATH=/bin', 'A=1', 'ODD'], user: '', entrypoint: [], cmd: [], workingDir: '', stopSignal: '', diffIds: [] }
  const env = [{ name: 'A', value: '2' }, { name: 'A', value: 'x=y\nz' }]
  expect(environmentOf({ image, container: { env, tty: false } as unknown as ContainerSpec, sandbox: { hostname: 'h' } as SandboxSpec })).toEqual(['PATH=/bin', 'HOSTNAME=h', 'A=x=y\nz', 'ODD='])
})

test('capabilities: default, dropped, all, and never more than the agent has', () => {
  const security = (over: object): ContainerSpec['security'] => ({ privileged: false, addCapabilities: [], dropCapabilities: [], ...over }) as unknown as ContainerSpec['security']
  const available = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN']
  expect(capabilitiesOf(security({}), available)).toEqual(['CAP_CHOWN', 'CAP_KILL'])
  expect(capabilitiesOf(security({ dropCapabilities: ['ALL'], addCapabilities: ['NET_ADMIN', 'SYS_RESOURCE'] }), available)).toEqual(['CAP_NET_ADMIN'])
  expect(capabilitiesOf(security({ addCapabilities: ['ALL'], dropCapabilities: ['KILL'] }), available)).toEqual(['CAP_CHOWN', 'CAP_NET_ADMIN'])
  expect(capabilitiesOf(security({ privileged: true }), available)).toEqual(available)
  expect(() => capabilitiesOf(security({ dropCapabilities: ['coffee'] }), available)).toThrow('invalid CapDrop: unknown capability: "CAP_COFFEE"')
})

describe('who a container runs as', () => {
  const files = { passwd: 'root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n', group: 'root:x:0:\nextra:x:2000:app\n' }
  test.each([
    [{}, '', { uid: 0, gid: 0 }], [{}, 'app', { uid: 1000, gid: 1001, additionalGids: [1001, 2000] }], [{}, 'app:extra', { uid: 1000, gid: 2000 }], [{}, '77', { uid: 77, gid: 0 }], [{}, '77:88', { uid: 77, gid: 88 }],
    [{ uid: 1000 }, 'root', { uid: 1000, gid: 1001 }], [{ uid: 5, gid: 6 }, 'app', { uid: 5, gid: 6 }],
  ])('%j over image user %j', (over, imageUser, expected) => { expect(resolveUser({ security: { supplementalGroups: [], ...over }, imageUser, ...files })).toMatchObject(expected) })
  test('none of the image\'s groups where only the pod\'s are wanted', () => { expect(resolveUser({ security: { uid: 1000, strictGroups: true, supplementalGroups: [7] }, imageUser: '', passwd: 'app:x:1000:1000::/:/bin/sh', group: 'extra:x:2000:app' })).toEqual({ uid: 1000, gid: 1000, additionalGids: [1000, 7] }) })
  test('an unknown name is refused', () => { expect(() => resolveUser({ security: { supplementalGroups: [] }, imageUser: 'ghost', ...files })).toThrow(/unable to find user ghost/) })
})

test('snapshots, those being unpacked among them, and what stands on a lost one from the top', () => {
  const all = parseSnapshots('KEY                    PARENT   KIND\nsha256:a                        Committed\nsha256:b               sha256:a Committed\nbramble-b              sha256:b View\nextract-1-x sha256:c   sha256:b Active\nextract-2-y sha256:a            Active\nsha256:z                        Committed\n')
  expect(all).toEqual([
    { key: 'sha256:a', parent: '', kind: 'Committed' }, { key: 'sha256:b', parent: 'sha256:a', kind: 'Committed' }, { key: 'bramble-b', parent: 'sha256:b', kind: 'View' },
    { key: 'extract-1-x sha256:c', parent: 'sha256:b', kind: 'Active' }, { key: 'extract-2-y sha256:a', parent: '', kind: 'Active' }, { key: 'sha256:z', parent: '', kind: 'Committed' },
  ])
  expect(standingOn(all, new Set(['sha256:b', 'sha256:a']))).toEqual(['bramble-b', 'extract-1-x sha256:c', 'sha256:b', 'sha256:a'])
})

test('a spoilt id is told from a mistake in the container, whichever part of the engine speaks', () => {
  const id = 'be8044'
  for (const message of ['task be8044: already exists', 'container "be8044": already exists', 'failed to start shim: mkdir /run/containerd/io.containerd.runtime.v2.task/bramble/be8044: file exists: unknown', 'runc create failed: container with given ID already exists: unknown']) expect(isThere(message, id), message).toBe(true)
  for (const message of ['mkdir /data: file exists', 'device "x" already exists', 'exec: "sh": not found']) expect(isThere(message, id), message).toBe(false)
  for (const message of ['rpc error: code = Unavailable desc = transport is closing', 'connection error: desc = "transport: error while dialing: dial unix /c.sock: connect: connection refused"']) expect(isAway(message), message).toBe(true)
  expect(isAway('exec: "sh": not found')).toBe(false)
})

test('recovery: adopt, collect, lose, discard, and leave alone', () => {
  const known = ['runs', 'stopped', 'gone', 'old'].map((id) => ({ id, ended: id === 'old' }))
  const tasks = new Map([['runs', { pid: 5, status: 'RUNNING' }], ['stopped', { pid: 6, status: 'STOPPED' }], ['old', { pid: 7, status: 'RUNNING' }], ['foreign', { pid: 8, status: 'RUNNING' }]])
  expect(recover(known, ['runs', 'stopped', 'old', 'orphan'], tasks)).toEqual([
    { do: 'adopt', id: 'runs', pid: 5 }, { do: 'collect', id: 'stopped' }, { do: 'lost', id: 'gone' }, { do: 'discard', id: 'old', alive: true }, { do: 'discard', id: 'orphan', alive: false },
  ])
})

test('log index: times by offset, bounded, restarted by a truncated file', () => {
  const index = new LogIndex([], 4)
  for (let i = 1; i <= 10; i++) index.add({ end: i * 10, time: 1000 + i })
  expect(index.marks.length).toBeLessThanOrEqual(4)
  expect(index.timeAt(99, 0)).toBe(1010)
  expect(index.timeAt(100, 7)).toBe(7)
  const marks = index.marks.map((m) => m.time)
  expect(marks).toEqual([...marks].sort())
  index.add({ end: 5, time: 2000 })
  expect(index.marks).toEqual([{ end: 5, time: 2000 }])
  expect(new LogIndex([{ end: 10, time: 1 }, { end: 20, time: 5 }]).offsetAt(3)).toBe(10)
})

test('signals', () => { expect(['SIGTERM', 'quit', '9', 'SIGRTMIN+3', 'nonsense'].map(signalNumber)).toEqual([15, 3, 9, 37, 15]) })

test('docker: hostile words stay single arguments, a mount path with commas is quoted', () => {
  const spec = {
    command: ['--flag', 'b'], args: ['$(x)'], env: [{ name: 'A', value: 'x\ny' }], mounts: [{ source: '/a,b"c', target: '/t', readOnly: true, propagation: 'private' }], devices: [], resources: {}, image: 'sha256:1', stdin: false, tty: false,
    security: { supplementalGroups: [], addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } },
  } as unknown as ContainerSpec
  const argv = dockerRun({ host: 'h', owner: 'o' }, { name: 'n', pause: 'p', sandbox: { cgroupParent: '/c' } as SandboxSpec, spec, labels: {}, oomScoreAdj: 0, logLimits: { maxBytes: 65_536, maxFiles: 2 } })
  expect(argv).toContain('--entrypoint=--flag')
  expect(argv).toContain('--env=A=x\ny')
  expect(argv).toContain('--mount=type=bind,"source=/a,b""c",target=/t,readonly')
  expect(argv.slice(argv.indexOf('sha256:1'))).toEqual(['sha256:1', 'b', '$(x)'])
})
