/** Validation of containers (`validateContainers`, `validateInitContainers`). Pure. */
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Label, validatePortName, validatePortNumber } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupported, oneOf, required } from '../findings.ts'
import { validateEnv, validateEnvFrom } from './env.ts'
import { validateLifecycle, validateProbe } from './probes.ts'
import { validateResources } from './resources.ts'
import { validateContainerSecurity } from './security.ts'
import { validateMounts } from './volumes.ts'

const protocols = ['SCTP', 'TCP', 'UDP']

function validatePorts(ports: readonly ContainerPort[] | undefined, field: string): FieldError[] {
  const names = new Set<string>()
  return (ports ?? []).flatMap((port, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = []
    if (port.name) {
      const bad = invalidFor(`${at}.name`, port.name, validatePortName(port.name))
      if (bad.length) found.push(...bad)
      else if (names.has(port.name)) found.push(duplicate(`${at}.name`, port.name))
      else names.add(port.name)
    }
    if (!port.containerPort) found.push(required(`${at}.containerPort`))
    else found.push(...invalidFor(`${at}.containerPort`, port.containerPort, validatePortNumber(port.containerPort)))
    if (port.hostPort) found.push(...invalidFor(`${at}.hostPort`, port.hostPort, validatePortNumber(port.hostPort)))
    return [...found, ...oneOf(`${at}.protocol`, port.protocol, protocols)]
  })
}

interface Surroundings { readonly volumes: ReadonlySet<string>; readonly grace: number; readonly spec: PodSpec }

function validateCommon(c: Container | EphemeralContainer, at: string, { volumes, grace, spec }: Surroundings): FieldError[] {
  const found: FieldError[] = []
  if (!c.name) found.push(required(`${at}.name`))
  else found.push(...invalidFor(`${at}.name`, c.name, validateDns1123Label(c.name)))
  if (!c.image) found.push(required(`${at}.image`))
  else if (c.image !== c.image.trim()) found.push(invalidValue(`${at}.image`, c.image, 'must not have leading or trailing whitespace'))
  found.push(...oneOf(`${at}.terminationMessagePolicy`, c.terminationMessagePolicy, ['FallbackToLogsOnError', 'File']))
  found.push(...validateLifecycle(c.lifecycle, `${at}.lifecycle`, grace))
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) found.push(...validateProbe(c[kind], kind, `${at}.${kind}`, grace))
  found.push(...validatePorts(c.ports, `${at}.ports`), ...validateEnv(c.env, `${at}.env`), ...validateEnvFrom(c.envFrom, `${at}.envFrom`))
  found.push(...validateMounts(c.volumeMounts, volumes, `${at}.volumeMounts`))
  found.push(...oneOf(`${at}.imagePullPolicy`, c.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']))
  found.push(...validateResources(c.resources, `${at}.resources`), ...validateContainerSecurity(c.securityContext, spec, `${at}.securityContext`))
  return found
}

function hostPorts(containers: readonly Container[] | undefined, field: string, seen: Set<string>): FieldError[] {
  return (containers ?? []).flatMap((c, i) => (c.ports ?? []).flatMap((p, j) => {
    if (!p.hostPort) return []
    const id = `${p.protocol}/${p.hostIP ?? ''}/${p.hostPort}`
    if (seen.has(id)) return [duplicate(`${field}[${i}].ports[${j}].hostPort`, id)]
    seen.add(id)
    return []
  }))
}

/** Containers and init containers of a spec. `field`: the path of the spec. */
export function validateContainers(spec: PodSpec, volumes: ReadonlySet<string>, field: string): FieldError[] {
  const found: FieldError[] = []
  const around: Surroundings = { volumes, grace: spec.terminationGracePeriodSeconds ?? 30, spec }
  const names = new Set<string>()
  const unique = (c: Container, at: string): void => {
    if (names.has(c.name)) found.push(duplicate(`${at}.name`, c.name))
    else if (c.name) names.add(c.name)
  }
  if (!spec.containers?.length) found.push(required(`${field}.containers`))
  ;(spec.containers ?? []).forEach((c, i) => {
    const at = `${field}.containers[${i}]`
    found.push(...validateCommon(c, at, around))
    unique(c, at)
    if (c.restartPolicy !== undefined) found.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'))
  })
  ;(spec.initContainers ?? []).forEach((c, i) => {
    const at = `${field}.initContainers[${i}]`
    found.push(...validateCommon(c, at, around), ...initRules(c, at))
    unique(c, at)
  })
  found.push(...hostPorts(spec.containers, `${field}.containers`, new Set()))
  if (spec.hostNetwork) found.push(...hostNetworkPorts(spec.containers, `${field}.containers`))
  return found
}

/** A plain init container runs to its end: nothing probes it. One that restarts (a sidecar) may be probed. */
function initRules(c: Container, at: string): FieldError[] {
  const found: FieldError[] = []
  if (c.restartPolicy !== undefined && c.restartPolicy !== 'Always') found.push(notSupported(`${at}.restartPolicy`, c.restartPolicy, ['Always']))
  if (c.restartPolicy === 'Always') return found
  if (c.lifecycle) found.push(forbidden(`${at}.lifecycle`, 'may not be set for init containers without restartPolicy=Always'))
  for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (c[kind]) found.push(forbidden(`${at}.${kind}`, 'may not be set for init containers without restartPolicy=Always'))
  }
  return found
}

const hostNetworkPorts = (containers: readonly Container[] | undefined, field: string): FieldError[] =>
  (containers ?? []).flatMap((c, i) => (c.ports ?? []).flatMap((p, j) =>
    (p.hostPort === p.containerPort ? [] : [invalidValue(`${field}[${i}].ports[${j}].containerPort`, p.containerPort, 'must match `hostPort` when `hostNetwork` is true')])))
