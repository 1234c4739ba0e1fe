/** Validation of volumes (`ValidateVolumes`). Pure. */
import type { DownwardAPIVolumeFile, EphemeralVolumeSource, KeyToPath, Volume, VolumeProjection } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Label, validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import { parseQuantity } from '../../../../shared/values/quantity.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, optionalOneOf, required } from '../findings.ts'
import { validateAnnotations, validateLabels } from '../object-meta.ts'
import { validateClaimSpec } from '../claim-rules.ts'
import { validateFieldRef, validateResourceFieldRef, volumeFields } from './env.ts'
import { validateDescendingPath, validateDriverName, validateSharedSource } from './volume-sources.ts'

const modeMessage = 'must be a number between 0 and 0777 (octal), both inclusive'
const validateMode = (mode: number | undefined, field: string): FieldError[] => (mode !== undefined && (mode < 0 || mode > 0o777) ? [invalidValue(field, mode, modeMessage)] : [])

function validateNonReservedPath(path: string, field: string): FieldError[] {
  const found = validateDescendingPath(path, field)
  if (path.startsWith('..') && !path.startsWith('../')) found.push(invalidValue(field, path, "must not start with '..'"))
  return found
}

function validateItems(items: readonly KeyToPath[] | undefined, field: string): FieldError[] {
  return (items ?? []).flatMap((item, i) => {
    const at = `${field}.items[${i}]`
    return [...(item.key ? [] : [required(`${at}.key`)]), ...(item.path ? validateNonReservedPath(item.path, `${at}.path`) : [required(`${at}.path`)]), ...validateMode(item.mode, `${at}.mode`)]
  })
}

