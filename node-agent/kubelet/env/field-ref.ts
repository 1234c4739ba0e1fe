/** `fieldRef` and `resourceFieldRef`. Pure. Source: upstream `pkg/fieldpath` and `pkg/api/v1/resource`. */
import type { Pod, ResourceFieldSelector } from '../../../shared/api/core-v1.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import { containerNamed } from '../pod/pod-facts.ts'
import { amountsOf } from '../resources/qos.ts'

/** What is not in the pod object but can be referred to. */
export interface PodRuntimeFacts {
  readonly nodeName: string
  readonly hostIPs: readonly string[]
  readonly podIPs: readonly string[]
  /** Allocatable of the node: what a limit is where the container has none. Millicores and bytes. */
  readonly allocatable: { readonly cpuMilli: number; readonly memoryBytes: number }
}

const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/
/** As Go's `%q`. */
const quoted = (v: string): string => JSON.stringify(v)
const formatMap = (m: Readonly<Record<string, string>> = {}): string => Object.keys(m).sort().map((k) => `${k}=${quoted(m[k]!)}`).join('\n')

/** Undefined where the path is not one that may be referred to. */
export function fieldValue(pod: Pod, path: string, facts: PodRuntimeFacts): string | undefined {
  const sub = subscript.exec(path)
  if (sub) return (sub[1] === 'metadata.labels' ? pod.metadata?.labels : pod.metadata?.annotations)?.[sub[2]!] ?? ''
  switch (path) {
    case 'metadata.name': return pod.metadata?.name ?? ''
    case 'metadata.namespace': return pod.metadata?.namespace ?? ''
    case 'metadata.uid': return pod.metadata?.uid ?? ''
    case 'metadata.labels': return formatMap(pod.metadata?.labels)
    case 'metadata.annotations': return formatMap(pod.metadata?.annotations)
    case 'spec.nodeName': return facts.nodeName
    case 'spec.serviceAccountName': return pod.spec?.serviceAccountName ?? ''
    case 'status.hostIP': return facts.hostIPs[0] ?? ''
    case 'status.hostIPs': return facts.hostIPs.join(',')
    case 'status.podIP': return facts.podIPs[0] ?? ''
    case 'status.podIPs': return facts.podIPs.join(',')
    default: return undefined
  }
}

const storage: Readonly<Record<string, 'limits' | 'requests'>> = { 'limits.ephemeral-storage': 'limits', 'requests.ephemeral-storage': 'requests' }

/** The amount divided by the divisor, rounded up; undefined where the resource or the container is unknown. A limit that is not set is the node's allocatable. */
export function resourceFieldValue(pod: Pod, selector: ResourceFieldSelector, defaultContainer: string, facts: PodRuntimeFacts): string | undefined {
  const container = containerNamed(pod, selector.containerName || defaultContainer)
  if (!container) return undefined
  const amounts = amountsOf(container)
  const divisor = selector.divisor && parseQuantity(selector.divisor).nano > 0n ? parseQuantity(selector.divisor).nano : 1_000_000_000n
  const divided = (nano: bigint): string => String((nano + divisor - 1n) / divisor)
  const cpu = (milli: number): string => divided(BigInt(milli) * 1_000_000n)
  const bytes = (n: number): string => divided(BigInt(n) * 1_000_000_000n)
  switch (selector.resource) {
    case 'limits.cpu': return cpu(amounts.cpuLimit ?? facts.allocatable.cpuMilli)
    case 'requests.cpu': return cpu(amounts.cpuRequest ?? 0)
    case 'limits.memory': return bytes(amounts.memoryLimit ?? facts.allocatable.memoryBytes)
    case 'requests.memory': return bytes(amounts.memoryRequest ?? 0)
    default: {
      const kind = storage[selector.resource]
      if (kind === undefined) return undefined
      const text = container.resources?.[kind]?.['ephemeral-storage']
      return text === undefined ? '0' : divided(parseQuantity(text).nano)
    }
  }
}
