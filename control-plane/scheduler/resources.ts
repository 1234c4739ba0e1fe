/** What a pod asks for and what a node has, as plain numbers: CPU in millicores, everything else in whole units. Pure. */
import type { Container, Pod } from '../../shared/api/core-v1.ts'
import { parseQuantity, quantityMilli, quantityValue } from '../../shared/values/quantity.ts'

export type Resources = Readonly<Record<string, number>>

const amount = (name: string, text: string): number => (name === 'cpu' ? quantityMilli(parseQuantity(text)) : quantityValue(parseQuantity(text)))

export function resourcesOf(list: Readonly<Record<string, string>> | undefined): Record<string, number> {
  const out: Record<string, number> = {}
  for (const name in list) out[name] = amount(name, String(list[name]))
  return out
}

export function addTo(target: Record<string, number>, more: Resources, sign: 1 | -1 = 1): void {
  for (const name in more) target[name] = (target[name] ?? 0) + sign * (more[name] ?? 0)
}
function maxInto(target: Record<string, number>, other: Resources): void {
  for (const name in other) target[name] = Math.max(target[name] ?? 0, other[name] ?? 0)
}

/** Upstream's stand-ins for scoring where a container asks for nothing (`util.GetNonzeroRequests`): 100 millicores, 200 MiB. */
const nonZero: Resources = { cpu: 100, memory: 200 * 1024 * 1024 }

/**
 * Upstream's `PodRequests`: containers and sidecars add up; ordinary init containers run one after the other beside the sidecars started before them,
 * so the largest of them counts where it is larger; overhead comes on top. With `scoring`, a container that asks for no CPU or memory counts as the stand-in.
 */
export function podRequests(pod: Pod, scoring = false): Record<string, number> {
  const of = (c: Container): Record<string, number> => {
    const own = resourcesOf(c.resources?.requests)
    return scoring ? { ...nonZero, ...own } : own
  }
  const total: Record<string, number> = {}
  for (const c of pod.spec?.containers ?? []) addTo(total, of(c))
  const sidecars: Record<string, number> = {}
  const init: Record<string, number> = {}
  for (const c of pod.spec?.initContainers ?? []) {
    const own = of(c)
    if (c.restartPolicy === 'Always') {
      addTo(total, own)
      addTo(sidecars, own)
      maxInto(init, sidecars)
    } else {
      addTo(own, sidecars)
      maxInto(init, own)
    }
  }
  maxInto(total, init)
  addTo(total, resourcesOf(pod.spec?.overhead))
  return total
}
