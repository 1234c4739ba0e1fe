import { expect, it } from 'vitest'
import { parseInspect } from '../docker/parse.ts'
import { ociSpec, type SpecInput } from './spec.ts'

const input = (unifiedCgroups: boolean, privileged = false): SpecInput => ({
  sandbox: { podUid: 'u', podName: 'p', podNamespace: 'd', attempt: 0, hostname: 'p', hostNetwork: false, hostPID: false, hostIPC: false, shareProcessNamespace: false, sysctls: {}, cgroupParent: '/bramble/podu' },
  container: {
    name: 'm', attempt: 0, imageName: 'as/it:asked', image: 'i', command: ['true'], args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: { memoryBytes: 1 << 25 }, oomScoreAdj: -997, stdin: false, stdinOnce: false, tty: false, logPath: '/l',
    security: { supplementalGroups: [], privileged, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } },
  },
  image: { entrypoint: [], cmd: [], env: [], workingDir: '', user: '', stopSignal: '' } as never, user: { uid: 0, gid: 0, additionalGids: [] }, rootfs: '/r', cgroupsPath: '/bramble/podu/c', group: 'g', namespaces: { net: undefined, ipc: undefined, uts: undefined },
  shm: undefined, hostnameFile: '/h', devices: [], seccompProfile: undefined, host: { capabilities: ['CAP_SYS_RESOURCE'], oomScoreAdj: 0, swapAccounting: true, unifiedCgroups },
})
interface Spec { readonly process: { readonly oomScoreAdj: number }; readonly linux: { readonly namespaces: readonly { readonly type: string }[]; readonly resources: { readonly unified?: object; readonly memory?: object } } }
const of = (i: SpecInput): Spec => ociSpec(i) as Spec

it('a container sees its own cgroup on version 2, and ends as a whole where it runs out of memory', () => {
  expect([of(input(true)).linux.namespaces.some((n) => n.type === 'cgroup'), of(input(true, true)).linux.namespaces.some((n) => n.type === 'cgroup'), of(input(false)).linux.namespaces.some((n) => n.type === 'cgroup')]).toEqual([true, false, false])
  expect([of(input(true)).linux.resources.unified, of(input(false)).linux.resources.unified]).toEqual([{ 'memory.oom.group': '1' }, undefined])
  expect(of(input(true)).linux.resources.memory).toEqual({ limit: 1 << 25, swap: 1 << 25 })
})

it('an OOM score is lowered only where that is permitted', () => {
  const without = input(true)
  expect([of(without).process.oomScoreAdj, of({ ...without, host: { ...without.host, capabilities: [], oomScoreAdj: 5 } }).process.oomScoreAdj]).toEqual([-997, 5])
})

it('docker: a child that was killed for memory while its parent lived on does not make the container OOMKilled', () => {
  const inspected = (ExitCode: number): string => JSON.stringify([{ Id: 'x', Created: '2026-01-01T00:00:00Z', Image: 'i', State: { Status: 'exited', ExitCode, OOMKilled: true, FinishedAt: '2026-01-01T00:00:01Z' }, Config: { Labels: { 'bramble.owner': 'n', 'bramble.kind': 'container' } }, HostConfig: {} }])
  const killed = (exitCode: number): boolean | undefined => { const [i] = parseInspect(inspected(exitCode), 'n'); return i?.kind === 'container' ? i.container.oomKilled : undefined }
  expect([killed(0), killed(137)]).toEqual([false, true])
})
