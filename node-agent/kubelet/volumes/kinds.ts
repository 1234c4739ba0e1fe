import type { Volume } from '../../../shared/api/core-v1.ts'
import { configMap } from './config-map.ts'
import { downwardApi } from './downward-api.ts'
import { emptyDir } from './empty-dir.ts'
import { hostPath } from './host-path.ts'
import type { VolumeKind } from './kind.ts'
import { VolumeError } from './payload.ts'
import { ephemeral, persistentVolumeClaim } from './persistent.ts'
import { nfs } from './nfs.ts'
import { projected } from './projected.ts'
import { secret } from './secret.ts'

/** Every kind of volume that this node has. */
const kinds: Readonly<Partial<Record<Exclude<keyof Volume, 'name'>, VolumeKind>>> = { configMap, downwardAPI: downwardApi, emptyDir, ephemeral, hostPath, nfs, persistentVolumeClaim, projected, secret }

export interface NamedKind { readonly name: string; readonly kind: VolumeKind }

/** The kind of a volume. Throws `VolumeError` that names a kind this node does not have; a volume without a source is an emptyDir. */
export function kindOf(volume: Volume): NamedKind {
  const name = Object.keys(volume).find((k) => k !== 'name') ?? 'emptyDir'
  const kind = kinds[name as keyof typeof kinds]
  if (!kind) throw new VolumeError(`volume kind ${name} is not supported on this node`)
  return { name, kind }
}
