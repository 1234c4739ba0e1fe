/** Validating webhooks are called all at once; the first in order of name that refuses is the answer (`plugin/webhook/validating`). */
import type { ValidatingWebhookConfiguration } from '../../../../shared/api/admissionregistration-v1.ts'
import type { AdmissionRequest } from '../chain.ts'
import type { Hook, WebhookDeps } from './calls.ts'
import { ask, matching, note } from './calls.ts'
import { denial } from './review.ts'

async function judge(deps: WebhookDeps, hook: Hook, request: AdmissionRequest): Promise<void> {
  const seen = await matching(deps, hook, request)
  const verdict = seen && await ask(deps, hook, request, seen, false)
  if (!verdict) return
  note(request, hook, verdict)
  if (!verdict.allowed) throw denial(hook.name, verdict.result)
}

export async function callValidating(deps: WebhookDeps, configurations: readonly ValidatingWebhookConfiguration[], request: AdmissionRequest): Promise<void> {
  const hooks = configurations.flatMap((c) => (c.webhooks ?? []) as Hook[])
  for (const outcome of await Promise.allSettled(hooks.map((hook) => judge(deps, hook, request)))) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}
