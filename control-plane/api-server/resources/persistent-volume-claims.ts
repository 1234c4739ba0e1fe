import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../shared/api/core-v1.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import { compareQuantity, parseQuantity } from '../../../shared/values/quantity.ts'
import { accessModesText, classAnnotation, classOf } from './access-modes.ts'
import { defaultClaim, validateClaimSpec } from './claim-rules.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegativeMessage, notSupported } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { carryOverParts } from './spec-and-status.ts'

type Claim = PersistentVolumeClaim

/** The old and the new name of where the content comes from say the same, unless it is in another namespace. */
function normalizeSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource }
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _namespace, ...rest } = dataSourceRef
    spec.dataSource = rest
  }
}

/** Upstream ignores other kinds in `dataSource`; `dataSourceRef` is where they may stand. */
function dropForeignSource(spec: PersistentVolumeClaimSpec): void {
  const { apiGroup = '', kind } = spec.dataSource ?? {}
  if (spec.dataSource && !(kind === 'PersistentVolumeClaim' && apiGroup === '') && !(kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')) delete spec.dataSource
}

/** Claims do not change, but: the volume they were given, once; a class where there was none; the size wanted of a bound one. */
function validateChange(claim: Claim, old: Claim): FieldError[] {
  const [next, last] = [copyJson(claim.spec ?? {}), copyJson(old.spec ?? {})]
  const found: FieldError[] = []
  const before = old.metadata?.annotations?.[classAnnotation]
  if (!last.volumeName && next.volumeName) last.volumeName = next.volumeName
  if (next.storageClassName !== undefined && last.storageClassName === undefined && (before === undefined || next.storageClassName === before)) last.storageClassName = next.storageClassName
  else if ((claim.metadata?.annotations?.[classAnnotation] ?? '') !== (before ?? '')) found.push(invalidValue('metadata.annotations[volume.beta.kubernetes.io/storage-class]', claim.metadata?.annotations?.[classAnnotation] ?? '', 'field is immutable'))
  const [wanted, had] = [next.resources?.requests?.storage, last.resources?.requests?.storage]
  if (claim.status?.phase === 'Bound' && next.resources?.requests && had !== undefined) next.resources.requests.storage = had
  if (!equalJson(next, last)) found.push(forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n'))
  if (wanted !== undefined && had !== undefined && compareQuantity(parseQuantity(wanted), parseQuantity(had)) < 0) {
    const capacity = old.status?.capacity?.storage ?? '0'
    if (compareQuantity(parseQuantity(wanted), parseQuantity(capacity)) <= 0) found.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'))
  }
  return [...found, ...unchanged('volumeMode', claim.spec?.volumeMode, old.spec?.volumeMode)]
}

const resizeStates = ['ControllerResizeInProgress', 'ControllerResizeInfeasible', 'NodeResizePending', 'NodeResizeInProgress', 'NodeResizeInfeasible']

function validateStatus({ status = {} }: Claim): FieldError[] {
  const found: FieldError[] = []
  for (const list of ['capacity', 'allocatedResources'] as const) {
    for (const [name, amount] of Object.entries(status[list] ?? {})) if (parseQuantity(amount).nano < 0n) found.push(invalidValue(`status.${list}[${name}]`, amount, nonNegativeMessage))
  }
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) if (!resizeStates.includes(state)) found.push(notSupported('status.allocatedResourceStatus', name, resizeStates))
  return found
}

export const persistentVolumeClaims = define<Claim>({
  group: '', version: 'v1', resource: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim', namespaced: true, schema: 'core-v1.PersistentVolumeClaim', shortNames: ['pvc'], subresources: { status: true },
  // What is bound to what is not to be forgotten.
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Status', (c) => (c.metadata?.deletionTimestamp ? 'Terminating' : c.status?.phase ?? ''), { description: 'phase represents the current phase of PersistentVolumeClaim.' }),
    column('Volume', (c) => c.spec?.volumeName ?? '', { description: 'volumeName is the binding reference to the PersistentVolume backing this claim.' }),
    column('Capacity', (c) => (c.spec?.volumeName ? c.status?.capacity?.storage ?? '0' : ''), { description: 'capacity represents the actual resources of the underlying volume.' }),
    column('Access Modes', (c) => (c.spec?.volumeName ? accessModesText(c.status?.accessModes) : ''), { description: 'accessModes contains the actual access modes the volume backing the PVC has.' }),
    column('StorageClass', classOf, { description: 'StorageClass of the pvc' }),
    column('VolumeAttributesClass', (c) => c.spec?.volumeAttributesClassName ?? '<unset>', { description: 'VolumeAttributesClass of the pvc' }), ageColumn,
    column('VolumeMode', (c) => c.spec?.volumeMode ?? '<unset>', { wide: true, description: 'volumeMode defines what type of volume is required by the claim.' }),
  ],
  strategy: {
    default: defaultClaim,
    prepareForCreate(claim) {
      claim.status = { phase: 'Pending' }
      if (!claim.spec) return
      // Its feature gate is off in v1.33.
      delete claim.spec.volumeAttributesClassName
      dropForeignSource(claim.spec)
      normalizeSources(claim.spec)
    },
    prepareForUpdate(claim, old, context) {
      carryOverParts(claim, old, context)
      if (context.subresource === '' && claim.spec) normalizeSources(claim.spec)
    },
    validate: (claim) => validateClaimSpec(claim.spec ?? {}, 'spec'),
    validateUpdate: (claim, old, { subresource }) => (subresource === 'status' ? validateStatus(claim) : validateChange(claim, old)),
  },
})
