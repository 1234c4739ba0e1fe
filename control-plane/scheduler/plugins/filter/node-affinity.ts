import type { FilterPlugin } from '../plugin.ts'
import { termMatches } from '../../../../shared/values/node-selector.ts'

/** `nodeSelector` and the required terms of node affinity; terms are alternatives. */
export const nodeAffinity: FilterPlugin = {
  name: 'NodeAffinity',
  filter({ pod }, { node }) {
    const labels = node.metadata.labels ?? {}
    const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
    const ok = Object.entries(pod.spec?.nodeSelector ?? {}).every(([k, v]) => labels[k] === v) && (terms === undefined || terms.some((t) => termMatches(t, node)))
    return ok ? undefined : { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false }
  },
}
