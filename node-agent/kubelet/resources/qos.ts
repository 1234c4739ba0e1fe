/** Quality of service class and effective resources of a pod. Pure. Source: upstream `pkg/apis/core/v1/helper/qos`, `k8s.io/component-helpers/resource`. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { parseQuantity, quantityMilli, quantityValue } from '../../../shared/values/quantity.ts'

export type Qos = 'Guaranteed' | 'Burstable' | 'BestEffort'

const counted = ['cpu', 'memory'] as const
const positive = (text: string | undefined): boolean => text !== undefined && parseQuantity(text).nano > 0n

export function qosOf(pod: Pod): Qos {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  const any = containers.some((c) => counted.some((r) => positive(c.resources?.requests?.[r]) || positive(c.resources?.limits?.[r])))
  if (!any) return 'BestEffort'
  const guaranteed = containers.every((c) => counted.every((r) => {
    const limit = c.resources?.limits?.[r]
    if (!positive(limit)) return false
    const request = c.resources?.requests?.[r]
    return request === undefined || parseQuantity(request).nano === parseQuantity(limit!).nano
  }))
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/** Millicores and bytes; undefined where not set. A request that is missing is the limit, as the API server defaults it. */
export interface Amounts { readonly cpuRequest: number | undefined; readonly cpuLimit: number | undefined; readonly memoryRequest: number | undefined; readonly memoryLimit: number | undefined }

export function amountsOf(container: Container): Amounts {
  const { requests = {}, limits = {} } = container.resources ?? {}
  const milli = (t: string | undefined): number | undefined => (t === undefined ? undefined : quantityMilli(parseQuantity(t)))
  const bytes = (t: string | undefined): number | undefined => (t === undefined ? undefined : quantityValue(parseQuantity(t)))
  return {
    cpuRequest: milli(requests['cpu'] ?? limits['cpu']), cpuLimit: milli(limits['cpu']),
    memoryRequest: bytes(requests['memory'] ?? limits['memory']), memoryLimit: bytes(limits['memory']),
  }
}

export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

/**
 * What the pod as a whole needs: the sum of its containers and sidecars, or the largest init container with the sidecars that run before it,
 * whichever is more. A limit counts for the pod only where every container has one.
 */
export function podAmounts(pod: Pod): Amounts {
  const init = (pod.spec?.initContainers ?? []).map((c) => ({ sidecar: isSidecar(c), amounts: amountsOf(c) }))
  const main = (pod.spec?.containers ?? []).map(amountsOf)
  const total = (key: keyof Amounts, needAll: boolean): number | undefined => {
    const all = [...main, ...init.map((i) => i.amounts)].map((a) => a[key])
    if (needAll ? all.some((v) => !v) : all.every((v) => v === undefined)) return undefined
    let sidecars = 0
    let peak = 0
    for (const i of init) {
      const value = i.amounts[key] ?? 0
      if (i.sidecar) sidecars += value
      peak = Math.max(peak, i.sidecar ? sidecars : sidecars + value)
    }
    return Math.max(peak, sidecars + main.reduce((sum, a) => sum + (a[key] ?? 0), 0))
  }
  // What the RuntimeClass adds counts where there is an amount at all; a missing limit stays none.
  const overhead = amountsOf({ name: '', resources: { limits: pod.spec?.overhead ?? {} } })
  const more = (value: number | undefined, extra: number | undefined, always: boolean): number | undefined => (value === undefined && !(always && extra) ? undefined : (value ?? 0) + (extra ?? 0))
  return {
    cpuRequest: more(total('cpuRequest', false), overhead.cpuLimit, true), cpuLimit: more(total('cpuLimit', true), overhead.cpuLimit, false),
    memoryRequest: more(total('memoryRequest', false), overhead.memoryLimit, true), memoryLimit: more(total('memoryLimit', true), overhead.memoryLimit, false),
  }
}
