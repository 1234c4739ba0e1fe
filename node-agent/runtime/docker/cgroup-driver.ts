/** Which cgroup driver Docker's daemon has. It decides that alone, at its start; how the agent names and makes the cgroups of pods follows from it. */
import { run } from '../../../shared/host/exec.ts'
import { fileFacts, readText } from '../../../shared/host/tree.ts'
import type { CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import * as argv from './argv.ts'

/** On version 1 a slice's limits have other names and its controllers a tree each; the daemon's default there is cgroupfs. */
export const systemdAdvice = 'it uses the systemd cgroup driver on cgroup v1, which is not supported: leave "native.cgroupdriver=systemd" out of "exec-opts" in /etc/docker/daemon.json and restart docker, or give the agent --runtime containerd'

export interface EngineFacts { readonly version: string; readonly cgroupDriver: CgroupDriver }

/** Asks the daemon. Throws where it does not answer, and where its driver cannot be used. */
export async function askEngine(host: string): Promise<EngineFacts> {
  const { stdout, stderr } = await run(argv.cgroupFacts({ host, owner: '' }))
  const [driver, cgroupVersion, version = ''] = stdout.toString().trim().split(' ')
  // Some versions end with 0 though nobody answers, and print nothing of the daemon's.
  if (driver !== 'cgroupfs' && driver !== 'systemd') throw new Error(stderr.toString().trim() || `docker at ${host} names no cgroup driver that is known here`)
  if (driver === 'systemd' && cgroupVersion !== '2') throw new Error(systemdAdvice)
  return { version, cgroupDriver: driver }
}

/** The daemon's answer; where it is away, what it will choose: what it is told, else systemd on version 2 under systemd. */
export async function cgroupDriverOf(host: string): Promise<CgroupDriver> {
  try { return (await askEngine(host)).cgroupDriver } catch { return expected(await readText('/etc/docker/daemon.json'), await fileFacts('/sys/fs/cgroup/cgroup.controllers') !== undefined, await fileFacts('/run/systemd/system') !== undefined) }
}

/** Pure. Source: `docs/reference/commandline/dockerd`, "--exec-opt native.cgroupdriver". */
export function expected(daemonJson: string | undefined, isVersion2: boolean, underSystemd: boolean): CgroupDriver {
  const told = /native\.cgroupdriver=(cgroupfs|systemd)/.exec(daemonJson ?? '')?.[1] as CgroupDriver | undefined
  return told ?? (isVersion2 && underSystemd ? 'systemd' : 'cgroupfs')
}
