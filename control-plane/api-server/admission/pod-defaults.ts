/** What upstream's Priority and DefaultTolerationSeconds plugins put on a new pod. */
import type { Pod, Toleration } from '../../../shared/api/core-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import type { AdmissionPlugin } from './chain.ts'

/** Upstream's built-in classes; PriorityClass objects are not served. */
const systemPriorities: Readonly<Record<string, number>> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 }
/** `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`. */
const TOLERATION_SECONDS = 300
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

const isNewPod = (r: { operation: string; definition: { group: string; resource: string }; subresource: string }): boolean =>
  r.operation === 'CREATE' && r.definition.group === '' && r.definition.resource === 'pods' && r.subresource === ''

export const priority: AdmissionPlugin = {
  name: 'Priority',
  mutate(request) {
    if (!isNewPod(request)) return
    const { spec } = request.object as Pod
    if (!spec) return
    const className = spec.priorityClassName
    const value = className ? systemPriorities[className] : 0
    const pod = { group: '', resource: 'pods', name: request.name }
    if (value === undefined) throw forbidden(pod, `no PriorityClass with name ${className} was found`)
    if (spec.priority !== undefined && spec.priority !== value) {
      throw forbidden(pod, `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`)
    }
    spec.priority = value
    spec.preemptionPolicy ??= 'PreemptLowerPriority'
  },
}

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
