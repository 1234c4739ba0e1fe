/** Validation of probes and lifecycle hooks (`validateProbe`, `validateHandler`). Pure. */
import type { ExecAction, GRPCAction, HTTPGetAction, Lifecycle, Probe, SleepAction, TCPSocketAction } from '../../../../shared/api/core-v1.ts'
import { validatePortName, validatePortNumber } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { forbidden, invalidFor, invalidValue, nonNegative, notSupported, required } from '../findings.ts'

interface Handler { exec?: ExecAction; httpGet?: HTTPGetAction; tcpSocket?: TCPSocketAction; grpc?: GRPCAction; sleep?: SleepAction }

/** A port number, or the name of one. */
export function validatePortOrName(port: number | string | undefined, field: string): FieldError[] {
  if (typeof port === 'string') return invalidFor(field, port, validatePortName(port))
  return invalidFor(field, port ?? 0, validatePortNumber(port ?? 0))
}

function validateHttpGet(action: HTTPGetAction, field: string): FieldError[] {
  const found: FieldError[] = []
  if (!action.path) found.push(required(`${field}.path`))
  found.push(...validatePortOrName(action.port, `${field}.port`))
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS') found.push(notSupported(`${field}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS']))
  for (const header of action.httpHeaders ?? []) {
    if (!/^[-A-Za-z0-9]+$/.test(header.name ?? '')) {
      found.push(invalidValue(`${field}.httpHeaders`, header.name ?? '', "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"))
    }
  }
  return found
}

const validators: { readonly [K in keyof Handler]-?: (action: NonNullable<Handler[K]>, field: string, grace: number) => FieldError[] } = {
  exec: (action, field) => (action.command?.length ? [] : [required(`${field}.command`)]),
  httpGet: validateHttpGet,
  tcpSocket: (action, field) => validatePortOrName(action.port, `${field}.port`),
  grpc: (action, field) => invalidFor(`${field}.port`, action.port ?? 0, validatePortNumber(action.port ?? 0)),
  sleep: (action, field, grace) => (action.seconds >= 0 && action.seconds <= grace ? [] :
    [invalidValue(field, action.seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`)]),
}

function validateHandler(handler: Handler, field: string, grace: number): FieldError[] {
  const found: FieldError[] = []
  let count = 0
  for (const kind of Object.keys(validators) as (keyof Handler)[]) {
    const action = handler[kind]
    if (!action) continue
    if (count++ > 0) found.push(forbidden(`${field}.${kind}`, 'may not specify more than 1 handler type'))
    else found.push(...(validators[kind] as (a: unknown, f: string, g: number) => FieldError[])(action, `${field}.${kind}`, grace))
  }
  if (count === 0) found.push(required(field, 'must specify a handler type'))
  return found
}

export type ProbeKind = 'livenessProbe' | 'readinessProbe' | 'startupProbe'

export function validateProbe(probe: Probe | undefined, kind: ProbeKind, field: string, grace: number): FieldError[] {
  if (!probe) return []
  const found = validateHandler(probe, field, grace)
  for (const f of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) found.push(...nonNegative(`${field}.${f}`, probe[f]))
  const own = probe.terminationGracePeriodSeconds
  if (own !== undefined && own <= 0) found.push(invalidValue(`${field}.terminationGracePeriodSeconds`, own, 'must be greater than 0'))
  if (kind === 'readinessProbe') {
    if (own !== undefined) found.push(invalidValue(`${field}.terminationGracePeriodSeconds`, own, 'must not be set for readinessProbes'))
  } else if ((probe.successThreshold ?? 1) !== 1) found.push(invalidValue(`${field}.successThreshold`, probe.successThreshold, 'must be 1'))
  return found
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, field: string, grace: number): FieldError[] {
  const found: FieldError[] = []
  if (lifecycle?.postStart) found.push(...validateHandler(lifecycle.postStart, `${field}.postStart`, grace))
  if (lifecycle?.preStop) found.push(...validateHandler(lifecycle.preStop, `${field}.preStop`, grace))
  return found
}
