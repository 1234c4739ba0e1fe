/** Webhooks as admission plugins: nothing of them is loaded before one is configured. */
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'
import { isExempt } from '../match.ts'
import type { AdmissionRegistry } from '../registered.ts'
import type { WebhookDeps } from './calls.ts'

/** `before`: the built-in plugins that a change makes look again. */
export function mutatingWebhooks(deps: WebhookDeps, registered: AdmissionRegistry, before: readonly AdmissionPlugin[]): AdmissionPlugin {
  const call = async (request: AdmissionRequest): Promise<void> => (await import('./mutating.ts')).callMutating(deps, registered.current.mutating, request, before)
  return { name: 'MutatingAdmissionWebhook', mutate: (request) => (registered.current.mutating.length && !isExempt(request) ? call(request) : undefined) }
}

export function validatingWebhooks(deps: WebhookDeps, registered: AdmissionRegistry): AdmissionPlugin {
  const call = async (request: AdmissionRequest): Promise<void> => (await import('./validating.ts')).callValidating(deps, registered.current.validating, request)
  return { name: 'ValidatingAdmissionWebhook', validate: (request) => (registered.current.validating.length && !isExempt(request) ? call(request) : undefined) }
}
