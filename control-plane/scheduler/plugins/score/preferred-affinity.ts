import { termMatches } from '../../../../shared/values/node-selector.ts'
import type { ScorePlugin } from '../plugin.ts'

/** The weights of the preferred node affinity terms that match. */
export const preferredAffinity: ScorePlugin = {
  name: 'NodeAffinity', weight: 2, normalize: 'largest-best',
  score: ({ pod }, { node }) => (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .reduce((sum, term) => sum + (termMatches(term.preference, node) ? term.weight : 0), 0),
}
