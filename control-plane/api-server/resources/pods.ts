import type { Pod } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'
import type { FieldError } from './definition.ts'
import { podColumns } from './pod-columns.ts'
import { qosClassOf } from './pod-qos.ts'
import { defaultPod } from './pod-spec/defaults.ts'
import { isPodPart, keepPart, validateEphemeralUpdate, validateResize } from './pod-parts.ts'
import { validatePod, validatePodStatusUpdate, validatePodUpdate } from './pod-update.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

const validateUpdateOf: Readonly<Record<string, (pod: Pod, old: Pod) => FieldError[]>> =
  { '': validatePodUpdate, status: validatePodStatusUpdate, ephemeralcontainers: validateEphemeralUpdate, resize: validateResize }

export const pods = define<Pod>({
  group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true, schema: 'core-v1.Pod', shortNames: ['po'], categories: ['all'], subresources: { status: true },
  columns: podColumns,
  strategy: {
    default: defaultPod,
    prepareForCreate: (pod) => startGeneration(pod, { phase: 'Pending', qosClass: qosClassOf(pod.spec ?? { containers: [] }) }),
    prepareForUpdate(pod, old, context) {
      // A binding writes the node's name and the PodScheduled condition at once: nothing of it is carried over.
      if (context.subresource === 'binding') return
      if (isPodPart(context.subresource)) return keepPart(context.subresource, pod, old, context)
      carryOver(pod, old, context)
      if (context.subresource === 'status' && pod.status && !pod.status.qosClass && old.status?.qosClass) pod.status.qosClass = old.status.qosClass
    },
    validate: (pod, { subresource, updating }) => (subresource === '' || isPodPart(subresource) ? validatePod(pod, updating === true) : []),
    validateUpdate: (pod, old, { subresource }) => validateUpdateOf[subresource]?.(pod, old) ?? [],
    /** A pod that no node has, or that has ended, has nothing to wait for. */
    gracePeriod(pod, requested) {
      if (!pod.spec?.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0
      const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0
      return period < 0 ? 1 : period
    },
  },
  selectableFields: {
    'spec.nodeName': (p) => p.spec?.nodeName ?? '',
    'spec.restartPolicy': (p) => p.spec?.restartPolicy ?? '',
    'spec.schedulerName': (p) => p.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (p) => p.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (p) => String(p.spec?.hostNetwork ?? false),
    'status.phase': (p) => p.status?.phase ?? '',
    'status.podIP': (p) => p.status?.podIPs?.[0]?.ip ?? p.status?.podIP ?? '',
    'status.podIPs': (p) => p.status?.podIPs?.[0]?.ip ?? p.status?.podIP ?? '',
    'status.nominatedNodeName': (p) => p.status?.nominatedNodeName ?? '',
  },
})
