import type { CSIDriver, CSIDriverSpec } from '../../../shared/api/storage-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidValue, notSupported, required } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { validateDriverName } from './pod-spec/volume-sources.ts'
import { countSpecChanges } from './spec-and-status.ts'

const modes = ['Ephemeral', 'Persistent']
const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType']
const [minExpiration, maxExpiration] = [600, 2 ** 32]
const minUpdatePeriod = 10

function setDefaults(driver: CSIDriver): void {
  const spec = (driver.spec ??= {})
  spec.attachRequired ??= true
  spec.podInfoOnMount ??= false
  spec.storageCapacity ??= false
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent']
  spec.requiresRepublish ??= false
  spec.seLinuxMount ??= false
}

function validateTokens(spec: CSIDriverSpec): FieldError[] {
  const audiences = new Set<string>()
  return (spec.tokenRequests ?? []).flatMap(({ audience, expirationSeconds: seconds }, i) => {
    const at = `spec.tokenRequests[${i}]`
    const found: FieldError[] = audiences.has(audience) ? [duplicate(`${at}.audience`, audience)] : []
    audiences.add(audience)
    if (seconds !== undefined && seconds < minExpiration) found.push(invalidValue(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'))
    if (seconds !== undefined && seconds > maxExpiration) found.push(invalidValue(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'))
    return found
  })
}

function validate({ metadata, spec = {} }: CSIDriver): FieldError[] {
  const found = validateDriverName(metadata?.name, 'metadata.name')
  for (const f of ['attachRequired', 'podInfoOnMount', 'storageCapacity', 'seLinuxMount'] as const) if (spec[f] === undefined) found.push(required(`spec.${f}`))
  if (spec.fsGroupPolicy && !groupPolicies.includes(spec.fsGroupPolicy)) found.push(notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, groupPolicies))
  found.push(...validateTokens(spec))
  for (const mode of spec.volumeLifecycleModes ?? []) if (!modes.includes(mode)) found.push(notSupported('spec.volumeLifecycleModes', mode, modes))
  const period = spec.nodeAllocatableUpdatePeriodSeconds
  if (period !== undefined && period < minUpdatePeriod) found.push(invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, `must be greater than or equal to ${minUpdatePeriod} seconds`))
  return found
}

export const csiDrivers = define<CSIDriver>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers', kind: 'CSIDriver', namespaced: false, schema: 'storage-v1.CSIDriver',
  columns: [
    nameColumn, column('AttachRequired', (d) => d.spec?.attachRequired ?? true, { type: 'boolean', description: 'attachRequired indicates this CSI volume driver requires an attach operation.' }),
    column('PodInfoOnMount', (d) => d.spec?.podInfoOnMount ?? false, { type: 'boolean', description: 'podInfoOnMount indicates this CSI volume driver requires additional pod information during mount operations, if set to true.' }),
    column('StorageCapacity', (d) => d.spec?.storageCapacity ?? false, { type: 'boolean', description: 'storageCapacity indicates that the CSI volume driver wants pod scheduling to consider the storage capacity that the driver deployment will report.' }),
    column('TokenRequests', (d) => (d.spec?.tokenRequests ? d.spec.tokenRequests.map((t) => t.audience).join(',') : '<unset>'), { description: 'tokenRequests indicates the CSI driver needs pods\' service account tokens it is mounting volume for to do necessary authentication.' }),
    column('RequiresRepublish', (d) => d.spec?.requiresRepublish ?? false, { type: 'boolean', description: 'requiresRepublish indicates the CSI driver wants `NodePublishVolume` being periodically called to reflect any possible change in the mounted volume.' }),
    column('Modes', (d) => d.spec?.volumeLifecycleModes?.join(',') || '<none>', { description: 'volumeLifecycleModes defines what kind of volumes this CSI volume driver supports.' }), ageColumn,
  ],
  strategy: {
    default: setDefaults, prepareForUpdate: countSpecChanges, validate, allowUnconditionalUpdate: false,
    // The path is misspelt upstream as well.
    validateUpdate: (d, old) => (['attachRequired', 'fsGroupPolicy', 'volumeLifecycleModes'] as const).flatMap((f) => unchanged(`spec.${f === 'attachRequired' ? 'attachedRequired' : f}`, d.spec?.[f], old.spec?.[f])),
  },
})
