/** Validating admission policies as a plugin: no CEL in memory before there is a binding. */
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'
import { isExempt } from '../match.ts'
import type { AdmissionRegistry } from '../registered.ts'
import type { PolicyDeps } from './dispatch.ts'

export function validatingPolicies(deps: PolicyDeps, registered: AdmissionRegistry): AdmissionPlugin {
  const apply = async (request: AdmissionRequest): Promise<void> => (await import('./dispatch.ts')).applyPolicies(deps, registered.current, request)
  return { name: 'ValidatingAdmissionPolicy', validate: (request) => (registered.current.bindings.length && !isExempt(request) ? apply(request) : undefined) }
}
