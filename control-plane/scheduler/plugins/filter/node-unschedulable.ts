import { tolerated } from '../../pod-view.ts'
import type { FilterPlugin } from '../plugin.ts'

/** Cordoned nodes take only pods that tolerate the taint of that name. */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  filter: (pod, { node }) =>
    (!node.spec?.unschedulable || tolerated(pod.tolerations, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
      ? undefined : { reasons: ['node(s) were unschedulable'], resolvable: false }),
}
