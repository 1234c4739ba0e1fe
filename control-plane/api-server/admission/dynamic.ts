/** The plugins that users configure: webhooks and policies, in upstream's order. They stand after the built-in plugins that change objects, and before those that count. */
import type { Log, Random } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { Registry } from '../resources/live-registry.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { WebhookClient } from '../webhook-client/client.ts'
import type { AdmissionPlugin } from './chain.ts'
import { storedExpressions } from './expressions/plugin.ts'
import { validatingPolicies } from './policies/plugin.ts'
import type { AdmissionRegistry } from './registered.ts'
import { StoredObjects } from './stored-objects.ts'
import { mutatingWebhooks, validatingWebhooks } from './webhooks/plugins.ts'

export interface DynamicDeps {
  readonly store: Store
  readonly objects: ObjectCache
  readonly webhooks: WebhookClient
  readonly registry: Registry
  readonly authorizer: Authorizer
  readonly registered: AdmissionRegistry
  readonly random: Random
  readonly log: Log
}

/** `before`: the built-in plugins that look again at what a webhook changed. */
export function dynamicAdmission(given: DynamicDeps, before: readonly AdmissionPlugin[]): readonly AdmissionPlugin[] {
  const { store, objects, registered } = given
  const deps = { ...given, stored: new StoredObjects(store, objects) }
  return [mutatingWebhooks(deps, registered, before), storedExpressions, validatingPolicies(deps, registered), validatingWebhooks(deps, registered)]
}
