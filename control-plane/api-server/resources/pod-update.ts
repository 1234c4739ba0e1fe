/** What may change in a pod that exists (`ValidatePodUpdate`). Pure. */
import type { Container, Pod, PodSpec, Toleration } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, required } from './findings.ts'

const allowed = 'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

function validateDeadline(next: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds'
  if (next === undefined) return old === undefined ? [] : [invalidValue(field, null, 'must not update from a positive integer to nil value')]
  return old !== undefined && next > old ? [invalidValue(field, next, 'must be less than or equal to previous value')] : []
}

function validateTolerationChange(next: readonly Toleration[] | undefined, old: readonly Toleration[] | undefined): FieldError[] {
  const bare = (t: Toleration): object => ({ ...t, tolerationSeconds: undefined })
  const kept = (old ?? []).every((o) => (next ?? []).some((n) => equalJson(bare(n), bare(o))))
  return kept ? [] : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
}

function validateImages(next: readonly Container[] | undefined, old: readonly Container[] | undefined, field: string): FieldError[] {
  if ((next ?? []).length !== (old ?? []).length) return [forbidden(field, 'pod updates may not add or remove containers')]
  return (next ?? []).flatMap((c, i) => (c.image ? [] : [required(`${field}[${i}].image`)]))
}

/** The spec with everything a pod update may change set to its old value. */
function munged(next: PodSpec, old: PodSpec): PodSpec {
  const images = (list: Container[] | undefined, from: Container[] | undefined): Container[] | undefined =>
    list?.map((c, i) => ({ ...c, ...(from?.[i]?.image === undefined ? {} : { image: from[i].image }) }))
  const out: PodSpec = { ...next, containers: images(next.containers, old.containers) ?? [] }
  const init = images(next.initContainers, old.initContainers)
  if (init) out.initContainers = init
  for (const f of ['activeDeadlineSeconds', 'tolerations', 'ephemeralContainers'] as const) {
    if (old[f] === undefined) delete out[f]
    else (out as unknown as Record<string, unknown>)[f] = old[f]
  }
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) out.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds as number
  // Gates may be lifted, not added; a gated pod's placement may be narrowed.
  if ((next.schedulingGates ?? []).every((g) => old.schedulingGates?.some((o) => o.name === g.name))) {
    if (old.schedulingGates) out.schedulingGates = old.schedulingGates
  }
  return out
}

/** `spec` of a write to the pod itself; binding and status have their own rules. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const next = pod.spec ?? { containers: [] }
  const last = old.spec ?? { containers: [] }
  const counts = [...validateImages(next.containers, last.containers, 'spec.containers'), ...validateImages(next.initContainers, last.initContainers, 'spec.initContainers')]
  if (counts.length) return counts
  const found = [...validateDeadline(next.activeDeadlineSeconds, last.activeDeadlineSeconds), ...validateTolerationChange(next.tolerations, last.tolerations)]
  if ((next.schedulingGates ?? []).some((g) => !last.schedulingGates?.some((o) => o.name === g.name))) {
    found.push(forbidden('spec.schedulingGates', 'only deletion is allowed, but found new scheduling gate(s)'))
  } else if (!equalJson(munged(next, last), last)) found.push(forbidden('spec', `${allowed}\n`))
  return found
}

/** A status write: a container that has ended for good under its restart policy does not come back. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const found: FieldError[] = []
  if (pod.spec?.nodeName !== old.spec?.nodeName) found.push(forbidden('status.nodeName', 'may not be changed directly'))
  const policy = old.spec?.restartPolicy
  if (policy === 'Always') return found
  for (const [i, before] of (old.status?.containerStatuses ?? []).entries()) {
    if (!before.state?.terminated || (before.state.terminated.exitCode !== 0 && policy === 'OnFailure')) continue
    const after = pod.status?.containerStatuses?.find((s) => s.name === before.name)
    if (after && !after.state?.terminated) found.push(forbidden(`status.containerStatuses[${i}].state`, 'may not be transitioned to non-terminated state'))
  }
  return found
}
