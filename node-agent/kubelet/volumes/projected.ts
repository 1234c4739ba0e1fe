import type { Millis } from '../../../shared/base/brands.ts'
import { refOf } from '../pod/pod-facts.ts'
import { writeAtomically } from './atomic-writer.ts'
import { downwardPayload } from './downward-api.ts'
import { fsGroupOf, fsUserOf, type VolumeKind } from './kind.ts'
import { configMapPayload, safePath, secretPayload, VolumeError, type Payload } from './payload.ts'

/** The API server's default for a projected token. */
const defaultExpiration = 3607

/** Several sources in one folder, in memory. A bound token among them is replaced before it expires. */
export const projected: VolumeKind = {
  async setUp(context) {
    const { sources = [], defaultMode = 0o644 } = context.volume.projected ?? {}
    const all: Payload = new Map()
    let refreshAt: Millis | undefined
    for (const source of sources) {
      if (source.clusterTrustBundle) throw new VolumeError('projected clusterTrustBundle is not supported on this node')
      if (source.configMap) {
        const { name = '', items, optional = false } = source.configMap
        for (const [p, f] of configMapPayload(context.configMap(name), name, { items, defaultMode, optional })) all.set(p, f)
      }
      if (source.secret) {
        const { name = '', items, optional = false } = source.secret
        for (const [p, f] of secretPayload(context.secret(name), name, { items, defaultMode, optional })) all.set(p, f)
      }
      if (source.downwardAPI) for (const [p, f] of downwardPayload(context.pod, source.downwardAPI.items ?? [], defaultMode, context.facts)) all.set(p, f)
      if (source.serviceAccountToken) {
        const { audience, expirationSeconds = defaultExpiration, path } = source.serviceAccountToken
        const { token, renewAt } = await context.tokens.token({
          pod: refOf(context.pod), serviceAccount: context.pod.spec?.serviceAccountName ?? 'default', audience, expirationSeconds,
        })
        refreshAt = Math.min(refreshAt ?? Infinity, renewAt)
        const uid = fsUserOf(context.pod)
        // For one user, or one group, alone: `fsGroup` makes it 0640 afterwards.
        const mode = uid === undefined && fsGroupOf(context.pod) === undefined ? defaultMode : 0o600
        all.set(safePath(path), { data: Buffer.from(token), mode, ...(uid === undefined ? {} : { uid }) })
      }
    }
    await writeAtomically(context.files, context.memoryPath, all, { now: context.now, fsGroup: fsGroupOf(context.pod) })
    return { source: context.memoryPath, readOnly: true, isSealed: true, ...(refreshAt === undefined ? {} : { refreshAt }) }
  },
}
