import type { ScorePlugin } from '../plugin.ts'

/** The free share of CPU and memory after the pod, averaged. */
export const leastAllocated: ScorePlugin = {
  name: 'NodeResourcesFit', weight: 1, normalize: 'none',
  score(pod, node) {
    let sum = 0
    for (const name of ['cpu', 'memory']) {
      const have = node.allocatable[name] ?? 0
      const used = (node.weight[name] ?? 0) + (pod.weight[name] ?? 0)
      sum += have === 0 || used > have ? 0 : Math.floor(((have - used) * 100) / have)
    }
    return Math.floor(sum / 2)
  },
}
