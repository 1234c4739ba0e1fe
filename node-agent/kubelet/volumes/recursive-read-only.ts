/** Whether mounts below a read-only one are read-only too. Pure. Source: upstream `resolveRecursiveReadOnly` in `pkg/kubelet/kubelet_pods.go`. */
import type { Container, VolumeMount, VolumeMountStatus } from '../../../shared/api/core-v1.ts'
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

/** What is told of a container's mounts: as asked for, and for read-only ones whether all below is. */
export function volumeMountStatuses(container: Container, supported: boolean): { readonly volumeMounts?: VolumeMountStatus[] } {
  if (!container.volumeMounts?.length) return {}
  const recursive = (m: VolumeMount): string => ((m.recursiveReadOnly === 'Enabled' || m.recursiveReadOnly === 'IfPossible') && supported ? 'Enabled' : 'Disabled')
  return { volumeMounts: container.volumeMounts.map((m) => ({ name: m.name, mountPath: m.mountPath, ...(m.readOnly ? { readOnly: true, recursiveReadOnly: recursive(m) } : {}) })) }
}
