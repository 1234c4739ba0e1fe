/** The pod of a job (upstream `manageJob`): the template with the tracking finalizer, and for an Indexed job its index as annotation, label, host name and environment. Pure. */
import type { Job } from '../../../shared/api/batch-v1.ts'
import type { Container } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { NewPod } from '../pod-control.ts'
import { indexAnnotation } from './indexes.ts'
import { failureCountAnnotation, trackingFinalizer, type NewJobPod } from './plan.ts'

const indexVariable = 'JOB_COMPLETION_INDEX'
/** Host names end at 63 characters. */
const maxHostname = 63

const withIndex = (container: Container): Container =>
  (container.env?.some((e) => e.name === indexVariable) ? container
    : { ...container, env: [...(container.env ?? []), { name: indexVariable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexAnnotation}']` } } }] })

export function jobPod(job: Stored<Job>, { index, failures }: NewJobPod, owner: NonNullable<NonNullable<NewPod['metadata']>['ownerReferences']>[number]): NewPod {
  const { metadata: meta = {}, spec } = job.spec?.template ?? {}
  const indexed = index !== undefined
  return {
    metadata: {
      namespace: job.metadata.namespace ?? '', generateName: indexed ? `${job.metadata.name}-${index}-` : `${job.metadata.name}-`, ownerReferences: [owner],
      labels: { ...meta.labels, ...(indexed ? { [indexAnnotation]: String(index) } : {}) },
      annotations: { ...meta.annotations, ...(indexed ? { [indexAnnotation]: String(index) } : {}), ...(failures === undefined ? {} : { [failureCountAnnotation]: String(failures) }) },
      finalizers: [...(meta.finalizers ?? []), trackingFinalizer],
    },
    ...(spec ? { spec: indexed ? {
      ...spec, hostname: spec.hostname ?? `${job.metadata.name}-${index}`.slice(0, maxHostname), containers: spec.containers.map(withIndex),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndex) } : {}),
    } : spec } : {}),
  }
}
