/** When an APIService is available, and the words for it (`kube-aggregator/pkg/controllers/status`). Pure. */
import type { APIService, APIServiceCondition } from '../../../shared/api/apiregistration-v1.ts'
import type { Service } from '../../../shared/api/core-v1.ts'
import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'

export type Availability = Readonly<Required<Pick<APIServiceCondition, 'status' | 'reason' | 'message'>>>

export const localAvailability: Availability = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' }
export const passed: Availability = { status: 'True', reason: 'Passed', message: 'all checks passed' }
/** `message`: what the last attempt said. */
export const failedDiscovery = (message: string): Availability => ({ status: 'False', reason: 'FailedDiscoveryCheck', message })

export const availabilityOf = ({ status }: APIService): APIServiceCondition | undefined => status?.conditions?.find((c) => c.type === 'Available')
export const isAvailable = (service: APIService): boolean => availabilityOf(service)?.status === 'True'

/** Replaces or appends in place; the time moves only with the status. `now` as RFC 3339. False where nothing changed. */
export function setAvailability(service: APIService, wanted: Availability, now: string): boolean {
  const before = availabilityOf(service)
  if (before && before.status === wanted.status && before.reason === wanted.reason && before.message === wanted.message) return false
  const next: APIServiceCondition = { type: 'Available', ...wanted, lastTransitionTime: before?.status === wanted.status && before.lastTransitionTime ? before.lastTransitionTime : now }
  const others = (service.status?.conditions ?? []).filter((c) => c !== before)
  service.status = { ...service.status, conditions: [...others, next] }
  return true
}

/** What can be told without asking the server: undefined where it has to be asked. `slices`: those of the service. */
export function objection(reference: { readonly namespace: string; readonly name: string; readonly port: number }, service: Service | undefined, slices: readonly EndpointSlice[]): Availability | undefined {
  const { namespace, name, port } = reference
  const no = (reason: string, message: string): Availability => ({ status: 'False', reason, message })
  const where = `service/${name} in ${JSON.stringify(namespace)}`
  if (!service) return no('ServiceNotFound', `${where} is not present`)
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const wanted = service.spec?.ports?.find((p) => p.port === port)
  if (!wanted) return no('ServicePortError', `${where} is not listening on port ${port}`)
  if (!slices.length) return no('EndpointsNotFound', `cannot find endpointslices for ${where}`)
  const portName = wanted.name ?? ''
  const ready = slices.some((s) => s.endpoints.some((e) => e.conditions?.ready !== false) && s.ports?.some((p) => (p.name ?? '') === portName && p.port !== undefined))
  return ready ? undefined : no('MissingEndpoints', `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}`)
}
