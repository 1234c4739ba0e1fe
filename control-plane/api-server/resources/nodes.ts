import type { Node } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const nodes = define<Node>({
  group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false, schema: 'core-v1.Node', shortNames: ['no'], subresources: { status: true },
})
