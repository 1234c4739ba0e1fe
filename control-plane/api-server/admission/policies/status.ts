/** Writes into the status of each policy that its generation was seen and what its types have against it. */
import type { ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import type { ResourceRef } from '../../../../shared/api/object.ts'
import { isConflict, isNotFound, messageOf } from '../../../../shared/base/errors.ts'
import type { Log } from '../../../../shared/base/host.ts'
import type { ApiClient } from '../../../../shared/client/api-client.ts'
import type { Registry } from '../../resources/live-registry.ts'
import { admissionGroup } from '../../resources/webhook-rules.ts'
import type { AdmissionRegistry } from '../registered.ts'

const ref: ResourceRef<ValidatingAdmissionPolicy> = { group: admissionGroup, version: 'v1', resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy', namespaced: false }

interface Deps { readonly registered: AdmissionRegistry; readonly registry: Registry; /** Acts as a superuser. */ readonly client: ApiClient; readonly log: Log }

export class PolicyStatus {
  readonly #deps: Deps
  #running: Promise<void> | undefined
  #again = false

  constructor(deps: Deps) { this.#deps = deps }

  /** To be called after each change; does nothing where no policy waits for its status. */
  changed(): void {
    if (!this.#waiting().length) return
    this.#again = true
    this.#running ??= this.#run().finally(() => { this.#running = undefined })
  }

  /** Resolves when what was begun is done. */
  async idle(): Promise<void> { await this.#running }

  #waiting(): readonly ValidatingAdmissionPolicy[] {
    return this.#deps.registered.current.policies.filter((p) => !p.metadata?.deletionTimestamp && p.status?.observedGeneration !== p.metadata?.generation)
  }

  async #run(): Promise<void> {
    const { client, registry, log } = this.#deps
    const { checkTypes } = await import('./type-check.ts')
    while (this.#again) {
      this.#again = false
      for (const policy of this.#waiting()) {
        try {
          const warnings = checkTypes(policy, registry)
          const { generation } = policy.metadata ?? {}
          await client.update(ref, {
            ...policy, status: { ...policy.status, ...(generation === undefined ? {} : { observedGeneration: generation }), typeChecking: warnings.length ? { expressionWarnings: warnings } : {} },
          }, { subresource: 'status' })
        } catch (e) {
          // Changed or deleted meanwhile: that change is on its way here.
          if (!isConflict(e) && !isNotFound(e)) log.error('the status of a policy was not written', { policy: policy.metadata?.name, error: messageOf(e) })
        }
      }
    }
  }
}
