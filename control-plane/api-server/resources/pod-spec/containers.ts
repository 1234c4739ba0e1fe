/** Validation of containers (`validateContainers`, `validateInitContainers`). Pure. */
import type { Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec, Volume } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Label, validatePortName, validatePortNumber } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupported, notSupportedInOrder, oneOf, required } from '../findings.ts'
import { validateEnv, validateEnvFrom } from './env.ts'
import { validateLifecycle, validateProbe } from './probes.ts'
import { validateResources } from './resources.ts'
import { validateContainerSecurity } from './security.ts'
import { validateDevices, validateMounts } from './mounts.ts'

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

/** What a container is judged in. `isPod`: the spec is a pod's own, which is judged more strictly than a template's. */
export interface Surroundings { readonly volumes: ReadonlyMap<string, Volume>; readonly claims: ReadonlySet<string>; readonly grace: number; readonly spec: PodSpec; readonly isPod: boolean }

function validateResizePolicy(policies: readonly ContainerResizePolicy[] | undefined, restartPolicy: string | undefined, field: string): FieldError[] {
  const seen = new Set<string>()
  return (policies ?? []).flatMap(({ resourceName: name, restartPolicy: policy }, i) => {
    const found: FieldError[] = seen.has(name) ? [duplicate(`${field}[${i}]`, name)] : []
    seen.add(name)
    found.push(...oneOf(field, name, ['cpu', 'memory']), ...oneOf(field, policy, ['NotRequired', 'RestartContainer']))
    return restartPolicy === 'Never' && policy !== 'NotRequired' ? [...found, invalidValue(field, policy ?? '', "must be 'NotRequired' when `restartPolicy` is 'Never'")] : found
  })
}

const messagePolicies = ['File', 'FallbackToLogsOnError']

/** What holds for containers of every kind. */
export function validateCommon(c: Container | EphemeralContainer, at: string, { volumes, claims, spec, isPod }: Surroundings): FieldError[] {
  const found: FieldError[] = []
  if (!c.name) found.push(required(`${at}.name`))
  else found.push(...invalidFor(`${at}.name`, c.name, validateDns1123Label(c.name)))
  if (!c.image) found.push(required(`${at}.image`))
  else if (isPod && c.image !== c.image.trim()) found.push(invalidValue(`${at}.image`, c.image, 'must not have leading or trailing whitespace'))
  const message = c.terminationMessagePolicy
  if (!message) found.push(required(`${at}.terminationMessagePolicy`))
  else if (!messagePolicies.includes(message)) found.push(notSupportedInOrder(`${at}.terminationMessagePolicy`, message, messagePolicies))
  found.push(...validatePorts(c.ports, `${at}.ports`), ...validateEnv(c.env, `${at}.env`), ...validateEnvFrom(c.envFrom, `${at}.envFrom`))
  found.push(...validateMounts(c, volumes, `${at}.volumeMounts`), ...validateDevices(c, volumes, `${at}.volumeDevices`))
  found.push(...oneOf(`${at}.imagePullPolicy`, c.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']), ...validateResources(c.resources, `${at}.resources`, claims))
  found.push(...validateResizePolicy(c.resizePolicy, spec.restartPolicy, `${at}.resizePolicy`), ...validateContainerSecurity(c.securityContext, spec, `${at}.securityContext`))
  return found
}

/** Of what runs along with the pod. */
const validateHooks = (c: Container, at: string, grace: number): FieldError[] => [
  ...validateLifecycle(c.lifecycle, `${at}.lifecycle`, grace), ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((kind) => validateProbe(c[kind], kind, `${at}.${kind}`, grace)),
]

function hostPorts(containers: readonly Container[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>()
  return (containers ?? []).flatMap((c, i) => (c.ports ?? []).flatMap((p, j) => {
    if (!p.hostPort) return []
    const id = `${p.protocol}/${p.hostIP ?? ''}/${p.hostPort}`
    if (seen.has(id)) return [duplicate(`${field}[${i}].ports[${j}].hostPort`, id)]
    seen.add(id)
    return []
  }))
}

/** Containers and init containers of a spec. `field`: the path of the spec. */
export function validateContainers(around: Surroundings, field: string): FieldError[] {
  const { spec, grace, isPod } = around
  const found: FieldError[] = []
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
    found.push(...validateHooks(c, at, grace))
    if (c.restartPolicy !== undefined) found.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'))
  })
  found.push(...hostPorts(spec.containers, `${field}.containers`))
  ;(spec.initContainers ?? []).forEach((c, i) => {
    const at = `${field}.initContainers[${i}]`
    found.push(...validateCommon(c, at, around))
    if (c.restartPolicy !== undefined && c.restartPolicy !== 'Always') found.push(notSupported(`${at}.restartPolicy`, c.restartPolicy, ['Always']))
    unique(c, at)
    // Init containers run one by one: a port may come back in the next.
    found.push(...hostPorts([c], `${field}.initContainers`), ...initRules(c, at, grace))
  })
  if (spec.hostNetwork) found.push(...hostNetworkPorts(spec.containers, isPod, `${field}.containers`))
  return found
}

/** A plain init container runs to its end: nothing probes it. One that restarts (a sidecar) may be probed. */
function initRules(c: Container, at: string, grace: number): FieldError[] {
  if (c.restartPolicy === 'Always') return validateHooks(c, at, grace)
  const text = 'may not be set for init containers without restartPolicy=Always'
  const found = (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((f) => (c[f] ? [forbidden(`${at}.${f}`, text)] : []))
  return c.resizePolicy?.length ? [...found, invalidValue(`${at}.resizePolicy`, c.resizePolicy, 'must not be set for init containers')] : found
}

/** A template's port may still be open: it is given when the pod is made. */
const hostNetworkPorts = (containers: readonly Container[] | undefined, isPod: boolean, field: string): FieldError[] =>
  (containers ?? []).flatMap((c, i) => (c.ports ?? []).flatMap((p, j) =>
    ((!isPod && !p.hostPort) || p.hostPort === p.containerPort ? [] : [invalidValue(`${field}[${i}].ports[${j}].hostPort`, p.hostPort ?? 0, 'must match `containerPort` when `hostNetwork` is true')])))
