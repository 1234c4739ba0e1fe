import type { ScorePlugin } from '../plugin.ts'

/** Pods of one controller apart: the soft default of topology spread, by host (upstream's default constraint `kubernetes.io/hostname`, ScheduleAnyway). */
export const spread: ScorePlugin = {
  name: 'PodTopologySpread', weight: 2, normalize: 'largest-worst',
  score: (pod, node) => (pod.family === '' ? 0 : node.families.get(pod.family) ?? 0),
}
