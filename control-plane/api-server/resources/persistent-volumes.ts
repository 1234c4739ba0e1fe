import type { NodeSelector, PersistentVolume, PersistentVolumeSpec } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { accessModesText, classOf } from './access-modes.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, nonNegativeMessage, notSupported, positiveMessage, required } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { validateAccessModes } from './claim-rules.ts'
import { validateNodeSelectorTerms } from './pod-spec/node-selector.ts'
import { validatePersistentCsi, validateSharedSource } from './pod-spec/volume-sources.ts'
import { carryOverParts } from './spec-and-status.ts'

type Volume = PersistentVolume

/** The fields that say what the volume is, in upstream's order. */
const sourceKinds = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'flocker', 'nfs', 'rbd', 'quobyte', 'cephfs', 'iscsi', 'cinder', 'fc', 'flexVolume', 'azureFile', 'vsphereVolume',
  'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'scaleIO', 'local', 'storageos', 'csi',
] as const satisfies readonly (keyof PersistentVolumeSpec)[]

function defaultSource(spec: PersistentVolumeSpec): void {
  if (spec.hostPath) spec.hostPath.type ??= ''
  if (spec.iscsi) spec.iscsi.iscsiInterface ||= 'default'
  if (spec.rbd) {
    spec.rbd.pool ||= 'rbd'
    spec.rbd.user ||= 'admin'
    spec.rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (spec.azureDisk) {
    spec.azureDisk.cachingMode ??= 'ReadWrite'
    spec.azureDisk.kind ??= 'Shared'
    spec.azureDisk.fsType ??= 'ext4'
    spec.azureDisk.readOnly ??= false
  }
  if (spec.scaleIO) {
    spec.scaleIO.storageMode ||= 'ThinProvisioned'
    spec.scaleIO.fsType ||= 'xfs'
  }
}

function setDefaults(volume: Volume): void {
  const spec = (volume.spec ??= {})
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  defaultSource(spec)
  const status = (volume.status ??= {})
  status.phase ||= 'Pending'
}

function validateSources(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const found: FieldError[] = []
  const given = sourceKinds.filter((kind) => spec[kind])
  given.forEach((kind, i) => {
    const field = `${at}.${kind}`
    if (i > 0) found.push(forbidden(field, 'may not specify more than 1 volume type'))
    else found.push(...(kind === 'csi' && spec.csi ? validatePersistentCsi(spec.csi, field) : validateSharedSource(kind, spec[kind], field) ?? []))
  })
  if (spec.local && !spec.nodeAffinity) found.push(required(`${at}.nodeAffinity`, 'Local volume requires node affinity'))
  if (given.length === 0) found.push(required(at, 'must specify a volume type'))
  return found
}

function validateCapacity(capacity: Readonly<Record<string, string>> | undefined, at: string): FieldError[] {
  const amounts = Object.entries(capacity ?? {})
  if (amounts.length === 0) return [required(at)]
  const found = capacity?.storage === undefined || amounts.length > 1 ? [notSupported(at, capacity, ['storage'])] : []
  for (const [name, amount] of amounts) {
    const { nano } = parseQuantity(amount)
    if (nano < 0n) found.push(invalidValue(`${at}[${name}]`, amount, nonNegativeMessage))
    if (nano <= 0n) found.push(invalidValue(`${at}[${name}]`, amount, positiveMessage))
  }
  return found
}

function validateAffinity(required_: NodeSelector | undefined, at: string): FieldError[] {
  return required_ ? validateNodeSelectorTerms(required_, `${at}.required`) : [required(`${at}.required`, 'must specify required node constraints')]
}

/** `inline`: the spec stands in a VolumeAttachment, which needs no claim's business. */
export function validateVolumeSpec(spec: PersistentVolumeSpec, at: string, inline = false): FieldError[] {
  const found: FieldError[] = []
  if (inline) {
    for (const f of ['claimRef', 'capacity', 'persistentVolumeReclaimPolicy', 'storageClassName', 'mountOptions'] as const) {
      if (spec[f] !== undefined && spec[f] !== '') found.push(forbidden(`${at}.${f}`, 'may not be specified in the context of inline volumes'))
    }
    if (!spec.csi) found.push(required(`${at}.csi`, 'has to be specified in the context of inline volumes'))
  }
  if (!spec.accessModes?.length) found.push(required(`${at}.accessModes`))
  found.push(...validateAccessModes(spec.accessModes ?? [], `${at}.accessModes`))
  const policy = spec.persistentVolumeReclaimPolicy
  if (!inline) {
    found.push(...validateCapacity(spec.capacity, `${at}.capacity`))
    if (policy && !['Delete', 'Recycle', 'Retain'].includes(policy)) found.push(notSupported(`${at}.persistentVolumeReclaimPolicy`, policy, ['Delete', 'Recycle', 'Retain']))
  }
  if (spec.nodeAffinity) found.push(...validateAffinity(spec.nodeAffinity.required, `${at}.nodeAffinity`))
  found.push(...validateSources(spec, at))
  if (spec.hostPath && /^\/*$/.test(spec.hostPath.path) && spec.hostPath.path && policy === 'Recycle') found.push(forbidden(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"))
  if (!inline && spec.storageClassName) found.push(...invalidFor(`${at}.storageClassName`, spec.storageClassName, validateDns1123Subdomain(spec.storageClassName)))
  if (spec.volumeMode !== undefined && !['Block', 'Filesystem'].includes(spec.volumeMode)) found.push(notSupported(`${at}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']))
  return found
}

const sourceOf = (spec: PersistentVolumeSpec | undefined): unknown => {
  const source = Object.fromEntries(sourceKinds.filter((k) => spec?.[k]).map((k) => [k, spec?.[k]]))
  return source
}

function validateChange(volume: Volume, old: Volume): FieldError[] {
  const [next, last] = [volume.spec ?? {}, old.spec ?? {}]
  const opened = last.csi && !last.csi.controllerExpandSecretRef && next.csi?.controllerExpandSecretRef ? { ...next, csi: { ...next.csi, controllerExpandSecretRef: undefined } } : next
  const found = equalJson(dropUndefined(sourceOf(opened as PersistentVolumeSpec)), sourceOf(last)) ? [] : [forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation\n')]
  found.push(...unchanged('volumeMode', next.volumeMode, last.volumeMode))
  if (last.nodeAffinity) found.push(...unchanged('nodeAffinity', next.nodeAffinity, last.nodeAffinity))
  return found
}
const dropUndefined = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

export const persistentVolumes = define<Volume>({
  group: '', version: 'v1', resource: 'persistentvolumes', kind: 'PersistentVolume', namespaced: false, schema: 'core-v1.PersistentVolume', shortNames: ['pv'], subresources: { status: true },
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Capacity', (v) => v.spec?.capacity?.storage ?? '0', { description: "capacity is the description of the persistent volume's resources and capacity." }),
    column('Access Modes', (v) => accessModesText(v.spec?.accessModes), { description: 'accessModes contains all ways the volume can be mounted.' }),
    column('Reclaim Policy', (v) => v.spec?.persistentVolumeReclaimPolicy ?? '', { description: 'persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim.' }),
    column('Status', (v) => (v.metadata?.deletionTimestamp ? 'Terminating' : v.status?.phase ?? ''), { description: 'phase indicates if a volume is available, bound to a claim, or released by a claim.' }),
    column('Claim', (v) => (v.spec?.claimRef ? `${v.spec.claimRef.namespace ?? ''}/${v.spec.claimRef.name ?? ''}` : ''), { description: 'claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim.' }),
    column('StorageClass', classOf, { description: 'StorageClass of the pv' }),
    column('VolumeAttributesClass', (v) => v.spec?.volumeAttributesClassName ?? '<unset>', { description: 'VolumeAttributesClass of the pv' }),
    column('Reason', (v) => v.status?.reason ?? '', { description: 'reason is a brief CamelCase string that describes any failure and is meant for machine parsing and tidy display in the CLI.' }), ageColumn,
    column('VolumeMode', (v) => v.spec?.volumeMode ?? '<unset>', { wide: true, description: 'volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state.' }),
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate(volume, { now }) {
      volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(now) }
      delete volume.spec?.volumeAttributesClassName
    },
    prepareForUpdate(volume, old, context) {
      carryOverParts(volume, old, context)
      if (context.subresource !== 'status') return
      const [status, last] = [(volume.status ??= {}), old.status ?? {}]
      const unset = !status.lastPhaseTransitionTime || status.lastPhaseTransitionTime === last.lastPhaseTransitionTime
      if (status.phase !== last.phase && unset) status.lastPhaseTransitionTime = timestamp(context.now)
      else if (unset && last.lastPhaseTransitionTime) status.lastPhaseTransitionTime = last.lastPhaseTransitionTime
    },
    validate: (volume) => validateVolumeSpec(volume.spec ?? {}, 'spec'),
    validateUpdate: (volume, old, { subresource }) => (subresource === 'status' ? [] : validateChange(volume, old)),
  },
})
