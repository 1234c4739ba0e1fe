/** What one kind of volume does. One file per kind; the table is `kinds.ts`. */
import type { ConfigMap, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Volume } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { TokenSource } from '../../link/link.ts'
import type { PodRuntimeFacts } from '../env/field-ref.ts'
import type { StoredPod } from '../pod/pod-facts.ts'

export interface MountRequest { readonly type: string; readonly source: string; readonly target: string; readonly options: readonly string[] }

/** Mounts of our own. Repeating any is harmless. */
export interface Mounter {
  /** `sizeBytes` undefined is half of memory, the kernel's default. Returns whether it was mounted just now. */
  tmpfs(path: string, options: { sizeBytes: number | undefined; mode: number }): Promise<boolean>
  /** Makes the target where it is missing. What is mounted there already is not touched. */
  mount(request: MountRequest): Promise<void>
  /** The same file or folder at a second place. The source is taken literally: what it is was checked. Replaces what was mounted there. */
  bind(source: string, target: string): Promise<void>
  unmount(path: string): Promise<void>
  /** Everything mounted on the folder and below. Rejects where something stays: removing the folder would then remove what is not ours. */
  unmountBelow(folder: string): Promise<void>
}

export interface VolumeContext {
  readonly pod: StoredPod
  readonly volume: Volume
  /** Folder of this volume on disk; not made yet. */
  readonly diskPath: string
  /** Folder of this volume in memory, on a tmpfs that is there. */
  readonly memoryPath: string
  readonly files: FileTree
  readonly mounter: Mounter
  readonly tokens: TokenSource
  readonly facts: PodRuntimeFacts
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
  claim(name: string): PersistentVolumeClaim | undefined
  persistentVolume(name: string): PersistentVolume | undefined
  /** This node, where it is known. */
  node(): Node | undefined
  /** The pod has not had its volumes before, neither from this process nor from an earlier one: what is done once is done now. */
  readonly isNew: boolean
  /** Wall clock. */
  readonly now: Millis
}

export interface MountedVolume {
  /** What containers mount. */
  readonly source: string
  /** Whatever the mount says. */
  readonly readOnly: boolean
  /** The content must be made again then, at the latest; wall clock. */
  readonly refreshAt?: Millis
  /** `source` is a device: for `volumeDevices`, not for mounts. */
  readonly isDevice?: boolean
  /** Nobody but us writes it: what was checked stays as it is. */
  readonly isSealed?: boolean
}

export interface VolumeKind {
  /** Makes the volume, or brings its content up to date. Throws `VolumeError`. What it mounts is on its own folder: that is unmounted when the pod goes. */
  setUp(context: VolumeContext): Promise<MountedVolume>
}

export const fsGroupOf = (pod: Pod): number | undefined => pod.spec?.securityContext?.fsGroup

/** The user that every container of the pod runs as; undefined where they differ or leave it to the image. Source: upstream `FsUserFrom`. */
export function fsUserOf(pod: Pod): number | undefined {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser)
  return new Set(all).size === 1 ? all[0] : undefined
}
