import { writeAtomically } from './atomic-writer.ts'
import { fsGroupOf, type VolumeKind } from './kind.ts'
import { configMapPayload } from './payload.ts'

/** Files from a ConfigMap, brought up to date in place. */
export const configMap: VolumeKind = {
  async setUp(context) {
    const { name = '', items, defaultMode = 0o644, optional = false } = context.volume.configMap ?? {}
    const payload = configMapPayload(context.configMap(name), name, { items, defaultMode, optional })
    await writeAtomically(context.files, context.diskPath, payload, { now: context.now, fsGroup: fsGroupOf(context.pod) })
    return { source: context.diskPath, readOnly: true, isSealed: true }
  },
}
