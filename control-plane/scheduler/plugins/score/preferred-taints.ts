import { tolerated } from '../../pod-view.ts'
import type { ScorePlugin } from '../plugin.ts'

/** Fewer PreferNoSchedule taints that the pod does not tolerate. */
export const preferredTaints: ScorePlugin = {
  name: 'TaintToleration', weight: 3, normalize: 'largest-worst',
  score: (pod, node) => node.taints.filter((t) => t.effect === 'PreferNoSchedule' && !tolerated(pod.tolerations, t)).length,
}
