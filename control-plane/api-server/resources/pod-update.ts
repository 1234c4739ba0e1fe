/** What a pod may be when it is made, and what may change in one that exists (`ValidatePodCreate`, `ValidatePodUpdate`). Pure. */
import type { Container, NodeAffinity, NodeSelectorTerm, Pod, PodSchedulingGate, PodSpec, Toleration } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { rangeMessage } from '../../../shared/values/names.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, required } from './findings.ts'
import { validatePodSpec } from './pod-spec/validate.ts'

const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'
const maxInt32 = 2 ** 31 - 1

/** The pod itself, made or changed. */
export function validatePod({ metadata = {}, spec }: Pod, updating: boolean): FieldError[] {
  const found: FieldError[] = []
  const cost = metadata.annotations?.[deletionCost]
  if (cost !== undefined && !(/^(0|[+-]?[1-9]\d{0,9})$/.test(cost) && Math.abs(Number(cost)) <= maxInt32 + (cost.startsWith('-') ? 1 : 0))) {
    found.push(invalidValue(`metadata.annotations[${deletionCost}]`, cost, 'must be a 32bit integer'))
  }
  found.push(...validatePodSpec(spec, 'spec', metadata))
  if (updating) return found
  if (spec?.ephemeralContainers?.length) found.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'))
  if (spec?.nodeName && spec.schedulingGates?.length) found.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  return found
}

const allowed = 'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

function validateDeadline(next: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds'
  if (next === undefined) return old === undefined ? [] : [invalidValue(field, null, 'must not update from a positive integer to nil value')]
  if (next < 0 || next > maxInt32) return [invalidValue(field, next, rangeMessage(0, maxInt32))]
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

/** Gates may be lifted, not added. */
const validateGates = (next: readonly PodSchedulingGate[], old: readonly PodSchedulingGate[]): FieldError[] => next.flatMap(({ name }, i) =>
  (old.some((o) => o.name === name) ? [] : [forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)]))

const onlyMore = 'only additions are allowed (no mutations or deletions)'
const grew = (next: NodeSelectorTerm | undefined, old: NodeSelectorTerm): boolean => (['matchExpressions', 'matchFields'] as const).every((f) =>
  (old[f]?.length || old.matchExpressions?.length || old.matchFields?.length ? (old[f] ?? []).every((e, i) => equalJson(e, next?.[f]?.[i])) : !next?.[f]?.length))

/** Where a gated pod may run can be narrowed. */
function validateNarrowing(next: PodSpec, old: PodSpec): FieldError[] {
  const found: FieldError[] = []
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => next.nodeSelector?.[key] === value)
  if (!kept) found.push(invalidValue('spec.nodeSelector', next.nodeSelector ?? {}, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'))
  const termsOf = (affinity: NodeAffinity | undefined): readonly NodeSelectorTerm[] => affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const [terms, before] = [termsOf(next.affinity?.nodeAffinity), termsOf(old.affinity?.nodeAffinity)]
  if (before.length === 0) return found
  const at = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  if (terms.length !== before.length) return [...found, invalidValue(at, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')]
  before.forEach((term, i) => { if (!grew(terms[i], term)) found.push(invalidValue(`${at}[${i}]`, terms[i], onlyMore)) })
  return found
}

/** The affinity with the nodes' part of another. */
function withNodeAffinity(next: PodSpec, old: PodSpec): PodSpec['affinity'] | undefined {
  const { nodeAffinity: _node, ...rest } = next.affinity ?? {}
  const nodeAffinity = old.affinity?.nodeAffinity
  return old.affinity === undefined && Object.keys(rest).length === 0 ? undefined : { ...rest, ...(nodeAffinity ? { nodeAffinity } : {}) }
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
  const put = <K extends keyof PodSpec>(key: K, value: PodSpec[K] | undefined): void => {
    if (value === undefined) delete out[key]
    else out[key] = value as PodSpec[K]
  }
  put('schedulingGates', old.schedulingGates)
  if (old.schedulingGates?.length) {
    put('nodeSelector', old.nodeSelector)
    put('affinity', withNodeAffinity(next, old))
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
  found.push(...validateGates(next.schedulingGates ?? [], last.schedulingGates ?? []))
  if (last.schedulingGates?.length) found.push(...validateNarrowing(next, last))
  if (!equalJson(munged(next, last), last)) found.push(forbidden('spec', `${allowed}\n`))
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
