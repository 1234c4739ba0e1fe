import { tolerated } from '../../pod-view.ts'
import type { FilterPlugin } from '../plugin.ts'

export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  filter(pod, node) {
    const taint = node.taints.find((t) => (t.effect === 'NoSchedule' || t.effect === 'NoExecute') && !tolerated(pod.tolerations, t))
    return taint ? { reasons: [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`], resolvable: false } : undefined
  },
}
