import { writeAtomically } from './atomic-writer.ts'
import { fsGroupOf, type VolumeKind } from './kind.ts'
import { secretPayload } from './payload.ts'

/** Files from a Secret, in memory only, brought up to date in place. */
export const secret: VolumeKind = {
  async setUp(context) {
    const { secretName = '', items, defaultMode = 0o644, optional = false } = context.volume.secret ?? {}
    const payload = secretPayload(context.secret(secretName), secretName, { items, defaultMode, optional })
    await writeAtomically(context.files, context.memoryPath, payload, { now: context.now, fsGroup: fsGroupOf(context.pod) })
    return { source: context.memoryPath, readOnly: true, isSealed: true }
  },
}
