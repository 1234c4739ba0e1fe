/** Mirrors and private certificate authorities where Docker is the engine: its daemon alone decides about them, so what was put down for the agent is named, not ignored. */
import type { Log } from '../shared/base/host.ts'
import { namesIn } from '../shared/host/tree.ts'

/** Says of each registry with a folder in `hostsDir` where Docker wants to be told the same. */
export async function warnOfHosts(hostsDir: string, log: Log): Promise<void> {
  for (const registry of (await namesIn(hostsDir)).toSorted()) {
    log.warn('settings of a registry are not used: Docker takes certificate authorities from /etc/docker/certs.d/HOST/ca.crt, and mirrors, of docker.io alone, from "registry-mirrors" in daemon.json', { registry, folder: hostsDir })
  }
}
