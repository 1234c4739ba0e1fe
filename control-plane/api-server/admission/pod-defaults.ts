/** What upstream's DefaultTolerationSeconds plugin puts on a new pod. */
import type { Pod, Toleration } from '../../../shared/api/core-v1.ts'
import type { AdmissionPlugin } from './chain.ts'

/** `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`. */
const TOLERATION_SECONDS = 300
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

const isNewPod = (r: { operation: string; definition: { group: string; resource: string }; subresource: string }): boolean =>
  r.operation === 'CREATE' && r.definition.group === '' && r.definition.resource === 'pods' && r.subresource === ''

const tolerates = ({ key, effect }: Toleration, taint: string): boolean => (!key || key === taint) && (!effect || effect === 'NoExecute')

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate(request) {
    if (!isNewPod(request)) return
    const { spec } = request.object as Pod
    if (!spec) return
    const given = spec.tolerations ?? []
    const missing = taints.filter((taint) => !given.some((t) => tolerates(t, taint)))
    if (missing.length) {
      spec.tolerations = [...given, ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS }))]
    }
  },
}
