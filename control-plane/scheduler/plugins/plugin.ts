import type { NodeView, PodView } from '../pod-view.ts'

/** Why a node is refused. `resolvable`: removing pods from the node could help. */
export interface Rejection { readonly reasons: readonly string[]; readonly resolvable: boolean }

export interface FilterPlugin {
  readonly name: string
  /** undefined: the node will do. */
  filter(pod: PodView, node: NodeView): Rejection | undefined
}

/** Raw scores of all feasible nodes, then normalised to 0..100; higher is better. */
export interface ScorePlugin {
  readonly name: string
  readonly weight: number
  score(pod: PodView, node: NodeView): number
  /** How raw scores become 0..100: as they are, relative to the largest, or the largest becoming 0. */
  readonly normalize: 'none' | 'largest-best' | 'largest-worst'
}
