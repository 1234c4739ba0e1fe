/** Nothing is created in a namespace that is missing or going; the system's own namespaces stay (`plugin/pkg/admission/namespace/lifecycle`). */
import type { Namespace } from '../../../shared/api/core-v1.ts'
import { forbidden, notFound, StatusError } from '../../../shared/base/errors.ts'
import type { Store } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { AdmissionPlugin } from './chain.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])
const kind = { group: '', resource: 'namespaces', namespaced: false }

export function namespaceLifecycle(deps: { store: Store; objects: ObjectCache }): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    mutate({ operation, definition, namespace, name, subresource, object }) {
      if (definition.resource === 'namespaces' && definition.group === '') {
        if (operation === 'DELETE' && immortal.has(name)) throw forbidden({ group: '', resource: 'namespaces', name }, 'this namespace may not be deleted')
        if (operation === 'CREATE') holdUntilEmpty(object as Namespace)
        return
      }
      if (operation !== 'CREATE' || !definition.namespaced || subresource !== '') return
      const entry = deps.store.get(objectKey(kind, '', namespace))
      if (!entry) throw notFound({ group: '', resource: 'namespaces', name: namespace })
      const { metadata, status } = deps.objects.object(entry) as Namespace
      if (!metadata?.deletionTimestamp && status?.phase !== 'Terminating') return
      const refused = forbidden({ group: definition.group, resource: definition.resource, name }, `unable to create new content in namespace ${namespace} because it is being terminated`)
      throw new StatusError('Forbidden', refused.message, {
        details: { ...refused.details, causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }] },
      })
    },
  }
}

/** The finalizer `kubernetes` keeps a namespace until its content is gone. */
function holdUntilEmpty(namespace: Namespace): void {
  const spec = (namespace.spec ??= {})
  if (!spec.finalizers?.includes('kubernetes')) spec.finalizers = [...(spec.finalizers ?? []), 'kubernetes']
}
