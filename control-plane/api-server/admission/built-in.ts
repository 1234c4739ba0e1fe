/** The built-in plugins in upstream's order (`pkg/kubeapiserver/options.AllOrderedPlugins`), as far as they are on by default there or asked for here. */
import type { Host } from '../../../shared/base/host.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { readCsr } from '../../../shared/pki/certificates.ts'
import type { CsrInfo } from '../../../shared/pki/certificates.ts'
import type { Store } from '../../store/store.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { RbacCache } from '../authz/rbac/cache.ts'
import type { Registry } from '../resources/registry.ts'
import type { ObjectCache } from '../watch/cache.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts'
import type { AdmissionPlugin } from './chain.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeRestriction } from './node-restriction.ts'
import { taintNodesByCondition } from './node-taints.ts'
import { ownerReferencesPermission } from './owner-references.ts'
import { defaultTolerationSeconds } from './pod-defaults.ts'
import type { PodSecurityConfig } from './pod-security/pod-security.ts'
import { podSecurity } from './pod-security/pod-security.ts'
import { priority } from './priority.ts'
import type { QuotaLedger } from './quota/ledger.ts'
import { resourceQuota } from './quota/resource-quota.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { serviceAddresses } from './service-addresses.ts'
import { defaultIngressClass, defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts'
import { StoredObjects } from './stored-objects.ts'

export interface BuiltInDeps {
  readonly store: Store
  readonly objects: ObjectCache
  readonly host: Host
  readonly rbac: RbacCache
  readonly authorizer: Authorizer
  readonly registry: Registry
  readonly ledger: QuotaLedger
  readonly serviceCIDR: string
  readonly nodePortRange: { readonly from: number; readonly to: number }
  readonly podSecurity?: PodSecurityConfig
}

/** `first` before webhooks and policies, `last` after them: what reserves addresses or counts, so that what others refuse is not reserved. */
export function builtInAdmission(deps: BuiltInDeps): { readonly first: readonly AdmissionPlugin[]; readonly last: readonly AdmissionPlugin[] } {
  const { store, objects, host, rbac, authorizer, registry, serviceCIDR, nodePortRange } = deps
  const stored = new StoredObjects(store, objects)
  // A request that is none is refused by validation, in its words.
  const csr = (pem: string): Promise<CsrInfo | undefined> => readCsr(pem).catch((e: unknown) => void host.log.debug('a certificate request cannot be read', { error: messageOf(e) }))
  return {
    first: [
      namespaceLifecycle({ store, objects }),
      limitRanger(stored),
      serviceAccount({ store, objects, host }),
      nodeRestriction({ stored, commonNameOf: async (pem) => (await csr(pem))?.commonName }),
      taintNodesByCondition,
      podSecurity(stored, deps.podSecurity),
      priority(stored),
      defaultTolerationSeconds,
      defaultStorageClass(stored),
      storageObjectInUseProtection,
      ownerReferencesPermission({ authorizer, byKind: (group, version, kind) => registry.byKind(group, version, kind) }),
      persistentVolumeClaimResize(stored),
      runtimeClass(stored),
      certificateApproval(authorizer),
      certificateSigning(authorizer),
      certificateSubjectRestriction(async (pem) => (await csr(pem))?.organizations),
      defaultIngressClass(stored),
    ],
    last: [rbacEscalation(rbac, authorizer), serviceAddresses({ store, random: host.random, serviceCIDR, nodePortRange }), resourceQuota(deps.ledger)],
  }
}
