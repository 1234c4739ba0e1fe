/** Parameters that a binding names for its policy (`plugin/policy/generic/policy_dispatcher.go`). */
import type { ParamKind, ParamRef } from '../../../../shared/api/admissionregistration-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { selectsLabels } from '../../../../shared/values/label-selector.ts'
import type { Registry } from '../../resources/live-registry.ts'
import type { AdmissionRequest } from '../chain.ts'
import { namespaceOf } from '../match.ts'
import type { StoredObjects } from '../stored-objects.ts'
import { kindOf } from '../stored-objects.ts'

/** The policy or its binding asks for what there is not. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly of: 'policy' | 'binding'
  constructor(of: 'policy' | 'binding', message: string) {
    super(message)
    this.of = of
  }
}

/** One policy run for each; `undefined` stands for no parameters. Throws {@link ConfigurationError}. */
export async function paramsOf(deps: { readonly stored: StoredObjects; readonly registry: Registry }, kind: ParamKind | undefined, ref: ParamRef | undefined, request: AdmissionRequest): Promise<readonly (KubeObject | undefined)[]> {
  if (!kind) return [undefined]
  const { apiVersion = '', kind: name = '' } = kind
  const [first = '', second] = apiVersion.split('/')
  const definition = second === undefined ? deps.registry.byKind('', first, name) : deps.registry.byKind(first, second, name)
  if (!definition) throw new ConfigurationError('policy', `failed to find resource referenced by paramKind: '${apiVersion}, Kind=${name}'`)
  if (!ref) return [undefined]
  const hub = definition.storage?.definition ?? definition
  const resource = kindOf<KubeObject>(hub.group, hub.resource, hub.namespaced)
  if (!hub.namespaced && ref.namespace) throw new ConfigurationError('binding', 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  const namespace = hub.namespaced ? ref.namespace || namespaceOf(request) : ''
  if (hub.namespaced && !namespace) throw new ConfigurationError('binding', "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
  const one = ref.name ? deps.stored.get(resource, namespace, ref.name) : undefined
  const found = ref.name ? (one ? [one] : []) : deps.stored.list(resource, namespace).filter((o) => selectsLabels(ref.selector, o.metadata?.labels))
  if (!found.length) {
    if (ref.parameterNotFoundAction === 'Allow') return []
    throw new ConfigurationError('binding', 'no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  const out: KubeObject[] = []
  for (const object of found) out.push(definition.storage ? await definition.storage.fromStorage(object) : object)
  return out
}
