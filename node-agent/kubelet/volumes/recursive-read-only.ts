/** Whether mounts below a read-only one are read-only too. Pure. Source: upstream `resolveRecursiveReadOnly` in `pkg/kubelet/kubelet_pods.go`. */
import type { VolumeMount } from '../../../shared/api/core-v1.ts'
import { VolumeError } from './payload.ts'

const atLeast = (version: string, major: number, minor: number): boolean => {
  const [, a = '0', b = '0'] = /(\d+)\.(\d+)/.exec(version) ?? []
  return Number(a) > major || (Number(a) === major && Number(b) >= minor)
}

/** Linux has it from 5.12 on, Docker asks for it from 25 on; the runc of every containerd that we support does. */
export const canRecursiveReadOnly = (facts: { readonly kernelVersion: string; readonly runtimeVersion: string }): boolean =>
  atLeast(facts.kernelVersion, 5, 12) && (!facts.runtimeVersion.startsWith('docker://') || atLeast(facts.runtimeVersion, 25, 0))

/** Throws `VolumeError` where a mount that insists cannot have it. */
export function isRecursiveReadOnly(mount: VolumeMount, supported: boolean): boolean {
  const wanted = mount.recursiveReadOnly ?? 'Disabled'
  if (wanted === 'Disabled') return false
  if (wanted === 'IfPossible') return supported && mount.readOnly === true && (mount.mountPropagation ?? 'None') === 'None'
  const refused = (why: string): VolumeError => new VolumeError(`volume ${JSON.stringify(mount.name)} requested recursive read-only mode, but it is not ${why}`)
  if (wanted !== 'Enabled') throw new VolumeError(`unknown recursive read-only mode "${wanted}"`)
  if (!mount.readOnly) throw refused('read-only')
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None') throw refused(`compatible with propagation ${JSON.stringify(mount.mountPropagation)}`)
  if (!supported) throw refused('supported by the runtime')
  return true
}
