import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '../../../shared/api/storage-v1.ts'
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, required, tooLong } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { validateVolumeSpec } from './persistent-volumes.ts'
import { validateDriverName } from './pod-spec/volume-sources.ts'
import { carryOverParts } from './spec-and-status.ts'

const maxErrorBytes = 1024

function validateSource({ persistentVolumeName: name, inlineVolumeSpec: inline }: VolumeAttachmentSource, at: string): FieldError[] {
  if (inline === undefined && name === undefined) return [required(at, 'exactly one of inlineVolumeSpec and persistentVolumeName must be specified')]
  if (inline !== undefined && name !== undefined) return [forbidden(at, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')]
  if (inline) return validateVolumeSpec(inline, `${at}.inlineVolumeSpec`, true)
  return name ? [] : [required(`${at}.persistentVolumeName`, 'must specify non empty persistentVolumeName')]
}

function validate({ spec }: VolumeAttachment): FieldError[] {
  const { attacher = '', nodeName = '', source = {} } = spec ?? {}
  return [...validateDriverName(attacher, 'spec.attacher'), ...validateSource(source, 'spec.source'), ...invalidFor('spec.nodeName', nodeName, validateDns1123Subdomain(nodeName))]
}

function validateStatus({ status }: VolumeAttachment): FieldError[] {
  const long = (error: VolumeError | undefined, at: string): FieldError[] => ((error?.message ?? '').length > maxErrorBytes ? [tooLong(`${at}.message`, maxErrorBytes)] : [])
  return [...long(status?.attachError, 'status.attachError'), ...long(status?.detachError, 'status.detachError')]
}

export const volumeAttachments = define<VolumeAttachment>({
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments', kind: 'VolumeAttachment', namespaced: false, schema: 'storage-v1.VolumeAttachment', subresources: { status: true },
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Attacher', (a) => a.spec?.attacher ?? '', { format: 'name', description: 'attacher indicates the name of the volume driver that MUST handle this request.' }),
    column('PV', (a) => a.spec?.source?.persistentVolumeName ?? '', { description: 'persistentVolumeName represents the name of the persistent volume to attach.' }),
    column('Node', (a) => a.spec?.nodeName ?? '', { description: 'nodeName represents the node that the volume should be attached to.' }),
    column('Attached', (a) => a.status?.attached ?? false, { type: 'boolean', description: 'attached indicates the volume is successfully attached.' }), ageColumn,
  ],
  strategy: {
    default(a) {
      a.status ??= { attached: false }
      a.status.attached ??= false
    },
    prepareForCreate: (a) => { a.status = { attached: false } },
    prepareForUpdate: carryOverParts, validate, allowUnconditionalUpdate: false,
    validateUpdate: (a, old, { subresource }) => (subresource === 'status' ? validateStatus(a) : unchanged('spec', a.spec, old.spec)),
  },
})
