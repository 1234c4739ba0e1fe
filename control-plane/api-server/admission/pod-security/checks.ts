/**
 * The checks of the pod security standards as of v1.33, each with the versions from which it holds (upstream `pod-security-admission/policy`;
 * reasons and details in its words). Pure.
 */
import type { Container, EphemeralContainer, PodSpec, Volume } from '../../../../shared/api/core-v1.ts'
import type { ObjectMeta } from '../../../../shared/api/meta-v1.ts'
import type { LevelVersion } from './policy.ts'

export interface Finding { readonly reason: string; readonly detail: string }
type AnyContainer = Container | EphemeralContainer
type Rule = (spec: PodSpec, meta: ObjectMeta) => Finding | undefined
interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** Minor versions from which each rule holds, rising. */
  readonly versions: readonly (readonly [from: number, rule: Rule])[]
  /** Baseline checks that this one makes needless. */
  readonly overrides?: string
}

const quoted = (names: Iterable<string>): string => [...names].map((n) => JSON.stringify(n)).join(', ')
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort()
const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many)
const containersText = (names: readonly string[]): string => `${plural(names.length, 'container', 'containers')} ${quoted(names)}`

const containersOf = (spec: PodSpec): AnyContainer[] => [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
const namesWhere = (spec: PodSpec, bad: (c: AnyContainer) => boolean): string[] => containersOf(spec).filter(bad).map((c) => c.name)
const isWindows = (spec: PodSpec): boolean => spec.os?.name === 'windows'
const exceptWindows = (rule: Rule): Rule => (spec, meta) => (isWindows(spec) ? undefined : rule(spec, meta))

/** `pod and containers "a", "b"`: who set something. */
function setters(onPod: boolean, containers: readonly string[], more: readonly string[] = []): string {
  return [...(onPod ? ['pod'] : []), ...(containers.length ? [containersText(containers)] : []), ...more].join(' and ')
}

const privileged: Rule = (spec) => {
  const bad = namesWhere(spec, (c) => c.securityContext?.privileged === true)
  return bad.length ? { reason: 'privileged', detail: `${containersText(bad)} must not set securityContext.privileged=true` } : undefined
}

const hostNamespaces: Rule = (spec) => {
  const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((f) => spec[f]).map((f) => `${f}=true`)
  return set.length ? { reason: 'host namespaces', detail: set.join(', ') } : undefined
}

const hostPathVolumes: Rule = (spec) => {
  const bad = (spec.volumes ?? []).filter((v) => v.hostPath).map((v) => v.name)
  return bad.length ? { reason: 'hostPath volumes', detail: `${plural(bad.length, 'volume', 'volumes')} ${quoted(bad)}` } : undefined
}

const hostPorts: Rule = (spec) => {
  const ports = (c: AnyContainer): string[] => (c.ports ?? []).filter((p) => p.hostPort).map((p) => String(p.hostPort))
  const bad = namesWhere(spec, (c) => ports(c).length > 0)
  const all = sorted(containersOf(spec).flatMap(ports))
  if (!bad.length) return undefined
  return { reason: 'hostPort', detail: `${containersText(bad)} ${plural(bad.length, 'uses', 'use')} ${plural(all.length, 'hostPort', 'hostPorts')} ${all.join(', ')}` }
}

const profileAnnotation = 'container.apparmor.security.beta.kubernetes.io/'
const appArmorProfile: Rule = (spec, meta) => {
  const isBad = (type: string | undefined): boolean => type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost'
  const onPod = spec.securityContext?.appArmorProfile?.type
  const bad = namesWhere(spec, (c) => isBad(c.securityContext?.appArmorProfile?.type))
  const annotations = Object.entries(meta.annotations ?? {}).filter(([k, v]) => k.startsWith(profileAnnotation) && v !== '' && v !== 'runtime/default' && !v.startsWith('localhost/'))
  const values = sorted([
    ...(isBad(onPod) ? [onPod ?? ''] : []), ...containersOf(spec).map((c) => c.securityContext?.appArmorProfile?.type).filter((t) => t !== undefined).filter(isBad), ...annotations.map(([, v]) => v),
  ])
  if (!values.length) return undefined
  const annotated = annotations.length ? [`${plural(annotations.length, 'annotation', 'annotations')} ${annotations.map(([k, v]) => `${k}=${JSON.stringify(v)}`).sort().join(', ')}`] : []
  return {
    reason: plural(values.length, 'forbidden AppArmor profile', 'forbidden AppArmor profiles'),
    detail: `${setters(isBad(onPod), bad, annotated)} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

const defaultCapabilities = new Set([
  'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT',
])
const added = (c: AnyContainer, allowed: (name: string) => boolean): string[] => (c.securityContext?.capabilities?.add ?? []).filter((name) => !allowed(name))

const capabilitiesBaseline: Rule = (spec) => {
  const over = (c: AnyContainer): string[] => added(c, (name) => defaultCapabilities.has(name))
  const bad = namesWhere(spec, (c) => over(c).length > 0)
  if (!bad.length) return undefined
  return { reason: 'non-default capabilities', detail: `${containersText(bad)} must not include ${quoted(sorted(containersOf(spec).flatMap(over)))} in securityContext.capabilities.add` }
}

const capabilitiesRestricted: Rule = (spec) => {
  const over = (c: AnyContainer): string[] => added(c, (name) => name === 'NET_BIND_SERVICE')
  const keeping = namesWhere(spec, (c) => !c.securityContext?.capabilities?.drop?.includes('ALL'))
  const adding = namesWhere(spec, (c) => over(c).length > 0)
  const details = [
    ...(keeping.length ? [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length ? [`${containersText(adding)} must not include ${quoted(sorted(containersOf(spec).flatMap(over)))} in securityContext.capabilities.add`] : []),
  ]
  return details.length ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined
}

const procMount: Rule = (spec) => {
  const value = (c: AnyContainer): string => c.securityContext?.procMount ?? 'Default'
  const bad = namesWhere(spec, (c) => value(c) !== 'Default')
  if (!bad.length) return undefined
  return { reason: 'procMount', detail: `${containersText(bad)} must not set securityContext.procMount to ${quoted(sorted(containersOf(spec).map(value).filter((v) => v !== 'Default')))}` }
}

const seLinux = (allowedTypes: readonly string[]): Rule => (spec) => {
  const types: string[] = []
  let [user, role] = [false, false]
  const isBad = (options: { type?: string; user?: string; role?: string } | undefined): boolean => {
    if (!options) return false
    const wrongType = !allowedTypes.includes(options.type ?? '')
    if (wrongType) types.push(options.type ?? '')
    user ||= Boolean(options.user)
    role ||= Boolean(options.role)
    return wrongType || Boolean(options.user) || Boolean(options.role)
  }
  const onPod = isBad(spec.securityContext?.seLinuxOptions)
  const bad = namesWhere(spec, (c) => isBad(c.securityContext?.seLinuxOptions))
  if (!onPod && !bad.length) return undefined
  const wrong = sorted(types)
  const data = [...(wrong.length ? [`${plural(wrong.length, 'type', 'types')} ${quoted(wrong)}`] : []), ...(user ? ['user may not be set'] : []), ...(role ? ['role may not be set'] : [])]
  return { reason: 'seLinuxOptions', detail: `${setters(onPod, bad)} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}` }
}

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'
const seccompAnnotations: Rule = (spec, meta) => {
  const bad = [seccompPod, ...containersOf(spec).map((c) => seccompContainer + c.name)].filter((key) => {
    const value = meta.annotations?.[key]
    return value !== undefined && value !== 'runtime/default' && value !== 'docker/default' && !value.startsWith('localhost/')
  })
  const said = sorted(bad.map((key) => `${key}=${JSON.stringify(meta.annotations?.[key])}`))
  return said.length ? { reason: 'seccompProfile', detail: `forbidden ${plural(said.length, 'annotation', 'annotations')} ${said.join(', ')}` } : undefined
}

const isSeccomp = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost'
const seccompBaseline: Rule = (spec) => {
  const wrong = (type: string | undefined): type is string => type !== undefined && !isSeccomp(type)
  const onPod = spec.securityContext?.seccompProfile?.type
  const bad = namesWhere(spec, (c) => wrong(c.securityContext?.seccompProfile?.type))
  if (!wrong(onPod) && !bad.length) return undefined
  const values = sorted([onPod, ...containersOf(spec).map((c) => c.securityContext?.seccompProfile?.type)].filter(wrong))
  return { reason: 'seccompProfile', detail: `${setters(wrong(onPod), bad)} must not set securityContext.seccompProfile.type to ${quoted(values)}` }
}
const seccompRestricted: Rule = (spec, meta) => {
  const explicit = seccompBaseline(spec, meta)
  if (explicit) return explicit
  if (spec.securityContext?.seccompProfile) return undefined
  const bad = namesWhere(spec, (c) => !c.securityContext?.seccompProfile)
  return bad.length ? { reason: 'seccompProfile', detail: `pod or ${containersText(bad)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` } : undefined
}

const sysctls1 = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start']
const sysctls27 = [...sysctls1, 'net.ipv4.ip_local_reserved_ports']
const sysctls29 = [...sysctls27, 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes']
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']
const sysctls = (allowed: readonly string[]): Rule => (spec) => {
  const bad = (spec.securityContext?.sysctls ?? []).map((s) => s.name).filter((name) => !allowed.includes(name))
  return bad.length ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined
}

const windowsHostProcess: Rule = (spec) => {
  const onPod = spec.securityContext?.windowsOptions?.hostProcess === true
  const bad = namesWhere(spec, (c) => c.securityContext?.windowsOptions?.hostProcess === true)
  return onPod || bad.length ? { reason: 'hostProcess', detail: `${setters(onPod, bad)} must not set securityContext.windowsOptions.hostProcess=true` } : undefined
}

const allowPrivilegeEscalation: Rule = (spec) => {
  const bad = namesWhere(spec, (c) => c.securityContext?.allowPrivilegeEscalation !== false)
  return bad.length ? { reason: 'allowPrivilegeEscalation != false', detail: `${containersText(bad)} must set securityContext.allowPrivilegeEscalation=false` } : undefined
}

const allowedVolumes = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret', 'image'])
const restrictedVolumes: Rule = (spec) => {
  const typeOf = (v: Volume): string => Object.keys(v).find((k) => k !== 'name') ?? 'unknown'
  const bad = (spec.volumes ?? []).filter((v) => !allowedVolumes.has(typeOf(v)))
  if (!bad.length) return undefined
  const types = sorted(bad.map(typeOf))
  return {
    reason: 'restricted volume types',
    detail: `${plural(bad.length, 'volume', 'volumes')} ${quoted(bad.map((v) => v.name))} ${plural(bad.length, 'uses', 'use')} ${plural(types.length, 'restricted volume type', 'restricted volume types')} ${quoted(types)}`,
  }
}

const runAsNonRoot: Rule = (spec) => {
  const reason = 'runAsNonRoot != true'
  const onPod = spec.securityContext?.runAsNonRoot
  const explicit = namesWhere(spec, (c) => c.securityContext?.runAsNonRoot === false)
  if (onPod === false || explicit.length) return { reason, detail: `${setters(onPod === false, explicit)} must not set securityContext.runAsNonRoot=false` }
  const implicit = onPod ? [] : namesWhere(spec, (c) => c.securityContext?.runAsNonRoot === undefined)
  return implicit.length ? { reason, detail: `pod or ${containersText(implicit)} must set securityContext.runAsNonRoot=true` } : undefined
}

const runAsUser: Rule = (spec) => {
  const onPod = spec.securityContext?.runAsUser === 0
  const bad = namesWhere(spec, (c) => c.securityContext?.runAsUser === 0)
  return onPod || bad.length ? { reason: 'runAsUser=0', detail: `${setters(onPod, bad)} must not set runAsUser=0` } : undefined
}

const types1 = ['', 'container_t', 'container_init_t', 'container_kvm_t']

/** In the order upstream reports: by id, baseline before restricted. */
const checks: readonly Check[] = [
  { id: 'appArmorProfile', level: 'baseline', versions: [[0, appArmorProfile]] },
  { id: 'capabilities_baseline', level: 'baseline', versions: [[0, capabilitiesBaseline]] },
  { id: 'hostNamespaces', level: 'baseline', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', level: 'baseline', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', level: 'baseline', versions: [[0, hostPorts]] },
  { id: 'privileged', level: 'baseline', versions: [[0, privileged]] },
  { id: 'procMount', level: 'baseline', versions: [[0, procMount]] },
  { id: 'seLinuxOptions', level: 'baseline', versions: [[0, seLinux(types1)], [31, seLinux([...types1, 'container_engine_t'])]] },
  { id: 'seccompProfile_baseline', level: 'baseline', versions: [[0, seccompAnnotations], [19, seccompBaseline]] },
  { id: 'sysctls', level: 'baseline', versions: [[0, sysctls(sysctls1)], [27, sysctls(sysctls27)], [29, sysctls(sysctls29)], [32, sysctls(sysctls32)]] },
  { id: 'windowsHostProcess', level: 'baseline', versions: [[0, windowsHostProcess]] },
  { id: 'allowPrivilegeEscalation', level: 'restricted', versions: [[8, allowPrivilegeEscalation], [25, exceptWindows(allowPrivilegeEscalation)]] },
  { id: 'capabilities_restricted', level: 'restricted', overrides: 'capabilities_baseline', versions: [[22, capabilitiesRestricted], [25, exceptWindows(capabilitiesRestricted)]] },
  { id: 'restrictedVolumes', level: 'restricted', overrides: 'hostPathVolumes', versions: [[0, restrictedVolumes]] },
  { id: 'runAsNonRoot', level: 'restricted', versions: [[0, runAsNonRoot]] },
  { id: 'runAsUser', level: 'restricted', versions: [[23, runAsUser]] },
  { id: 'seccompProfile_restricted', level: 'restricted', overrides: 'seccompProfile_baseline', versions: [[19, seccompRestricted], [25, exceptWindows(seccompRestricted)]] },
]

const ruleAt = ({ versions }: Check, version: LevelVersion['version']): Rule | undefined => versions.findLast(([from]) => version === 'latest' || from <= version)?.[1]

/** What the pod violates at this level and version; empty where nothing. */
export function violations({ level, version }: LevelVersion, meta: ObjectMeta, spec: PodSpec): Finding[] {
  if (level === 'privileged') return []
  const held = checks.filter((c) => (level === 'restricted' || c.level === 'baseline') && ruleAt(c, version))
  const overridden = new Set(held.map((c) => c.overrides))
  return held.filter((c) => !overridden.has(c.id)).flatMap((c) => ruleAt(c, version)?.(spec, meta) ?? [])
}

/** `privileged (container "a" must not ...), hostPort (...)`. */
export const detailOf = (found: readonly Finding[]): string => found.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ')
