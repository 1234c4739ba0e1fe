/** Validation of security contexts (`ValidateSecurityContext`, `validatePodSpecSecurityContext`). Pure. */
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from '../../../../shared/api/core-v1.ts'
import type { FieldError } from '../definition.ts'
import { invalidValue, notSupported, required, tooLong } from '../findings.ts'
import { validateWindowsOptions } from './operating-system.ts'
import { validateDescendingPath } from './volume-sources.ts'

const idMessage = 'must be between 0 and 2147483647, inclusive'
const validateId = (id: number | undefined, field: string): FieldError[] => (id !== undefined && (id < 0 || id > 2147483647) ? [invalidValue(field, id, idMessage)] : [])

function validateSeccomp(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (!profile) return []
  if (!profile.type) return [required(`${field}.type`, 'type is required when seccompProfile is set')]
  if (!['Localhost', 'RuntimeDefault', 'Unconfined'].includes(profile.type)) return [notSupported(`${field}.type`, profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined'])]
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) return [required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost')]
    return validateDescendingPath(profile.localhostProfile, `${field}.localhostProfile`)
  }
  return profile.localhostProfile === undefined ? [] : [invalidValue(`${field}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost')]
}

/** A path's longest. */
const maxProfileLength = 4095

function validateAppArmor(profile: AppArmorProfile | undefined, field: string): FieldError[] {
  if (!profile) return []
  const { type, localhostProfile: name } = profile
  const at = `${field}.localhostProfile`
  if (!type) return [required(`${field}.type`, 'type is required when appArmorProfile is set')]
  if (type === 'Localhost') {
    if (name === undefined || name === '') return [required(at, 'must be set when AppArmor type is Localhost')]
    const padded = name !== name.trim() ? [invalidValue(at, name, 'must not be padded with whitespace')] : []
    return name.length > maxProfileLength ? [...padded, tooLong(at, maxProfileLength)] : padded
  }
  if (type !== 'RuntimeDefault' && type !== 'Unconfined') return [notSupported(`${field}.type`, type, ['Localhost', 'RuntimeDefault', 'Unconfined'])]
  return name === undefined ? [] : [invalidValue(at, name, 'can only be set when AppArmor type is Localhost')]
}

export function validateContainerSecurity(context: SecurityContext | undefined, spec: PodSpec, field: string): FieldError[] {
  if (!context) return []
  const found = [...validateId(context.runAsUser, `${field}.runAsUser`), ...validateId(context.runAsGroup, `${field}.runAsGroup`), ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`)]
  if (context.procMount !== undefined && !['Default', 'Unmasked'].includes(context.procMount)) found.push(notSupported(`${field}.procMount`, context.procMount, ['Default', 'Unmasked']))
  if (context.procMount === 'Unmasked' && spec.hostUsers !== false) {
    found.push(invalidValue(`${field}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'))
  }
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) found.push(invalidValue(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'))
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) found.push(invalidValue(field, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'))
  }
  return [...found, ...validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`), ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`)]
}

/** A sysctl of a namespace that the pod shares with the host is the host's. */
function validateHostSysctl(name: string, spec: PodSpec, field: string): FieldError[] {
  const dotted = name.replaceAll('/', '.')
  if (spec.hostNetwork && dotted.startsWith('net.')) return [invalidValue(field, name, "may not be specified when 'hostNetwork' is true")]
  if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted)) return [invalidValue(field, name, "may not be specified when 'hostIPC' is true")]
  return []
}

export function validatePodSecurity(context: PodSecurityContext | undefined, spec: PodSpec, field: string): FieldError[] {
  if (!context) return []
  const found = [
    ...validateId(context.fsGroup, `${field}.fsGroup`), ...validateId(context.runAsUser, `${field}.runAsUser`), ...validateId(context.runAsGroup, `${field}.runAsGroup`),
    ...(context.supplementalGroups ?? []).flatMap((g, i) => validateId(g, `${field}.supplementalGroups[${i}]`)), ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`),
  ]
  const names = new Set<string>()
  ;(context.sysctls ?? []).forEach((s, i) => {
    const at = `${field}.sysctls[${i}].name`
    if (!s.name) found.push(required(at))
    else if (!/^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/.test(s.name)) {
      found.push(invalidValue(at, s.name, 'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'))
    } else if (names.has(s.name)) found.push({ type: 'Duplicate', field: at, value: s.name, detail: '' })
    names.add(s.name)
    found.push(...validateHostSysctl(s.name ?? '', spec, at))
  })
  if (context.fsGroupChangePolicy !== undefined && !['Always', 'OnRootMismatch'].includes(context.fsGroupChangePolicy)) {
    found.push(notSupported(`${field}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']))
  }
  const policy = context.supplementalGroupsPolicy
  if (policy !== undefined && !['Merge', 'Strict'].includes(policy)) found.push(notSupported(`${field}.supplementalGroupsPolicy`, policy, ['Merge', 'Strict']))
  found.push(...validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`), ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`))
  return found
}
