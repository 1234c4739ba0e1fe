/** What `npm run up` remembers for the next `up` and for `down`, and where its sockets are. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { base, type UpOptions } from './flags.mjs'

export const kubeconfigFile = join(base, 'kubeconfig')
const stateFile = join(base, 'up.json')

/** `engine`: socket of the container engine that runs the pods, once that is known. */
export interface Remembered extends UpOptions { readonly engine?: string }

/** What the last `up` started, so that `down` finds it whatever its flags were. */
export async function remembered(): Promise<Remembered | undefined> {
  const text = await readIfThere(stateFile)
  return text === undefined ? undefined : JSON.parse(text) as Remembered
}
export const remember = (options: Remembered): Promise<void> => writeFileAtomic(stateFile, JSON.stringify(options))

/** The flags in which two `up`s differ, as sentences. */
export function differences(before: UpOptions, asked: UpOptions): string[] {
  const names = { dataDir: '--data-dir', runtime: '--runtime', apiPort: '--api-port', mqttPort: '--mqtt-port' } as const
  return Object.entries(names).filter(([key]) => before[key as keyof typeof names] !== asked[key as keyof typeof names])
    .map(([key, flag]) => `${flag} is ${before[key as keyof typeof names]}, not ${asked[key as keyof typeof names]}`)
}

/**
 * Sockets and what a reboot shall empty; there from `up` to `down`. Under /run, since the path of a Unix socket is limited to 107 bytes; one a
 * clone, since the folders beside it are other agents'.
 */
export const runDir = `/run/bramble/up-${createHash('sha256').update(base).digest('hex').slice(0, 8)}`
export const systemSocket = { containerd: '/run/containerd/containerd.sock', docker: '/run/docker.sock' } as const
export const ownSocket = { containerd: join(runDir, 'containerd.sock'), docker: join(runDir, 'docker.sock') } as const
