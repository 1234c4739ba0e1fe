/** What a pod's RuntimeClass adds to it: overhead, node selector, tolerations (`plugin/pkg/admission/runtimeclass`). */
import type { Pod, PodSpec } from '../../../shared/api/core-v1.ts'
import type { RuntimeClass } from '../../../shared/api/node-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'
import type { ResourceList } from './resource-amounts.ts'
import type { StoredObjects } from './stored-objects.ts'
import { kindOf } from './stored-objects.ts'

const runtimeClasses = kindOf<RuntimeClass>('node.k8s.io', 'runtimeclasses', false)

const sameAmounts = (a: ResourceList = {}, b: ResourceList = {}): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, q]) => b[name] !== undefined && parseQuantity(q).nano === parseQuantity(b[name]).nano)

function applyTo(spec: PodSpec, { overhead, scheduling }: RuntimeClass, refuse: (why: string) => never): void {
  if (overhead?.podFixed) {
    if (spec.overhead && !sameAmounts(spec.overhead, overhead.podFixed)) refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    spec.overhead = { ...overhead.podFixed }
  }
  for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {}).sort()) {
    const had = spec.nodeSelector?.[key]
    if (had !== undefined && had !== value) refuse(`conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${had}`)
    spec.nodeSelector = { ...spec.nodeSelector, [key]: value }
  }
  const missing = (scheduling?.tolerations ?? []).filter((t) => !spec.tolerations?.some((had) => equalJson(had, t)))
  if (missing.length) spec.tolerations = [...(spec.tolerations ?? []), ...missing.map((t) => ({ ...t }))]
}

export function runtimeClass(stored: StoredObjects): AdmissionPlugin {
  const refusal = (request: AdmissionRequest) => (why: string): never => { throw forbidden({ group: '', resource: 'pods', name: request.name }, why) }
  const specOf = ({ operation, definition, subresource, object }: AdmissionRequest): PodSpec | undefined =>
    operation === 'CREATE' && definition.group === '' && definition.resource === 'pods' && subresource === '' ? (object as Pod).spec : undefined
  const classOf = (request: AdmissionRequest, name: string): RuntimeClass =>
    stored.get(runtimeClasses, '', name) ?? refusal(request)(`pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
  return {
    name: 'RuntimeClass',
    mutate(request) {
      const spec = specOf(request)
      if (spec?.runtimeClassName) applyTo(spec, classOf(request, spec.runtimeClassName), refusal(request))
    },
    validate(request) {
      const spec = specOf(request)
      if (!spec || (!spec.overhead && !spec.runtimeClassName)) return
      const overhead = spec.runtimeClassName ? classOf(request, spec.runtimeClassName).overhead?.podFixed : undefined
      if (overhead) {
        if (!sameAmounts(spec.overhead, overhead)) refusal(request)("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
      } else if (Object.keys(spec.overhead ?? {}).length) refusal(request)('pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
    },
  }
}