function validateDownward(items: readonly DownwardAPIVolumeFile[] | undefined, field: string): FieldError[] {
  return (items ?? []).flatMap((item) => {
    const found: FieldError[] = item.path ? validateNonReservedPath(item.path, `${field}.path`) : [required(`${field}.path`)]
    if (item.fieldRef) {
      found.push(...validateFieldRef(item.fieldRef, volumeFields, `${field}.fieldRef`))
      if (item.resourceFieldRef) found.push(invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
    } else if (item.resourceFieldRef) found.push(...validateResourceFieldRef(item.resourceFieldRef, true, `${field}.resourceFieldRef`))
    else found.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
    return [...found, ...validateMode(item.mode, `${field}.mode`)]
  })
}

function validateProjection(source: VolumeProjection, field: string): FieldError[] {
  const found: FieldError[] = []
  let count = 0
  const once = (kind: string): boolean => {
    if (count++ === 0) return true
    found.push(forbidden(`${field}.${kind}`, 'may not specify more than 1 volume type'))
    return false
  }
  if (source.secret && once('secret')) found.push(...(source.secret.name ? [] : [required(`${field}.secret.name`)]), ...validateItems(source.secret.items, `${field}.secret`))
  if (source.configMap && once('configMap')) found.push(...(source.configMap.name ? [] : [required(`${field}.configMap.name`)]), ...validateItems(source.configMap.items, `${field}.configMap`))
  if (source.downwardAPI && once('downwardAPI')) found.push(...validateDownward(source.downwardAPI.items, `${field}.downwardAPI`))
  const token = source.serviceAccountToken
  if (token && once('serviceAccountToken')) {
    const seconds = token.expirationSeconds ?? 3600
    if (seconds < 600) found.push(invalidValue(`${field}.serviceAccountToken.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'))
    if (seconds > 2 ** 32) found.push(invalidValue(`${field}.serviceAccountToken.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'))
    found.push(...(token.path ? validateNonReservedPath(token.path, `${field}.serviceAccountToken.path`) : [required(`${field}.serviceAccountToken.path`)]))
  }
  if (source.clusterTrustBundle && once('clusterTrustBundle')) found.push(forbidden(`${field}.clusterTrustBundle`, 'may not be specified'))
  return found
}

/** Two files at one path: neither would know which it is. */
function validateProjectedPaths(sources: readonly VolumeProjection[], field: string): FieldError[] {
  const seen = new Set<string>()
  return sources.flatMap((source, i) => {
    const found: FieldError[] = []
    for (const kind of ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken'] as const) {
      const part = source[kind]
      if (!part) continue
      const items: readonly { path?: string }[] = kind === 'serviceAccountToken' ? [source.serviceAccountToken ?? {}] : (part as { items?: readonly { path?: string }[] }).items ?? []
      for (const { path = '' } of items) {
        const value = kind === 'secret' || kind === 'configMap' ? (part as { name?: string }).name ?? '' : path
        if (path && seen.has(path)) found.push(invalidValue(`${field}[${i}].${kind}`, value, 'conflicting duplicate paths'))
        seen.add(path)
      }
    }
    return found
  })
}

/** What a claim's template may say of the claim it makes. */
function validateEphemeral({ volumeClaimTemplate: template }: EphemeralVolumeSource, field: string): FieldError[] {
  const at = `${field}.volumeClaimTemplate`
  if (!template) return [required(at)]
  const { labels, annotations, ...rest } = template.metadata ?? {}
  const found = Object.entries(rest).flatMap(([key, value]) => (value === undefined || value === null ? [] : [forbidden(`${at}.metadata.${key}`, 'cannot be set')]))
  found.push(...validateLabels(labels, `${at}.metadata.labels`), ...validateAnnotations(annotations, `${at}.metadata.annotations`))
  return [...found, ...validateClaimSpec(template.spec ?? {}, `${at}.spec`)]
}

function validateSource(kind: keyof Volume, volume: Volume, field: string): FieldError[] {
  switch (kind) {
    case 'emptyDir': {
      const limit = volume.emptyDir?.sizeLimit
      return limit !== undefined && parseQuantity(limit).nano < 0n ? [forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')] : []
    }
    case 'secret': return [...(volume.secret?.secretName ? [] : [required(`${field}.secretName`)]), ...validateMode(volume.secret?.defaultMode, `${field}.defaultMode`), ...validateItems(volume.secret?.items, field)]
    case 'configMap': return [...(volume.configMap?.name ? [] : [required(`${field}.name`)]), ...validateMode(volume.configMap?.defaultMode, `${field}.defaultMode`), ...validateItems(volume.configMap?.items, field)]
    case 'downwardAPI': return [...validateMode(volume.downwardAPI?.defaultMode, `${field}.defaultMode`), ...validateDownward(volume.downwardAPI?.items, field)]
    case 'projected': return [...validateMode(volume.projected?.defaultMode, `${field}.defaultMode`), ...(volume.projected?.sources ?? []).flatMap((s, i) => validateProjection(s, `${field}.sources[${i}]`)), ...validateProjectedPaths(volume.projected?.sources ?? [], `${field}.sources`)]
    case 'persistentVolumeClaim': return volume.persistentVolumeClaim?.claimName ? [] : [required(`${field}.claimName`)]
    case 'ephemeral': return validateEphemeral(volume.ephemeral ?? {}, field)
    case 'csi': return [
      ...validateDriverName(volume.csi?.driver, `${field}.driver`), ...(volume.csi?.nodePublishSecretRef && !volume.csi.nodePublishSecretRef.name ? [required(`${field}.nodePublishSecretRef.name`)] : []),
    ]
    case 'image': return [
      ...(volume.image?.reference ? [] : [required(`${field}.reference`)]), ...optionalOneOf(`${field}.pullPolicy`, volume.image?.pullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ]
    default: return validateSharedSource(kind, volume[kind], field) ?? []
  }
}

/** Returns the findings and the volumes a mount may name. `podName`: of a pod itself, whose ephemeral volumes' claims are named after it. */
export function validateVolumes(volumes: readonly Volume[] | undefined, field: string, podName?: string): { found: FieldError[]; named: ReadonlyMap<string, Volume> } {
  const found: FieldError[] = []
  const named = new Map<string, Volume>()
  ;(volumes ?? []).forEach((volume, i) => {
    const at = `${field}[${i}]`
    const kinds = (Object.keys(volume) as (keyof Volume)[]).filter((k) => k !== 'name')
    if (kinds.length === 0) found.push(required(at, 'must specify a volume type'))
    kinds.forEach((kind, n) => found.push(...(n > 0 ? [forbidden(`${at}.${kind}`, 'may not specify more than 1 volume type')] : validateSource(kind, volume, `${at}.${kind}`))))
    if (!volume.name) found.push(required(`${at}.name`))
    else {
      const bad = invalidFor(`${at}.name`, volume.name, validateDns1123Label(volume.name))
      found.push(...bad)
      if (named.has(volume.name)) found.push(duplicate(`${at}.name`, volume.name))
      else if (bad.length === 0) named.set(volume.name, volume)
    }
    const claim = `${podName}-${volume.name}`
    if (volume.ephemeral && podName) found.push(...validateDns1123Subdomain(claim).map((m) => invalidValue(`${at}.name`, volume.name, `PVC name ${JSON.stringify(claim)}: ${m}`)))
  })
  return { found, named }
}
