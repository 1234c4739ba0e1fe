import type { DownwardAPIVolumeFile, Pod } from '../../../shared/api/core-v1.ts'
import { fieldValue, resourceFieldValue, type PodRuntimeFacts } from '../env/field-ref.ts'
import { writeAtomically } from './atomic-writer.ts'
import { fsGroupOf, type VolumeKind } from './kind.ts'
import { safePath, VolumeError, type Payload } from './payload.ts'

export function downwardPayload(pod: Pod, items: readonly DownwardAPIVolumeFile[], defaultMode: number, facts: PodRuntimeFacts): Payload {
  const out: Payload = new Map()
  for (const item of items) {
    const value = item.fieldRef ? fieldValue(pod, item.fieldRef.fieldPath, facts)
      : item.resourceFieldRef ? resourceFieldValue(pod, item.resourceFieldRef, item.resourceFieldRef.containerName ?? '', facts) : undefined
    if (value === undefined) throw new VolumeError(`unsupported downward API reference: ${item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource ?? item.path}`)
    out.set(safePath(item.path), { data: Buffer.from(value), mode: item.mode ?? defaultMode })
  }
  return out
}

/** Files with facts of the pod itself. */
export const downwardApi: VolumeKind = {
  async setUp(context) {
    const { items = [], defaultMode = 0o644 } = context.volume.downwardAPI ?? {}
    const payload = downwardPayload(context.pod, items, defaultMode, context.facts)
    await writeAtomically(context.files, context.memoryPath, payload, { now: context.now, fsGroup: fsGroupOf(context.pod) })
    return { source: context.memoryPath, readOnly: true, isSealed: true }
  },
}
