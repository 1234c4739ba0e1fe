import type { RuntimeClass } from '../../../shared/api/node-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { DesiredState } from '../../link/link.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { RuntimeCache } from '../observe/cache.ts'
import { kernelHostname, type DnsConfig } from '../pod/etc-files.ts'
import { podCgroup } from '../resources/cgroup-numbers.ts'
import { HookError, type PodHook } from './hook.ts'

/** What the kubelet uses of the pod network (`node-agent/network`). Both verbs may be repeated. */
export interface PodNetwork {
  attach(pod: { readonly uid: string; readonly netns: string; readonly name: string }, signal: AbortSignal): Promise<{ readonly ip: string; readonly ips: readonly string[] }>
  detach(podUid: string): Promise<void>
}

export interface SandboxDeps {
  readonly runtime: Pick<Runtime, 'runSandbox' | 'stopSandbox' | 'removeSandbox'>
  readonly network: PodNetwork
  readonly cache: RuntimeCache
  readonly cgroupRoot: string
  readonly desired: Pick<DesiredState, 'get'>
  readonly hostname: string
  readonly dns: DnsConfig
}

/** `runc`, the engines' default, is not named to them: they may know it by another name. Throws where the class is not there. */
function handlerOf(name: string | undefined, desired: Pick<DesiredState, 'get'>): string | undefined {
  if (!name) return undefined
  const found = desired.get<RuntimeClass>('RuntimeClass', '', name)
  if (!found) throw new Error(`RuntimeClass ${JSON.stringify(name)} not found`)
  return found.handler === 'runc' ? undefined : found.handler
}

/**
 * The sandbox and its address. A sandbox that died is stopped for good before the next attempt. The address stays the pod's until the pod goes: after
 * a reboot without the control plane the endpoints of every Service name the old one.
 */
export const sandboxNetworkHook = ({ runtime, network, cache, cgroupRoot, hostname, dns, desired }: SandboxDeps): PodHook => ({
  name: 'sandbox-network',
  async setUp({ record, pod, attempt, signal }) {
    const { spec } = pod
    try {
      for (const old of cache.pod(record.ref.uid).sandboxes.filter((s) => s.attempt < attempt)) {
        await runtime.stopSandbox(old.id)
        cache.put({ sandbox: { ...old, state: 'not-ready', netns: undefined } })
        for (const c of cache.pod(record.ref.uid).containers) if (c.sandboxId === old.id && c.state === 'running') await cache.look(c.id)
      }
      const hostNetwork = spec?.hostNetwork ?? false
      const sandbox = await runtime.runSandbox({
        podUid: record.ref.uid, podName: record.ref.name, podNamespace: record.ref.namespace, attempt, hostname: hostNetwork ? hostname : kernelHostname(pod, dns.domain), hostNetwork,
        hostPID: spec?.hostPID ?? false, hostIPC: spec?.hostIPC ?? false, shareProcessNamespace: spec?.shareProcessNamespace ?? false,
        sysctls: Object.fromEntries((spec?.securityContext?.sysctls ?? []).map((s) => [s.name, s.value])), cgroupParent: podCgroup(cgroupRoot, pod),
        runtimeHandler: handlerOf(spec?.runtimeClassName, desired),
      }, signal)
      cache.put({ sandbox })
      if (!hostNetwork && sandbox.netns !== undefined) record.ips = (await network.attach({ uid: record.ref.uid, netns: sandbox.netns, name: record.ref.name }, signal)).ips
    } catch (e) {
      throw new HookError('FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(e)}`, e)
    }
  },
  async tearDown(record, keep) {
    const { uid } = record.ref
    for (const s of cache.pod(uid).sandboxes) {
      await runtime.stopSandbox(s.id)
      cache.put({ sandbox: { ...s, state: 'not-ready', netns: undefined } })
    }
    await network.detach(uid)
    record.ips = []
    if (keep === 'containers') return
    for (const s of cache.pod(uid).sandboxes) {
      await runtime.removeSandbox(s.id)
      cache.dropSandbox(s.id)
    }
  },
})
