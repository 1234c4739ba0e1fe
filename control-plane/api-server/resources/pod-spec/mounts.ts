/** Validation of what a container mounts (`ValidateVolumeMounts`, `ValidateVolumeDevices`). Pure. */
import type { Container, EphemeralContainer, Volume, VolumeMount } from '../../../../shared/api/core-v1.ts'
import type { FieldError } from '../definition.ts'
import { forbidden, invalidValue, notFound, notSupported, required } from '../findings.ts'
import { validateDescendingPath } from './volume-sources.ts'

type Any = Container | EphemeralContainer
type Volumes = ReadonlyMap<string, Volume>

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const recursions = ['Disabled', 'Enabled', 'IfPossible']

/** `field`: the path of the list. Upstream names the list, not the mount, where a sub-path or a propagation is wrong; so do we. */
function validatePropagation(mount: VolumeMount, c: Any, field: string): FieldError[] {
  const { mountPropagation: propagation, recursiveReadOnly: recursive } = mount
  const found: FieldError[] = []
  if (propagation !== undefined) {
    const at = `${field}.mountPropagation`
    if (!propagations.includes(propagation)) found.push(notSupported(at, propagation, propagations))
    if (propagation === 'Bidirectional' && !c.securityContext?.privileged) found.push(forbidden(at, 'Bidirectional mount propagation is available only to privileged containers'))
  }
  if (recursive !== undefined && recursive !== 'Disabled') {
    const at = `${field}.recursiveReadOnly`
    if (!recursions.includes(recursive)) found.push(notSupported(at, recursive, recursions))
    else {
      if (!mount.readOnly) found.push(forbidden(at, 'may only be specified when readOnly is true'))
      if (propagation !== undefined && propagation !== 'None') found.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'))
    }
  }
  return found
}

export function validateMounts(c: Any, volumes: Volumes, field: string): FieldError[] {
  const paths = new Set<string>()
  const devices = c.volumeDevices ?? []
  return (c.volumeMounts ?? []).flatMap((mount, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = []
    if (!mount.name) found.push(required(`${at}.name`))
    if (!volumes.has(mount.name ?? '')) found.push(notFound(`${at}.name`, mount.name ?? ''))
    if (!mount.mountPath) found.push(required(`${at}.mountPath`))
    if (paths.has(mount.mountPath)) found.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    if (devices.some((d) => d.name === mount.name)) found.push(invalidValue(`${at}.name`, mount.name, 'must not already exist in volumeDevices'))
    if (devices.some((d) => d.devicePath === mount.mountPath)) found.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'))
    if (mount.subPath) found.push(...validateDescendingPath(mount.subPath, `${field}.subPath`))
    if (mount.subPathExpr) {
      if (mount.subPath) found.push(invalidValue(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
      found.push(...validateDescendingPath(mount.subPathExpr, `${field}.subPathExpr`))
    }
    return [...found, ...validatePropagation(mount, c, field)]
  })
}

/** Raw devices come from claims. */
export function validateDevices(c: Any, volumes: Volumes, field: string): FieldError[] {
  const [names, paths] = [new Set<string>(), new Set<string>()]
  const mounts = c.volumeMounts ?? []
  return (c.volumeDevices ?? []).flatMap(({ name = '', devicePath = '' }, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = []
    const volume = volumes.get(name)
    if (!name) found.push(required(`${at}.name`))
    if (names.has(name)) found.push(invalidValue(`${at}.name`, name, 'must be unique'))
    if (!volume) found.push(notFound(`${at}.name`, name))
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) found.push(invalidValue(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'))
    if (!devicePath) found.push(required(`${at}.devicePath`))
    if (paths.has(devicePath)) found.push(invalidValue(`${at}.devicePath`, devicePath, 'must be unique'))
    if (devicePath.split('/').includes('..')) found.push(invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"))
    if (mounts.some((m) => m.name === name)) found.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts'))
    if (mounts.some((m) => m.mountPath === devicePath)) found.push(invalidValue(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'))
    names.add(name)
    paths.add(devicePath)
    return found
  })
}
