/** Webhook configurations and policies as the store has them, read again after each change. Costs a look at a field where there are none. */
import type {
  MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
} from '../../../shared/api/admissionregistration-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { freezeJson } from '../../../shared/values/json-value.ts'
import type { Store } from '../../store/store.ts'
import { CompactedError } from '../../store/store.ts'
import { groupPrefix, resourcePrefix } from '../keys.ts'
import { admissionGroup } from '../resources/webhook-rules.ts'

export interface Registered {
  /** Each list sorted by name. */
  readonly mutating: readonly MutatingWebhookConfiguration[]
  readonly validating: readonly ValidatingWebhookConfiguration[]
  readonly policies: readonly ValidatingAdmissionPolicy[]
  readonly bindings: readonly ValidatingAdmissionPolicyBinding[]
}

export class AdmissionRegistry {
  readonly #store: Store
  #current: Registered | undefined

  constructor(store: Store) { this.#store = store }

  /** The same object until something changes. */
  get current(): Registered { return (this.#current ??= this.#load()) }

  #load(): Registered {
    const all = <T extends KubeObject>(resource: string): T[] =>
      this.#store.list({ prefix: resourcePrefix({ group: admissionGroup, resource, namespaced: false }) }).entries.map((e) => freezeJson(JSON.parse(e.value.toString()) as T))
    return {
      mutating: all<MutatingWebhookConfiguration>('mutatingwebhookconfigurations'), validating: all<ValidatingWebhookConfiguration>('validatingwebhookconfigurations'),
      policies: all<ValidatingAdmissionPolicy>('validatingadmissionpolicies'), bindings: all<ValidatingAdmissionPolicyBinding>('validatingadmissionpolicybindings'),
    }
  }

  /** Follows changes until the signal aborts. Calls `changed` after each, and at the start. */
  async run(signal: AbortSignal, changed: () => void = () => undefined): Promise<void> {
    while (!signal.aborted) {
      const watcher = this.#store.watch(groupPrefix(admissionGroup), this.#store.revision)
      this.#current = undefined
      try {
        for (;;) {
          changed()
          await watcher.next(signal)
          this.#current = undefined
        }
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) throw e
      } finally {
        watcher.close()
      }
    }
  }
}
