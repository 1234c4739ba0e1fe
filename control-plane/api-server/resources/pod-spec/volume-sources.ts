/** Validation of the volume types that pods and PersistentVolumes share (`validate…VolumeSource` of `pkg/apis/core/validation`). Pure. */
import type { PersistentVolumeSpec, Volume } from '../../../../shared/api/core-v1.ts'
import { rangeMessage, validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { invalidFor, invalidValue, notSupported, required, tooLong } from '../findings.ts'

type Sources = Omit<Volume, 'name'> & Omit<PersistentVolumeSpec, keyof Volume>
type Judge<K extends keyof Sources> = (source: NonNullable<Sources[K]>, at: string) => FieldError[]

/** Fields that must not be empty. */
const wanted = <T extends object>(source: T, at: string, ...fields: (keyof T & string)[]): FieldError[] =>
  fields.flatMap((f) => (source[f] === undefined || source[f] === '' || (Array.isArray(source[f]) && source[f].length === 0) ? [required(`${at}.${f}`)] : []))

const partition = (value: number | undefined, field: string): FieldError[] => (value !== undefined && (value < 0 || value > 255) ? [invalidValue(field, value, rangeMessage(0, 255))] : [])
export const noBacksteps = (path: string, field: string): FieldError[] => (path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : [])

/** A relative path that does not climb. */
export function validateDescendingPath(path: string, field: string): FieldError[] {
  return [...(path.startsWith('/') ? [invalidValue(field, path, 'must be a relative path')] : []), ...noBacksteps(path, field)]
}

/** The name of a CSI driver (`ValidateCSIDriverName`). */
export function validateDriverName(name: string | undefined, field: string): FieldError[] {
  if (!name) return [required(field)]
  const long = name.length > 63 ? [tooLong(field, 63)] : []
  return [...long, ...invalidFor(field, name, validateDns1123Subdomain(name.toLowerCase()))]
}

const secretOf = (ref: { name?: string; namespace?: string } | undefined, at: string): FieldError[] => (ref ? wanted(ref, at, 'name', 'namespace') : [])
const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

const iscsi: Judge<'iscsi'> = (s, at) => {
  const found = wanted(s, at, 'targetPortal', 'iqn')
  if (s.iqn && !/^(iqn|eui|naa)/.test(s.iqn)) found.push(invalidValue(`${at}.iqn`, s.iqn, 'must be valid format starting with iqn, eui, or naa'))
  else if (s.iqn?.startsWith('iqn') && !/^iqn\.\d{4}-\d{2}\.([[a-z\-.]+)(:[^,;*&$|\s]+)$/i.test(s.iqn)) found.push(invalidValue(`${at}.iqn`, s.iqn, 'must be valid format'))
  found.push(...partition(s.lun, `${at}.lun`))
  if ((s.chapAuthDiscovery || s.chapAuthSession) && !s.secretRef) found.push(required(`${at}.secretRef`))
  return found
}

const fc: Judge<'fc'> = (s, at) => {
  const [names, ids] = [s.targetWWNs?.length ?? 0, s.wwids?.length ?? 0]
  if (!names && !ids) return [required(`${at}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both')]
  if (names && ids) return [invalidValue(`${at}.targetWWNs`, s.targetWWNs, 'targetWWNs and wwids can not be specified simultaneously')]
  if (!names) return []
  return s.lun === undefined ? [required(`${at}.lun`, 'lun is required if targetWWNs is specified')] : partition(s.lun, `${at}.lun`)
}

const flocker: Judge<'flocker'> = (s, at) => {
  if (!s.datasetName && !s.datasetUUID) return [required(at, 'one of datasetName and datasetUUID is required')]
  const found = s.datasetName && s.datasetUUID ? [invalidValue(at, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')] : []
  return s.datasetName?.includes('/') ? [...found, invalidValue(`${at}.datasetName`, s.datasetName, "must not contain '/'")] : found
}

const azureDisk: Judge<'azureDisk'> = (s, at) => {
  const found = wanted(s, at, 'diskName', 'diskURI')
  const caching = ['None', 'ReadOnly', 'ReadWrite']
  const kinds = ['Dedicated', 'Managed', 'Shared']
  if (s.cachingMode !== undefined && !caching.includes(s.cachingMode)) found.push(notSupported(`${at}.cachingMode`, s.cachingMode, caching))
  if (s.kind !== undefined && !kinds.includes(s.kind)) found.push(notSupported(`${at}.kind`, s.kind, kinds))
  const managed = s.kind === 'Managed'
  if (s.diskURI && managed && !s.diskURI.startsWith('/subscriptions/')) found.push(notSupported(`${at}.diskURI`, s.diskURI, ['/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}']))
  if (s.diskURI && !managed && !s.diskURI.startsWith('https://')) found.push(notSupported(`${at}.diskURI`, s.diskURI, ['https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd']))
  return found
}

const flexVolume: Judge<'flexVolume'> = (s, at) => {
  const found = wanted(s, at, 'driver')
  for (const key of Object.keys(s.options ?? {})) {
    const namespace = key.split('/')[0] ?? ''
    if (/(^|\.)(kubernetes|k8s)\.io$/.test(namespace)) found.push(invalidValue(`${at}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'))
  }
  return found
}

/** By the name of the field. What is not here (`emptyDir`, `secret`…) is a pod's alone. */
const judges: { readonly [K in keyof Sources]?: Judge<K> } = {
  hostPath: (s, at) => [
    ...(s.path ? noBacksteps(s.path, `${at}.path`) : [required(`${at}.path`)]), ...(hostPathTypes.includes(s.type ?? '') ? [] : [notSupported(`${at}.type`, s.type, hostPathTypes)]),
  ],
  nfs: (s, at) => [...wanted(s, at, 'server', 'path'), ...(s.path && !s.path.startsWith('/') ? [invalidValue(`${at}.path`, s.path, 'must be an absolute path')] : [])],
  local: (s, at) => (s.path ? noBacksteps(s.path, `${at}.path`) : [required(`${at}.path`)]),
  gcePersistentDisk: (s, at) => [...wanted(s, at, 'pdName'), ...partition(s.partition, `${at}.partition`)],
  awsElasticBlockStore: (s, at) => [...wanted(s, at, 'volumeID'), ...partition(s.partition, `${at}.partition`)],
  iscsi, fc, flocker, azureDisk, flexVolume,
  glusterfs: (s, at) => wanted(s, at, 'endpoints', 'path'),
  rbd: (s, at) => wanted(s, at, 'monitors', 'image'),
  cephfs: (s, at) => wanted(s, at, 'monitors'),
  cinder: (s, at) => [...wanted(s, at, 'volumeID'), ...(s.secretRef ? wanted(s.secretRef, `${at}.secretRef`, 'name') : [])],
  azureFile: (s, at) => wanted(s, at, 'secretName', 'shareName'),
  quobyte: (s, at) => wanted(s, at, 'registry', 'volume'),
  vsphereVolume: (s, at) => wanted(s, at, 'volumePath'),
  photonPersistentDisk: (s, at) => wanted(s, at, 'pdID'),
  portworxVolume: (s, at) => wanted(s, at, 'volumeID'),
  scaleIO: (s, at) => [...wanted(s, at, 'gateway', 'system', 'volumeName'), ...(s.secretRef?.name ? [] : [required(`${at}.secretRef.name`)])],
  storageos: (s, at) => (s.secretRef ? wanted(s.secretRef, `${at}.secretRef`, 'name') : []),
  gitRepo: (s, at) => [...wanted(s, at, 'repository'), ...(s.directory ? validateDescendingPath(s.directory, `${at}.directory`) : [])],
}

/** The rules of a volume type both kinds have; undefined for a type this table does not know. */
export function validateSharedSource(kind: string, source: unknown, at: string): FieldError[] | undefined {
  const judge = (judges as Readonly<Record<string, ((s: unknown, at: string) => FieldError[]) | undefined>>)[kind]
  return judge?.(source, at)
}

/** `csi` of a PersistentVolume, which is not what a pod's is. */
export function validatePersistentCsi(s: NonNullable<PersistentVolumeSpec['csi']>, at: string): FieldError[] {
  const found = [...validateDriverName(s.driver, `${at}.driver`), ...wanted(s, at, 'volumeHandle')]
  for (const f of ['controllerPublishSecretRef', 'controllerExpandSecretRef', 'nodePublishSecretRef', 'nodeExpandSecretRef'] as const) found.push(...secretOf(s[f], `${at}.${f}`))
  return found
}
