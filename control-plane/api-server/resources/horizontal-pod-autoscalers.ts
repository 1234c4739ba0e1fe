import type { HorizontalPodAutoscaler } from '../../../shared/api/autoscaling-v2.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { Column } from './definition.ts'
import { metricsText } from './hpa-metrics-text.ts'
import { defaultAutoscaler, validateAutoscaler, validateAutoscalerStatus } from './hpa-rules.ts'
import { carryOverParts } from './spec-and-status.ts'

type Autoscaler = HorizontalPodAutoscaler

export const autoscalerColumns: readonly Column<Autoscaler>[] = [
  nameColumn,
  column('Reference', (h) => `${h.spec?.scaleTargetRef?.kind ?? ''}/${h.spec?.scaleTargetRef?.name ?? ''}`, { description: 'scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count.' }),
  column('Targets', (h) => metricsText(h.spec?.metrics ?? [], h.status?.currentMetrics ?? []), { description: 'metrics contains the specifications for which to use to calculate the desired replica count.' }),
  column('MinPods', (h) => String(h.spec?.minReplicas ?? '<unset>'), { description: 'minReplicas is the lower limit for the number of replicas to which the autoscaler can scale down.' }),
  column('MaxPods', (h) => h.spec?.maxReplicas ?? 0, { description: 'maxReplicas is the upper limit for the number of replicas to which the autoscaler can scale up.' }),
  column('Replicas', (h) => h.status?.currentReplicas ?? 0, { description: 'currentReplicas is current number of replicas of pods managed by this autoscaler, as last seen by the autoscaler.' }),
  ageColumn,
]

export const horizontalPodAutoscalers = define<Autoscaler>({
  group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', namespaced: true, schema: 'autoscaling-v2.HorizontalPodAutoscaler',
  shortNames: ['hpa'], categories: ['all'], subresources: { status: true }, columns: autoscalerColumns,
  strategy: {
    default: defaultAutoscaler,
    prepareForCreate: (h) => { h.status = { desiredReplicas: 0, currentReplicas: 0 } },
    prepareForUpdate: carryOverParts, validate: validateAutoscaler,
    validateUpdate: (h, _old, { subresource }) => (subresource === 'status' ? validateAutoscalerStatus(h) : []),
  },
})
