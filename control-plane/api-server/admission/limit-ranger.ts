/** Gives containers their default requests and limits, and keeps containers, pods and claims within a namespace's LimitRanges (`plugin/pkg/admission/limitranger`). */
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import type { Quantity } from '../../../shared/values/quantity.ts'
import { formatQuantity, quantityMilli, quantityValue } from '../../../shared/values/quantity.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'
import { podLimits, podRequests } from './pod-resources.ts'
import type { Amounts, ResourceList } from './resource-amounts.ts'
import { amountsOf } from './resource-amounts.ts'
import type { StoredObjects } from './stored-objects.ts'
import { kindOf } from './stored-objects.ts'

const limitRanges = kindOf<LimitRange>('', 'limitranges', true)
const ANNOTATION = 'kubernetes.io/limit-ranger'
/** Above this upstream compares whole units: milli units would not fit 64 bits. */
const MAX_MILLI = 9_223_372_036_854_775n

function applies({ operation, definition, subresource, old }: AdmissionRequest): 'pods' | 'persistentvolumeclaims' | undefined {
  if (definition.group !== '' || operation === 'DELETE') return undefined
  if (definition.resource === 'pods') {
    if (subresource === 'resize' && operation === 'UPDATE') return 'pods'
    return subresource === '' && operation === 'CREATE' ? 'pods' : undefined
  }
  if (definition.resource !== 'persistentvolumeclaims' || subresource !== '') return undefined
  return operation === 'UPDATE' && old?.metadata?.deletionTimestamp ? undefined : 'persistentvolumeclaims'
}

export function limitRanger(stored: StoredObjects): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    mutate(request) {
      if (applies(request) !== 'pods' || request.operation !== 'CREATE') return
      for (const range of stored.list(limitRanges, request.namespace)) setDefaults(request.object as Pod, range)
    },
    validate(request) {
      const resource = applies(request)
      if (!resource) return
      for (const { spec } of stored.list(limitRanges, request.namespace)) {
        const found = resource === 'pods' ? podFindings(request.object as Pod, spec?.limits ?? []) : claimFindings(request.object as PersistentVolumeClaim, spec?.limits ?? [])
        const said = [...new Set(found)]
        if (said.length) throw forbidden({ group: '', resource, name: request.name }, said.length === 1 ? said[0] as string : `[${said.join(', ')}]`)
      }
    },
  }
}

function setDefaults(pod: Pod, range: LimitRange): void {
  const requests: Record<string, string> = {}
  const limits: Record<string, string> = {}
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue
    Object.assign(requests, item.defaultRequest)
    Object.assign(limits, item.default)
  }
  const said = [
    ...(pod.spec?.containers ?? []).flatMap((c) => fillIn(c, requests, limits, 'container')),
    ...(pod.spec?.initContainers ?? []).flatMap((c) => fillIn(c, requests, limits, 'init container')),
  ]
  if (!said.length) return
  const meta = (pod.metadata ??= {})
  meta.annotations = { ...meta.annotations, [ANNOTATION]: `LimitRanger plugin set: ${said.join('; ')}` }
}

function fillIn(container: Container, requests: ResourceList, limits: ResourceList, what: string): string[] {
  const resources = (container.resources ??= {})
  const missing = (has: ResourceList | undefined, defaults: ResourceList): string[] => Object.keys(defaults).filter((name) => has?.[name] === undefined).sort()
  const newRequests = missing(resources.requests, requests)
  const newLimits = missing(resources.limits, limits)
  for (const name of newRequests) (resources.requests ??= {})[name] = requests[name] as string
  for (const name of newLimits) (resources.limits ??= {})[name] = limits[name] as string
  return [
    ...(newRequests.length ? [`${newRequests.join(', ')} request for ${what} ${container.name}`] : []),
    ...(newLimits.length ? [`${newLimits.join(', ')} limit for ${what} ${container.name}`] : []),
  ]
}

