import type { HostPort } from '../../pod-view.ts'
import type { FilterPlugin } from '../plugin.ts'

const collide = (a: HostPort, b: HostPort): boolean => a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')

export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  filter(pod, node) {
    if (pod.hostPorts.length === 0) return undefined
    for (const other of node.pods.values()) {
      if (other.hostPorts.some((b) => pod.hostPorts.some((a) => collide(a, b)))) return { reasons: ["node(s) didn't have free ports for the requested pod ports"], resolvable: true }
    }
    return undefined
  },
}
