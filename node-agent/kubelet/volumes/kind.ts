/** What one kind of volume does. One file per kind; the table is `kinds.ts`. */
import type { ConfigMap, Pod, Secret, Volume } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { TokenSource } from '../../link/link.ts'
import type { PodRuntimeFacts } from '../env/field-ref.ts'
import type { StoredPod } from '../pod/pod-facts.ts'

/** Mounts of our own. Repeating either is harmless. */
export interface Mounter {
  /** `sizeBytes` undefined is half of memory, the kernel's default. */
  tmpfs(path: string, options: { sizeBytes: number | undefined; mode: number }): Promise<void>
  unmount(path: string): Promise<void>
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
}

export interface VolumeKind {
  /** Makes the volume, or brings its content up to date. Throws `VolumeError`. */
  setUp(context: VolumeContext): Promise<MountedVolume>
  /** Undoes what removing the pod's folders does not. */
  tearDown?(paths: { readonly diskPath: string; readonly memoryPath: string }, machine: { readonly files: FileTree; readonly mounter: Mounter }): Promise<void>
}

export const fsGroupOf = (pod: Pod): number | undefined => pod.spec?.securityContext?.fsGroup
