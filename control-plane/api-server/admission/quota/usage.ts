/**
 * What an object counts for in a quota, and which names of a quota a resource answers for (`pkg/quota/v1/evaluator/core`). Pure.
 */
import type { Container, PersistentVolumeClaim, Pod, Service } from '../../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { isPodFinished } from '../../../../shared/api/pod-phase.ts'
import type { Quantity } from '../../../../shared/values/quantity.ts'
import { parseQuantity } from '../../../../shared/values/quantity.ts'
import { podLimits, podRequests } from '../pod-resources.ts'
import { addInto, count } from '../resource-amounts.ts'

export interface Counted { readonly group: string; readonly resource: string }

/** `count/deployments.apps`, `count/pods`. */
export const countName = ({ group, resource }: Counted): string => `count/${resource}${group ? `.${group}` : ''}`

/** The resource a `count/` name is about; undefined for other names. */
export function countedBy(name: string): Counted | undefined {
  if (!name.startsWith('count/')) return undefined
  const [resource = '', ...group] = name.slice('count/'.length).split('.')
  return { group: group.join('.'), resource }
}

/** Resources of the core group that count under their own name, too. */
const legacy = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas'])
const CLASS_INFIX = '.storageclass.storage.k8s.io/'
const podNames = new Set([
  'cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage', 'limits.cpu', 'limits.memory', 'limits.ephemeral-storage', 'pods',
])
const serviceNames = new Set(['services', 'services.nodeports', 'services.loadbalancers'])

/** A resource of a device plugin or an operator: `nvidia.com/gpu`. */
const isExtended = (name: string): boolean => name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name) && !name.startsWith('requests.')

/** Does this name of a quota's `hard` count objects of the resource? */
export function countsIn(name: string, kind: Counted): boolean {
  if (name === countName(kind)) return true
  if (kind.group !== '') return false
  switch (kind.resource) {
    case 'pods': return podNames.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')
      || (name.startsWith('requests.') && isExtended(name.slice('requests.'.length)))
    case 'services': return serviceNames.has(name)
    case 'persistentvolumeclaims': return name === 'persistentvolumeclaims' || name === 'requests.storage' || name.includes(CLASS_INFIX)
    default: return legacy.has(kind.resource) && name === kind.resource
  }
}

/** The resources a quota with these names has to look at. */
export function countedResources(names: readonly string[]): Counted[] {
  const found = new Map<string, Counted>()
  const add = (kind: Counted): void => { found.set(countName(kind), kind) }
  for (const name of names) {
    const generic = countedBy(name)
    if (generic) add(generic)
    else for (const resource of ['pods', 'services', 'persistentvolumeclaims', ...legacy]) if (countsIn(name, { group: '', resource })) add({ group: '', resource })
  }
  return [...found.values()]
}

const one = count(1)

/** Under every name the object counts for. */
export function usageOf(kind: Counted, object: KubeObject): Map<string, Quantity> {
  const usage = new Map([[countName(kind), one]])
  if (kind.group !== '') return usage
  switch (kind.resource) {
    case 'pods': return addInto(usage, podUsage(object as Pod))
    case 'services': return addInto(usage, serviceUsage(object as Service))
    case 'persistentvolumeclaims': return addInto(usage, claimUsage(object as PersistentVolumeClaim))
    default: return legacy.has(kind.resource) ? usage.set(kind.resource, one) : usage
  }
}

/** A finished pod uses nothing any more, it is only an object. */
function podUsage(pod: Pod): Map<string, Quantity> {
  const usage = new Map<string, Quantity>()
  if (isPodFinished(pod)) return usage
  usage.set('pods', one)
  for (const [name, q] of podRequests(pod)) {
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-')) usage.set(name, q).set(`requests.${name}`, q)
    else if (isExtended(name)) usage.set(`requests.${name}`, q)
  }
  for (const [name, q] of podLimits(pod)) if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') usage.set(`limits.${name}`, q)
  return usage
}

function serviceUsage({ spec }: Service): Map<string, Quantity> {
  const ports = spec?.ports ?? []
  const balanced = spec?.type === 'LoadBalancer'
  const nodePorts = spec?.type === 'NodePort' || (balanced && spec.allocateLoadBalancerNodePorts !== false) ? ports.length
    : balanced ? ports.filter((p) => p.nodePort).length : 0
  return new Map([['services', one], ['services.nodeports', count(nodePorts)], ['services.loadbalancers', count(balanced ? 1 : 0)]])
}

function claimUsage(claim: PersistentVolumeClaim): Map<string, Quantity> {
  const usage = new Map([['persistentvolumeclaims', one]])
  const storage = claim.spec?.resources?.requests?.['storage']
  const className = claim.spec?.storageClassName ?? claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class']
  if (className) usage.set(`${className}${CLASS_INFIX}persistentvolumeclaims`, one)
  if (storage === undefined) return usage
  const q = parseQuantity(storage)
  usage.set('requests.storage', q)
  if (className) usage.set(`${className}${CLASS_INFIX}requests.storage`, q)
  return usage
}

const demanded = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'])

/** Where CPU or memory is under quota each container must say what it takes. Undefined: it does; else upstream's text. */
export function missingInPod(pod: Pod, names: readonly string[]): string | undefined {
  const missing = new Map<string, Set<string>>()
  const look = (container: Container): void => {
    for (const name of names) {
      if (!demanded.has(name)) continue
      const [part, resource] = name.startsWith('limits.') ? (['limits', name.slice(7)] as const) : (['requests', name.replace('requests.', '')] as const)
      if (container.resources?.[part]?.[resource] === undefined) missing.set(name, (missing.get(name) ?? new Set()).add(container.name))
    }
  }
  pod.spec?.containers.forEach(look)
  pod.spec?.initContainers?.forEach(look)
  if (!missing.size) return undefined
  return `must specify ${[...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, containers]) => `${name} for: ${[...containers].sort().join(',')}`).join('; ')}`
}
