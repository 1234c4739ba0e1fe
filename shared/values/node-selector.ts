/** Node selector terms (`component-helpers/scheduling/corev1/nodeaffinity`). Pure. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm } from '../api/core-v1.ts'

function meets(r: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (r.operator) {
    case 'In': return value !== undefined && (r.values ?? []).includes(value)
    case 'NotIn': return value === undefined || !(r.values ?? []).includes(value)
    case 'Exists': return value !== undefined
    case 'DoesNotExist': return value === undefined
    case 'Gt': case 'Lt': {
      const [have, want] = [integer(value), integer(r.values?.[0])]
      return have !== undefined && want !== undefined && (r.operator === 'Gt' ? have > want : have < want)
    }
    default: return false
  }
}
const integer = (text: string | undefined): number | undefined => (text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined)

/** All requirements of the term; a term without any matches no node. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  return expressions.every((r) => meets(r, node.metadata?.labels?.[r.key]))
    && fields.every((r) => r.key === 'metadata.name' && meets(r, node.metadata?.name))
}
