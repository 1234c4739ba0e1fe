/**
 * What a whole pod requests and is limited to (`component-helpers/resource.PodRequests`): containers and sidecars add up; ordinary init
 * containers run one after the other beside the sidecars started before them, so the largest counts where it is larger; overhead on top. Pure.
 */
import type { Container, ContainerStatus, Pod } from '../../../shared/api/core-v1.ts'
import type { Quantity } from '../../../shared/values/quantity.ts'
import { addQuantity } from '../../../shared/values/quantity.ts'
import { addInto, amountsOf, maxInto } from './resource-amounts.ts'

type Part = 'requests' | 'limits'

function ofContainer(container: Container, part: Part, status: ContainerStatus | undefined): Map<string, Quantity> {
  const own = amountsOf(container.resources?.[part])
  if (!status) return own
  // While a container is being resized, what it still holds counts where it is more.
  maxInto(own, amountsOf(status.resources?.[part]))
  return part === 'requests' ? maxInto(own, amountsOf(status.allocatedResources)) : own
}

function total(pod: Pod, part: Part): Map<string, Quantity> {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const amount = (c: Container): Map<string, Quantity> => ofContainer(c, part, statuses.find((s) => s.name === c.name))
  const sum = new Map<string, Quantity>()
  for (const c of pod.spec?.containers ?? []) addInto(sum, amount(c))
  const sidecars = new Map<string, Quantity>()
  const init = new Map<string, Quantity>()
  for (const c of pod.spec?.initContainers ?? []) {
    const own = amount(c)
    if (c.restartPolicy === 'Always') {
      addInto(sum, own)
      maxInto(init, addInto(sidecars, own))
    } else maxInto(init, addInto(own, sidecars))
  }
  return maxInto(sum, init)
}

export const podRequests = (pod: Pod): Map<string, Quantity> => addInto(total(pod, 'requests'), amountsOf(pod.spec?.overhead))

export function podLimits(pod: Pod): Map<string, Quantity> {
  const sum = total(pod, 'limits')
  // Overhead is added where there is a limit at all: otherwise it would become one.
  for (const [name, q] of amountsOf(pod.spec?.overhead)) {
    const had = sum.get(name)
    if (had && had.nano !== 0n) sum.set(name, addQuantity(had, q))
  }
  return sum
}
