import type { ConfigMap, Node, PersistentVolume, PersistentVolumeClaim, Secret } from '../../../shared/api/core-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { DesiredState, TokenSource } from '../../link/link.ts'
import type { PodRuntimeFacts } from '../env/field-ref.ts'
import type { PodRecord } from '../pod/record.ts'
import { allContainers, type StoredPod } from '../pod/pod-facts.ts'
import type { Mounter } from '../volumes/kind.ts'
import { kindOf } from '../volumes/kinds.ts'
import { ClaimError, PersistentVolumeError } from '../volumes/persistent.ts'
import type { SizeLimits } from '../volumes/size-limits.ts'
import { HookError, type PodHook } from './hook.ts'

export interface VolumeDeps {
  readonly files: FileTree
  readonly mounter: Mounter
  readonly tokens: TokenSource
  readonly desired: Pick<DesiredState, 'get'>
  readonly clock: Clock
  /** Undefined: nobody looks after the sizes (tests). */
  readonly limits?: SizeLimits
  factsOf(record: PodRecord): PodRuntimeFacts
}

/** In upstream's words. */
function failure(name: string, e: unknown): HookError {
  if (e instanceof ClaimError) return new HookError('FailedMount', `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${e.message}`, e)
  if (e instanceof PersistentVolumeError) return new HookError('FailedMount', `${e.operation} for volume "${e.volume}" : ${e.message}`, e)
  return new HookError('FailedMount', `MountVolume.SetUp failed for volume "${name}" : ${messageOf(e)}`, e)
}

/** Makes every volume of a pod, or brings the content of those that show objects up to date: each whatever becomes of the others. Then throws the first failure. */
export async function setUpVolumes(deps: VolumeDeps, record: PodRecord, pod: StoredPod): Promise<void> {
  const { files, mounter, tokens, desired, clock } = deps
  const namespace = record.ref.namespace
  let refreshAt = Infinity
  let failed: HookError | undefined
  // The address stands in this file: it is written after the volumes, and is there until the pod goes.
  const isKnown = (await files.stat(record.paths.hosts)) !== undefined
  const used = new Set(allContainers(pod).flatMap((c) => [...(c.volumeMounts ?? []), ...(c.volumeDevices ?? [])].map((m) => m.name)))
  for (const volume of pod.spec?.volumes ?? []) {
    // What no container mounts is not made, nor is it a fault: upstream's rule.
    if (!used.has(volume.name)) continue
    try {
      const { name, kind } = kindOf(volume)
      const mounted = await kind.setUp({
        pod, volume, files, mounter, tokens, facts: deps.factsOf(record), now: clock.now(), isNew: !isKnown && !record.volumes.has(volume.name),
        diskPath: record.paths.volumeOnDisk(name, volume.name), memoryPath: record.paths.volumeInMemory(name, volume.name),
        configMap: (n) => desired.get<ConfigMap>('ConfigMap', namespace, n), secret: (n) => desired.get<Secret>('Secret', namespace, n),
        claim: (n) => desired.get<PersistentVolumeClaim>('PersistentVolumeClaim', namespace, n), persistentVolume: (n) => desired.get<PersistentVolume>('PersistentVolume', '', n),
        node: () => desired.get<Node>('Node', '', deps.factsOf(record).nodeName),
      })
      record.volumes.set(volume.name, mounted)
      refreshAt = Math.min(refreshAt, mounted.refreshAt ?? Infinity)
    } catch (e) {
      failed ??= failure(volume.name, e)
    }
  }
  deps.limits?.follow(record, pod)
  record.volumesDueAt = refreshAt === Infinity ? undefined : clock.monotonic() + Math.max(1000, refreshAt - clock.now())
  if (failed) throw failed
}

export const volumesHook = (deps: VolumeDeps): PodHook => ({
  name: 'volumes',
  setUp: ({ record, pod }) => setUpVolumes(deps, record, pod),
  async tearDown(record, keep) {
    deps.limits?.forget(record)
    // From what is mounted, not from the spec: the pod may be one that nobody knows any more.
    await deps.mounter.unmountBelow(record.paths.root)
    await deps.files.remove(record.paths.memory)
    record.volumes.clear()
    // Nobody reads the volumes of a pod that has ended; one that was evicted for its disk would else have left nothing.
    for (const folder of ['volumes', 'volume-subpaths']) await deps.files.remove(`${record.paths.root}/${folder}`)
    if (keep === 'containers') return
    await deps.files.remove(record.paths.root)
    await deps.files.remove(record.paths.logs)
  },
})
