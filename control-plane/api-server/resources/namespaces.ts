import type { Namespace } from '../../../shared/api/core-v1.ts'
import { maskTrailingDash, validateDns1123Label } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'

/** Every namespace starts with it; it goes when the namespace is empty. */
const finalizer = 'kubernetes'

export const namespaces = define<Namespace>({
  group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false, schema: 'core-v1.Namespace', shortNames: ['ns'], subresources: { status: true },
  columns: [nameColumn, column('Status', (ns) => ns.status?.phase ?? '', { description: 'The status of the namespace' }), ageColumn],
  strategy: {
    default(ns) {
      if (ns.metadata?.name) ns.metadata.labels = { ...ns.metadata.labels, 'kubernetes.io/metadata.name': ns.metadata.name }
      ns.spec ??= {}
      ns.status ??= {}
      ns.status.phase ||= 'Active'
    },
    prepareForCreate(ns) {
      ns.status = { phase: 'Active' }
      if (!ns.spec?.finalizers?.includes(finalizer)) ns.spec = { ...ns.spec, finalizers: [...(ns.spec?.finalizers ?? []), finalizer] }
    },
    prepareForUpdate(ns, old, { subresource }) {
      // The finalizers of the spec change through `finalize` alone.
      if (subresource !== 'finalize') ns.spec = old.spec ?? {}
      if (subresource !== 'status') ns.status = old.status ?? {}
    },
    validateName: (name, prefix) => validateDns1123Label(prefix ? maskTrailingDash(name) : name),
  },
  selectableFields: { 'status.phase': (ns) => ns.status?.phase ?? '', name: (ns) => ns.metadata?.name ?? '' },
})
