import type { FilterPlugin } from '../plugin.ts'

export const nodeName: FilterPlugin = {
  name: 'NodeName',
  filter: ({ pod }, node) => (!pod.spec?.nodeName || pod.spec.nodeName === node.name ? undefined : { reasons: ["node(s) didn't match the requested node name"], resolvable: false }),
}
