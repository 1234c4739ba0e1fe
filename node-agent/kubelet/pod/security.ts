/** securityContext of pod and container into what the runtime is told. Pure. Source: upstream `pkg/securitycontext` and `verifyRunAsNonRoot`. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import type { SecurityOptions } from '../../runtime/runtime.ts'
import { formatPod, type StoredPod, refOf } from './pod-facts.ts'

export type SecurityResult = { readonly ok: true; readonly options: SecurityOptions } | { readonly ok: false; readonly message: string }

/** `imageUser`: the image config's user, `''` for root. `seccompDir`: where Localhost profiles are. */
export function securityOf(pod: Pod, container: Container, imageUser: string, seccompDir: string): SecurityResult {
  const own = container.securityContext ?? {}
  const all = pod.spec?.securityContext ?? {}
  const uid = own.runAsUser ?? all.runAsUser
  const gid = own.runAsGroup ?? all.runAsGroup
  if (own.runAsNonRoot ?? all.runAsNonRoot) {
    const where = `(pod: "${formatPod(refOf(pod as StoredPod))}", container: ${container.name})`
    const user = imageUser.split(':')[0]!
    if (uid === 0) return { ok: false, message: `container's runAsUser breaks non-root policy ${where}` }
    if (uid === undefined && (user === '' || user === '0')) return { ok: false, message: `container has runAsNonRoot and image will run as root ${where}` }
    if (uid === undefined && !/^\d+$/.test(user)) return { ok: false, message: `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${where}` }
  }
  const privileged = own.privileged ?? false
  const profile = own.seccompProfile ?? all.seccompProfile
  const seccomp: SecurityOptions['seccomp'] = profile?.type === 'Localhost' && !privileged ? { type: 'localhost', path: `${seccompDir}/${profile.localhostProfile ?? ''}` }
    : profile?.type === 'RuntimeDefault' && !privileged ? { type: 'runtime-default' } : { type: 'unconfined' }
  return {
    ok: true,
    options: {
      ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }),
      supplementalGroups: [...(all.supplementalGroups ?? []), ...(all.fsGroup === undefined ? [] : [all.fsGroup])],
      ...(all.supplementalGroupsPolicy === 'Strict' ? { strictGroups: true } : {}),
      privileged, readOnlyRootfs: own.readOnlyRootFilesystem ?? false, noNewPrivileges: own.allowPrivilegeEscalation === false,
      addCapabilities: own.capabilities?.add ?? [], dropCapabilities: own.capabilities?.drop ?? [], seccomp,
    },
  }
}

/** Fields of a pod that this node does not honour. A pod that has one is refused by these names rather than run without them. */
export function unsupportedFields(pod: Pod): string[] {
  const spec = pod.spec
  const out: string[] = []
  if (spec?.hostUsers === false) out.push('spec.hostUsers: false')
  if (spec?.resourceClaims?.length) out.push('spec.resourceClaims')
  for (const c of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    const procMount = c.securityContext?.procMount
    if (procMount && procMount !== 'Default') out.push(`container ${c.name}: procMount`)
    for (const r of Object.keys(c.resources?.limits ?? {})) if (r.startsWith('hugepages-')) out.push(`container ${c.name}: ${r}`)
  }
  return out
}
