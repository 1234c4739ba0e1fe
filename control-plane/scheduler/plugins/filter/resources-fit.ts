import type { FilterPlugin } from '../plugin.ts'

/** Upstream's `NodeResourcesFit`: every resource asked for must still be free. A request above the node's allocatable cannot be helped by removing pods. */
export const resourcesFit: FilterPlugin = {
  name: 'NodeResourcesFit',
  filter(pod, node) {
    const reasons: string[] = []
    let resolvable = true
    if (node.pods.size + 1 > (node.allocatable.pods ?? 0)) reasons.push('Too many pods')
    for (const name in pod.requests) {
      const want = pod.requests[name] ?? 0
      if (want === 0 || name === 'pods') continue
      const have = node.allocatable[name] ?? 0
      if (want <= have - (node.requested[name] ?? 0)) continue
      reasons.push(`Insufficient ${name}`)
      if (want > have) resolvable = false
    }
    return reasons.length > 0 ? { reasons, resolvable } : undefined
  },
}