interface Bound { readonly resource: string; readonly type: string; readonly enforced: Quantity; readonly request: Quantity | undefined; readonly limit: Quantity | undefined }

/** In milli units where the enforced value allows it, in whole units else; both rounded up. */
function comparable({ enforced }: Bound): (q: Quantity) => number {
  return enforced.nano / 1_000_000_000n <= MAX_MILLI ? quantityMilli : quantityValue
}

function minimum(bound: Bound): string | undefined {
  const { resource, type, enforced, request, limit } = bound
  const value = comparable(bound)
  const text = `minimum ${resource} usage per ${type} is ${formatQuantity(enforced)}`
  if (!request) return `${text}.  No request is specified`
  if (value(request) < value(enforced)) return `${text}, but request is ${formatQuantity(request)}`
  return limit && value(limit) < value(enforced) ? `${text}, but limit is ${formatQuantity(limit)}` : undefined
}

function maximum(bound: Bound): string | undefined {
  const { resource, type, enforced, request, limit } = bound
  const value = comparable(bound)
  const text = `maximum ${resource} usage per ${type} is ${formatQuantity(enforced)}`
  if (!limit) return `${text}.  No limit is specified`
  if (value(limit) > value(enforced)) return `${text}, but limit is ${formatQuantity(limit)}`
  return request && value(request) > value(enforced) ? `${text}, but request is ${formatQuantity(request)}` : undefined
}

function maximumRequest(bound: Bound): string | undefined {
  const { resource, type, enforced, request } = bound
  const value = comparable(bound)
  const text = `maximum ${resource} usage per ${type} is ${formatQuantity(enforced)}`
  if (!request) return `${text}.  No request is specified`
  return value(request) > value(enforced) ? `${text}, but request is ${formatQuantity(request)}` : undefined
}

function ratio(bound: Bound): string | undefined {
  const { resource, type, enforced, request, limit } = bound
  const value = comparable(bound)
  const text = `${resource} max limit to request ratio per ${type} is ${formatQuantity(enforced)}`
  if (!request || value(request) === 0) return `${text}, but no request is specified or request is 0`
  if (!limit || value(limit) === 0) return `${text}, but no limit is specified or limit is 0`
  const observed = value(limit) / value(request)
  return observed * 1000 > quantityMilli(enforced) ? `${text}, but provided ratio is ${observed.toFixed(6)}` : undefined
}

function bounds(item: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  const each = (list: ResourceList | undefined, judge: (b: Bound) => string | undefined): string[] =>
    [...amountsOf(list)].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([resource, enforced]) => {
      const said = judge({ resource, type: item.type, enforced, request: requests.get(resource), limit: limits.get(resource) })
      return said === undefined ? [] : [said]
    })
  return [...each(item.min, minimum), ...each(item.max, maximum), ...each(item.maxLimitRequestRatio, ratio)]
}

/** What the pod violates, in upstream's words; empty where nothing. */
export function podFindings(pod: Pod, items: readonly LimitRangeItem[]): string[] {
  return items.flatMap((item) => {
    if (item.type === 'Pod') return bounds(item, podRequests(pod), podLimits(pod))
    if (item.type !== 'Container') return []
    return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].flatMap((c) => bounds(item, amountsOf(c.resources?.requests), amountsOf(c.resources?.limits)))
  })
}

export function claimFindings(claim: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const requests = amountsOf(claim.spec?.resources?.requests)
  return items.filter((item) => item.type === 'PersistentVolumeClaim').flatMap((item) => {
    const each = (list: ResourceList | undefined, judge: (b: Bound) => string | undefined): string[] => [...amountsOf(list)].flatMap(([resource, enforced]) =>
      judge({ resource, type: item.type, enforced, request: requests.get(resource), limit: undefined }) ?? [])
    return [...each(item.min, minimum), ...each(item.max, maximumRequest)]
  })
}
