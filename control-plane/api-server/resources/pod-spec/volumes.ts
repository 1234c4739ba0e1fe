/** Validation of volumes and mounts (`ValidateVolumes`, `ValidateVolumeMounts`). Pure. */
import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeMount, VolumeProjection } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Label, validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import { parseQuantity } from '../../../../shared/values/quantity.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notFound, notSupported, optionalOneOf, required } from '../findings.ts'
import { validateFieldRef, validateResourceFieldRef, volumeFields } from './env.ts'

const modeMessage = 'must be a number between 0 and 0777 (octal), both inclusive'
const validateMode = (mode: number | undefined, field: string): FieldError[] => (mode !== undefined && (mode < 0 || mode > 0o777) ? [invalidValue(field, mode, modeMessage)] : [])

/** A relative path that does not climb. */
function validateDescendingPath(path: string, field: string): FieldError[] {
  const found: FieldError[] = []
  if (path.startsWith('/')) found.push(invalidValue(field, path, 'must be a relative path'))
  if (path.split('/').includes('..')) found.push(invalidValue(field, path, "must not contain '..'"))
  return found
}
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

const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

function validateSource(kind: keyof Volume, volume: Volume, field: string): FieldError[] {
  switch (kind) {
    case 'emptyDir': {
      const limit = volume.emptyDir?.sizeLimit
      return limit !== undefined && parseQuantity(limit).nano < 0n ? [forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')] : []
    }
    case 'hostPath': {
      const { path, type } = volume.hostPath ?? { path: '' }
      const found = path ? (path.split('/').includes('..') ? [invalidValue(`${field}.path`, path, "must not contain '..'")] : []) : [required(`${field}.path`)]
      return hostPathTypes.includes(type ?? '') ? found : [...found, notSupported(`${field}.type`, type, hostPathTypes)]
    }
    case 'secret': return [...(volume.secret?.secretName ? [] : [required(`${field}.secretName`)]), ...validateMode(volume.secret?.defaultMode, `${field}.defaultMode`), ...validateItems(volume.secret?.items, field)]
    case 'configMap': return [...(volume.configMap?.name ? [] : [required(`${field}.name`)]), ...validateMode(volume.configMap?.defaultMode, `${field}.defaultMode`), ...validateItems(volume.configMap?.items, field)]
    case 'downwardAPI': return [...validateMode(volume.downwardAPI?.defaultMode, `${field}.defaultMode`), ...validateDownward(volume.downwardAPI?.items, field)]
    case 'projected': return [...validateMode(volume.projected?.defaultMode, `${field}.defaultMode`), ...(volume.projected?.sources ?? []).flatMap((s, i) => validateProjection(s, `${field}.sources[${i}]`))]
    case 'persistentVolumeClaim': return volume.persistentVolumeClaim?.claimName ? [] : [required(`${field}.claimName`)]
    case 'nfs': {
      const { server, path } = volume.nfs ?? {}
      return [...(server ? [] : [required(`${field}.server`)]), ...(path ? (path.startsWith('/') ? [] : [invalidValue(`${field}.path`, path, 'must be an absolute path')]) : [required(`${field}.path`)])]
    }
    default: return []
  }
}

/** Returns the findings and the names a mount may use. */
export function validateVolumes(volumes: readonly Volume[] | undefined, field: string): { found: FieldError[]; names: ReadonlySet<string> } {
  const found: FieldError[] = []
  const names = new Set<string>()
  ;(volumes ?? []).forEach((volume, i) => {
    const at = `${field}[${i}]`
    const kinds = (Object.keys(volume) as (keyof Volume)[]).filter((k) => k !== 'name')
    if (kinds.length === 0) found.push(required(at, 'must specify a volume type'))
    kinds.forEach((kind, n) => found.push(...(n > 0 ? [forbidden(`${at}.${kind}`, 'may not specify more than 1 volume type')] : validateSource(kind, volume, `${at}.${kind}`))))
    if (!volume.name) found.push(required(`${at}.name`))
    else {
      const bad = invalidFor(`${at}.name`, volume.name, validateDns1123Label(volume.name))
      found.push(...bad)
      if (names.has(volume.name)) found.push(duplicate(`${at}.name`, volume.name))
      else if (bad.length === 0) names.add(volume.name)
    }
  })
  return { found, names }
}

export function validateMounts(mounts: readonly VolumeMount[] | undefined, volumes: ReadonlySet<string>, field: string): FieldError[] {
  const paths = new Set<string>()
  return (mounts ?? []).flatMap((mount, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = []
    if (!mount.name) found.push(required(`${at}.name`))
    else if (!volumes.has(mount.name)) found.push(notFound(`${at}.name`, mount.name))
    if (!mount.mountPath) found.push(required(`${at}.mountPath`))
    else if (paths.has(mount.mountPath)) found.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    if (mount.subPath) found.push(...validateDescendingPath(mount.subPath, `${at}.subPath`))
    if (mount.subPathExpr) {
      if (mount.subPath) found.push(invalidValue(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
      found.push(...validateDescendingPath(mount.subPathExpr, `${at}.subPathExpr`))
    }
    return [...found, ...optionalOneOf(`${at}.mountPropagation`, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None'])]
  })
}

export const validateSecretNames = (secrets: readonly { name?: string }[] | undefined, field: string): FieldError[] =>
  (secrets ?? []).flatMap((s, i) => (s.name ? invalidFor(`${field}[${i}].name`, s.name, validateDns1123Subdomain(s.name)) : [required(`${field}[${i}].name`)]))
