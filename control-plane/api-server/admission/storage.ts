/** Claims get the default StorageClass, claims and volumes are kept while in use, and grow only where their class allows it (upstream `plugin/pkg/admission/storage`). */
import type { PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import type { Ingress, IngressClass } from '../../../shared/api/networking-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import { compareQuantity, parseQuantity } from '../../../shared/values/quantity.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'
import type { StoredObjects } from './stored-objects.ts'
import { kindOf } from './stored-objects.ts'

const storageClasses = kindOf<StorageClass>('storage.k8s.io', 'storageclasses', false)
const ingressClasses = kindOf<IngressClass>('networking.k8s.io', 'ingressclasses', false)
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

const isNew = ({ operation, definition, subresource }: AdmissionRequest, group: string, resource: string): boolean =>
  operation === 'CREATE' && definition.group === group && definition.resource === resource && subresource === ''

/** Of several defaults the youngest, then the first by name. */
function defaultOf<T extends KubeObject>(all: readonly T[], annotations: readonly string[]): T | undefined {
  const marked = all.filter((c) => annotations.some((a) => c.metadata?.annotations?.[a] === 'true'))
  return marked.sort((a, b) => (b.metadata?.creationTimestamp ?? '').localeCompare(a.metadata?.creationTimestamp ?? '') || (a.metadata?.name ?? '').localeCompare(b.metadata?.name ?? ''))[0]
}

export const defaultStorageClass = (stored: StoredObjects): AdmissionPlugin => ({
  name: 'DefaultStorageClass',
  mutate(request) {
    if (!isNew(request, '', 'persistentvolumeclaims')) return
    const claim = request.object as PersistentVolumeClaim
    if (!claim.spec || claim.spec.storageClassName !== undefined || claim.metadata?.annotations?.[CLASS_ANNOTATION] !== undefined) return
    const found = defaultOf(stored.list(storageClasses), ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'])
    if (found) claim.spec.storageClassName = found.metadata?.name ?? ''
  },
})

export const defaultIngressClass = (stored: StoredObjects): AdmissionPlugin => ({
  name: 'DefaultIngressClass',
  mutate(request) {
    if (!isNew(request, 'networking.k8s.io', 'ingresses')) return
    const ingress = request.object as Ingress
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return
    const found = defaultOf(stored.list(ingressClasses), ['ingressclass.kubernetes.io/is-default-class'])
    if (found) (ingress.spec ??= {}).ingressClassName = found.metadata?.name ?? ''
  },
})

const protections: readonly { readonly group: string; readonly resource: string; readonly finalizer: string }[] = [
  { group: '', resource: 'persistentvolumes', finalizer: 'kubernetes.io/pv-protection' },
  { group: '', resource: 'persistentvolumeclaims', finalizer: 'kubernetes.io/pvc-protection' },
]

/** The controller `volume-protection` takes the finalizers off again. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate(request) {
    for (const { group, resource, finalizer } of protections) {
      if (!isNew(request, group, resource) || !request.object) continue
      const meta = (request.object.metadata ??= {})
      if (!meta.finalizers?.includes(finalizer)) meta.finalizers = [...(meta.finalizers ?? []), finalizer]
    }
  },
}

const classOf = (claim: PersistentVolumeClaim): string => claim.metadata?.annotations?.[CLASS_ANNOTATION] ?? claim.spec?.storageClassName ?? ''

export const persistentVolumeClaimResize = (stored: StoredObjects): AdmissionPlugin => ({
  name: 'PersistentVolumeClaimResize',
  validate({ operation, definition, subresource, object, old, name }) {
    if (operation !== 'UPDATE' || definition.group !== '' || definition.resource !== 'persistentvolumeclaims' || subresource !== '') return
    const [claim, before] = [object as PersistentVolumeClaim, old as PersistentVolumeClaim]
    const [wanted, had] = [claim.spec?.resources?.requests?.['storage'], before.spec?.resources?.requests?.['storage']]
    if (wanted === undefined || had === undefined || compareQuantity(parseQuantity(wanted), parseQuantity(had)) <= 0) return
    const refuse = (why: string): never => { throw forbidden({ group: '', resource: 'persistentvolumeclaims', name }, why) }
    if (before.status?.phase !== 'Bound') refuse('Only bound persistent volume claims can be expanded')
    const className = classOf(claim)
    const allowed = className !== '' && className === classOf(before) && stored.get(storageClasses, '', className)?.allowVolumeExpansion === true
    if (!allowed) refuse('only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize')
  },
})
