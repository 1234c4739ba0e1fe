/** All plugins, in upstream's order: a node is refused by the first filter that refuses it. */
import { nodeAffinity } from './filter/node-affinity.ts'
import { nodeName } from './filter/node-name.ts'
import { nodePorts } from './filter/node-ports.ts'
import { nodeUnschedulable } from './filter/node-unschedulable.ts'
import { resourcesFit } from './filter/resources-fit.ts'
import { taintToleration } from './filter/taint-toleration.ts'
import type { FilterPlugin, ScorePlugin } from './plugin.ts'
import { balancedAllocation } from './score/balanced-allocation.ts'
import { leastAllocated } from './score/least-allocated.ts'
import { preferredAffinity } from './score/preferred-affinity.ts'
import { preferredTaints } from './score/preferred-taints.ts'
import { spread } from './score/spread.ts'

export const filters: readonly FilterPlugin[] = [nodeUnschedulable, nodeName, taintToleration, nodeAffinity, nodePorts, resourcesFit]
export const scorers: readonly ScorePlugin[] = [preferredTaints, preferredAffinity, spread, leastAllocated, balancedAllocation]
