/** A pod's quality-of-service class (`pkg/apis/core/helper/qos`). Pure. */
import type { PodSpec } from '../../../shared/api/core-v1.ts'
import { compareQuantity, parseQuantity } from '../../../shared/values/quantity.ts'

const counted = ['cpu', 'memory'] as const
const positive = (text: string | undefined): boolean => text !== undefined && parseQuantity(text).nano > 0n

export function qosClassOf(spec: PodSpec): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  const used = containers.some((c) => counted.some((r) => positive(c.resources?.limits?.[r]) || positive(c.resources?.requests?.[r])))
  if (!used) return 'BestEffort'
  const guaranteed = containers.every((c) => counted.every((r) => {
    const limit = c.resources?.limits?.[r]
    if (!positive(limit)) return false
    const request = c.resources?.requests?.[r] ?? limit
    return compareQuantity(parseQuantity(request as string), parseQuantity(limit as string)) === 0
  }))
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
