import type { ScorePlugin } from '../plugin.ts'

/** Nodes where CPU and memory fill evenly: 100 less the standard deviation of the two shares. */
export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation', weight: 1, normalize: 'none',
  score(pod, node) {
    const share = (name: string): number => {
      const have = node.allocatable[name] ?? 0
      return have === 0 ? 1 : Math.min(1, ((node.requested[name] ?? 0) + (pod.requests[name] ?? 0)) / have)
    }
    return Math.floor((1 - Math.abs(share('cpu') - share('memory')) / 2) * 100)
  },
}
