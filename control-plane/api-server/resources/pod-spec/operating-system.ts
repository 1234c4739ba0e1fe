/** What a pod may not say once it says which system it is for (`validateOS`, `validateLinux`, `validateWindows`, `validateWindowsHostProcessPod`, `validateHostUsers`). Pure. */
import type { Container, EphemeralContainer, PodSpec, WindowsSecurityContextOptions } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { forbidden, invalidFor, invalidValue, notSupported, required } from '../findings.ts'

const systems = ['linux', 'windows']
const notForWindows = 'cannot be set for a windows pod'
const maxCredentialBytes = 64 * 1024
const maxUserLength = 104

type Visited = readonly [Container | EphemeralContainer, string]
const every = (spec: PodSpec, field: string): Visited[] => (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) => (spec[list] ?? []).map((c, i): Visited => [c, `${field}.${list}[${i}]`]))

const ofPod = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy'] as const
const ofSpec = ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const
const ofContainer = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'] as const

function validateWindows(spec: PodSpec, field: string): FieldError[] {
  const found: FieldError[] = []
  for (const f of ofPod) {
    const value = spec.securityContext?.[f]
    if (value !== undefined && !(f === 'sysctls' && Array.isArray(value) && !value.length)) found.push(forbidden(`${field}.securityContext.${f}`, notForWindows))
  }
  for (const f of ofSpec) if (f === 'hostPID' || f === 'hostIPC' ? spec[f] : spec[f] !== undefined) found.push(forbidden(`${field}.${f}`, notForWindows))
  for (const [c, at] of every(spec, field)) for (const f of ofContainer) if (c.securityContext?.[f] !== undefined) found.push(forbidden(`${at}.securityContext.${f}`, notForWindows))
  return found
}

function validateLinux(spec: PodSpec, field: string): FieldError[] {
  const text = 'windows options cannot be set for a linux pod'
  const found = spec.securityContext?.windowsOptions ? [forbidden(`${field}.securityContext.windowsOptions`, text)] : []
  return [...found, ...every(spec, field).flatMap(([c, at]) => (c.securityContext?.windowsOptions ? [forbidden(`${at}.securityContext.windowsOptions`, text)] : []))]
}

export function validateSystem(spec: PodSpec, field: string): FieldError[] {
  if (!spec.os) return []
  if (!spec.os.name) return [required(`${field}.os.name`, 'cannot be empty')]
  if (!systems.includes(spec.os.name)) return [notSupported(`${field}.os.name`, spec.os.name, systems)]
  return spec.os.name === 'windows' ? validateWindows(spec, field) : validateLinux(spec, field)
}

export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, at: string): FieldError[] {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: credential, runAsUserName: user } = options ?? {}
  const found: FieldError[] = name === undefined ? [] : invalidFor(`${at}.gmsaCredentialSpecName`, name, validateDns1123Subdomain(name))
  if (credential !== undefined) {
    if (credential === '') found.push(invalidValue(`${at}.gmsaCredentialSpec`, credential, 'gmsaCredentialSpec cannot be an empty string'))
    else if (Buffer.byteLength(credential) > maxCredentialBytes) found.push(invalidValue(`${at}.gmsaCredentialSpec`, '', `gmsaCredentialSpec size must be under ${maxCredentialBytes} bytes`))
  }
  if (user !== undefined) {
    const parts = user.split('\\')
    const own = parts.at(-1) ?? ''
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(user)) found.push(invalidValue(`${at}.runAsUserName`, user, 'runAsUserName cannot contain control characters'))
    else if (parts.length > 2) found.push(invalidValue(`${at}.runAsUserName`, user, "runAsUserName cannot contain more than one backslash"))
    else if (own === '') found.push(invalidValue(`${at}.runAsUserName`, user, 'runAsUserName cannot be an empty string'))
    else if (own.length > maxUserLength) found.push(invalidValue(`${at}.runAsUserName`, user, `runAsUserName's User length must not be longer than ${maxUserLength} characters`))
  }
  return found
}

/** Of a Windows pod all containers are processes of the host, or none is. */
export function validateHostProcess(spec: PodSpec, field: string): FieldError[] {
  const ofAll = spec.securityContext?.windowsOptions?.hostProcess
  const found: FieldError[] = []
  const containers = every(spec, field)
  let count = 0
  for (const [c, at] of containers) {
    const own = c.securityContext?.windowsOptions?.hostProcess
    if (own !== undefined && ofAll !== undefined && own !== ofAll) found.push(invalidValue(`${at}.securityContext.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${ofAll}`))
    if (own ?? ofAll) count++
  }
  if (count === 0) return found
  if (count !== containers.length) found.push(invalidValue(field, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers'))
  if (!spec.hostNetwork) found.push(invalidValue(`${field}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers'))
  return found
}

/** Users of its own, and the host's namespaces: not both. */
export function validateHostUsers(spec: PodSpec, field: string): FieldError[] {
  if (spec.hostUsers !== false) return []
  const text = 'when `pod.Spec.HostUsers` is false'
  return ([['hostNetwork', 'hostNetwork'], ['hostPID', 'HostPID'], ['hostIPC', 'HostIPC']] as const).flatMap(([f, name]) => (spec[f] ? [forbidden(`${field}.${name}`, text)] : []))
}
