import type { ControllerRevision } from '../../../shared/api/apps-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import { nonNegative, required } from './findings.ts'
import { unchanged } from './object-meta.ts'

/** `statefulset.apps/web`, kubectl's name of the controller. */
function controllerOf(revision: ControllerRevision): string {
  const owner = revision.metadata?.ownerReferences?.find((o) => o.controller)
  if (!owner) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.slice(0, owner.apiVersion.indexOf('/'))}` : ''
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`
}

/** A snapshot of a controller's template: made once, only its number and its labels move. */
export const controllerRevisions = define<ControllerRevision>({
  group: 'apps', version: 'v1', resource: 'controllerrevisions', kind: 'ControllerRevision', namespaced: true, schema: 'apps-v1.ControllerRevision',
  columns: [
    nameColumn, column('Controller', controllerOf, { description: 'Controller of the object' }),
    column('Revision', (r) => r.revision ?? 0, { description: 'Revision indicates the revision of the state represented by Data.' }), ageColumn,
  ],
  strategy: {
    default: (r) => { r.revision ??= 0 },
    validate: (r) => [...(r.data === undefined || r.data === null ? [required('data', 'data is mandatory')] : []), ...nonNegative('revision', r.revision)],
    validateUpdate: (r, old) => unchanged('data', r.data, old.data),
  },
})
