/** A new node takes no pods before it is known to be ready (`plugin/pkg/admission/nodetaint`); the node controller takes the taint off. */
import type { Node } from '../../../shared/api/core-v1.ts'
import type { AdmissionPlugin } from './chain.ts'

const KEY = 'node.kubernetes.io/not-ready'

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate({ operation, definition, subresource, object }) {
    if (operation !== 'CREATE' || definition.group !== '' || definition.resource !== 'nodes' || subresource !== '') return
    const spec = ((object as Node).spec ??= {})
    if (!spec.taints?.some((t) => t.key === KEY && t.effect === 'NoSchedule')) spec.taints = [...(spec.taints ?? []), { key: KEY, effect: 'NoSchedule' }]
  },
}
