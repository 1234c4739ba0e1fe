/**
 * Who names an owner must be able to delete the object (its owner's end will), and who blocks the owner's deletion must be able to set the
 * owner's finalizers (`plugin/pkg/admission/gc`).
 */
import type { OwnerReference } from '../../../shared/api/meta-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'

interface Deps { readonly authorizer: Authorizer; readonly byKind: (group: string, version: string, kind: string) => ResourceDefinition | undefined }

const blocking = (refs: readonly OwnerReference[] | undefined): OwnerReference[] => (refs ?? []).filter((r) => r.blockOwnerDeletion)

/** Blocking references of the new object that the old one had not, or had without blocking. */
function newlyBlocking({ object, old }: AdmissionRequest): OwnerReference[] {
  const had = new Set(blocking(old?.metadata?.ownerReferences).map((r) => r.uid))
  return blocking(object?.metadata?.ownerReferences).filter((r) => !had.has(r.uid))
}

export function ownerReferencesPermission({ authorizer, byKind }: Deps): AdmissionPlugin {
  const may = (request: AdmissionRequest, verb: string, on: { group: string; resource: string; subresource: string; name: string; namespace: string }): boolean =>
    authorizer.allows({ user: request.user, verb, isResourceRequest: true, path: '', ...on })
  const refused = (request: AdmissionRequest, why: string) => forbidden({ group: request.definition.group, resource: request.definition.resource, name: request.name }, why)
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    validate(request) {
      const { operation, definition, subresource, object, old, namespace, name } = request
      if ((operation !== 'CREATE' && operation !== 'UPDATE') || subresource === 'status' || !object?.metadata) return
      const [refs, before] = [object.metadata.ownerReferences ?? [], old?.metadata?.ownerReferences ?? []]
      if ((!refs.length && !before.length) || equalJson(refs, before)) return
      // A pod made with references of its own may always be deleted by who made it: only changes of the references are judged there.
      if (old && !may(request, 'delete', { group: definition.group, resource: definition.resource, subresource: '', name, namespace })) {
        throw refused(request, 'cannot set an ownerRef on a resource you can\'t delete: ')
      }
      for (const ref of newlyBlocking(request)) {
        const slash = ref.apiVersion.indexOf('/')
        const [group, version] = slash < 0 ? ['', ref.apiVersion] : [ref.apiVersion.slice(0, slash), ref.apiVersion.slice(slash + 1)]
        const owner = byKind(group, version, ref.kind)
        if (!owner) throw refused(request, `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${ref.apiVersion} Kind ${ref.kind}: no matches for kind ${JSON.stringify(ref.kind)} in version ${JSON.stringify(ref.apiVersion)}`)
        const on = { group, resource: owner.resource, subresource: 'finalizers', name: ref.name, namespace: owner.namespaced ? namespace : '' }
        if (!may(request, 'update', on)) throw refused(request, 'cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: ')
      }
    },
  }
}
