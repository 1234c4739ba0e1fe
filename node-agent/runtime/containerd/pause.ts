/**
 * The first process of a process namespace that a pod's containers share (`shareProcessNamespace`). Unlike the other namespaces it cannot outlive its first
 * process, so such a pod, and only such a pod, has one: a shell that waits, which reaps what others leave behind. A container like any other, but nobody's.
 */
import { copyFile } from 'node:fs/promises'
import { makeFolder, fileFacts } from '../../../shared/host/tree.ts'
import { RuntimeError, type ContainerSpec } from '../runtime.ts'
import type { KnownImage } from './images.ts'

/** No container of a pod can have this name. */
export const pauseName = '.pause'
export const isPause = (record: { readonly name: string }): boolean => record.name === pauseName

const busybox = '/bin/busybox'

/** A root with one static program, made in `stateDir` when it is first needed. Throws `create-failed` where the machine has no busybox. */
export async function pauseImage(stateDir: string): Promise<KnownImage> {
  if (await fileFacts(busybox) === undefined) throw new RuntimeError('create-failed', `shareProcessNamespace needs ${busybox} (Debian: busybox-static) for the process that holds the namespace`)
  const root = `${stateDir}/pause`
  await Promise.all(['bin', 'dev', 'etc', 'proc', 'sys'].map((name) => makeFolder(`${root}/${name}`, 0o755)))
  if (await fileFacts(`${root}/bin/sh`) === undefined) await copyFile(busybox, `${root}/bin/sh`)
  const image = { id: 'pause', tags: [], digests: [], sizeBytes: 0, user: '' }
  return { image, config: { user: '', env: [], entrypoint: [], cmd: [], workingDir: '/', stopSignal: 'SIGKILL', diffIds: [] }, layers: [root], viewKey: '' }
}

export const pauseSpec = (logPath: string): ContainerSpec => ({
  name: pauseName, attempt: 0, imageName: 'pause', image: 'pause', command: ['/bin/sh', '-c', 'while :; do sleep 2147483647 & wait; done'], args: undefined, workingDir: '/', env: [], mounts: [], devices: [], resources: { cpuShares: 2 },
  security: { supplementalGroups: [], privileged: false, readOnlyRootfs: true, noNewPrivileges: true, addCapabilities: [], dropCapabilities: ['ALL'], seccomp: { type: 'unconfined' } },
  oomScoreAdj: -998, stdin: false, stdinOnce: false, tty: false, logPath,
})
