/** What one look at a HorizontalPodAutoscaler comes to (upstream `reconcileAutoscaler`, v1.33): events, conditions, and whether the target gets another size. Pure. */
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus, MetricStatus } from '../../../shared/api/autoscaling-v2.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { propose, type Reading, type Scene } from './proposals.ts'
import { normalize, type History, type Note } from './rules.ts'

export interface ScaleFacts { readonly specReplicas: number; readonly statusReplicas: number; readonly selector: string }
export interface Told { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }

type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited'
export type Conditions = readonly HorizontalPodAutoscalerCondition[]

/** The time of a condition moves with its status alone. */
export function withCondition(conditions: Conditions, type: ConditionType, { status, reason, message }: Note, now: number): Conditions {
  const before = conditions.find((c) => c.type === type)
  const next = { type, status, reason, message, lastTransitionTime: before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : timestamp(now) }
  return before ? conditions.map((c) => (c === before ? next : c)) : [...conditions, next]
}

const no = (reason: string, message: string): Note => ({ status: 'False', reason, message })

/** The target cannot be read. */
export function unreadable(hpa: HorizontalPodAutoscaler, error: string, now: number): { readonly status: HorizontalPodAutoscalerStatus; readonly event: Told } {
  const conditions = withCondition(hpa.status?.conditions ?? [], 'AbleToScale', no('FailedGetScale', `the HPA controller was unable to get the target's current scale: ${error}`), now)
  return { status: { ...hpa.status, desiredReplicas: hpa.status?.desiredReplicas ?? 0, conditions: [...conditions] }, event: { type: 'Warning', reason: 'FailedGetScale', message: error } }
}

/** What decides: the metrics, or something that comes before them. */
export type Ground = 'metrics' | 'disabled' | 'above' | 'below'

export function groundOf({ spec }: HorizontalPodAutoscaler, { specReplicas }: ScaleFacts): Ground {
  const min = spec?.minReplicas ?? 1
  if (specReplicas === 0 && min !== 0) return 'disabled'
  if (specReplicas > (spec?.maxReplicas ?? Infinity)) return 'above'
  return specReplicas < min ? 'below' : 'metrics'
}

/** What is wrong with the target's selector: how it is told, and for the condition where that says it otherwise. */
export interface SelectorTrouble { readonly reason: string; readonly message: string; readonly condition?: string }
export const selectorRequired: SelectorTrouble = { reason: 'SelectorRequired', message: 'selector is required', condition: 'the HPA target\'s scale is missing a selector' }
export const invalidSelector = (error: string): SelectorTrouble => ({ reason: 'InvalidSelector', message: `couldn't convert selector into a corresponding internal selector object: ${error}` })
/** `autoscalers`: those that would act on pods of it, `namespace/name`. */
export const ambiguousSelector = (selector: string, autoscalers: readonly string[]): SelectorTrouble =>
  ({ reason: 'AmbiguousSelector', message: `pods by selector ${selector} are controlled by multiple HPAs: [${autoscalers.join(' ')}]` })

export interface Look {
  readonly hpa: HorizontalPodAutoscaler
  readonly scale: ScaleFacts
  readonly history: History
  readonly now: number
  /** Where the ground is `metrics`: what was read for each, in the order of the spec, or why nothing was. */
  readonly measured: { readonly readings: readonly Reading[]; readonly scene: Scene } | { readonly trouble: SelectorTrouble } | undefined
}

export interface Plan {
  readonly conditions: Conditions
  readonly events: readonly Told[]
  readonly metrics: readonly MetricStatus[] | undefined
  /** Another size and why; undefined to leave it. */
  readonly rescale: { readonly replicas: number; readonly reason: string } | undefined
  /** Nothing could be decided: the number that was desired before stays. */
  readonly undecided: boolean
  readonly history: History
}

interface Computed { readonly conditions: Conditions; readonly events: readonly Told[]; readonly metrics: readonly MetricStatus[] | undefined; readonly proposal: { readonly replicas: number; readonly name: string } | undefined; readonly error: string | undefined }

/** The greatest of what the metrics ask for; where some cannot be read the others may only make more. */
function compute({ hpa, scale, now, measured }: Look, conditions: Conditions): Computed {
  const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message })
  if (!measured || 'trouble' in measured) {
    const { reason, message, condition } = measured?.trouble ?? selectorRequired
    const note = no(reason === 'SelectorRequired' ? 'InvalidSelector' : reason, condition ?? message)
    return { conditions: withCondition(conditions, 'ScalingActive', note, now), events: [warning(reason, message)], metrics: undefined, proposal: undefined, error: message }
  }
  const specs = hpa.spec?.metrics ?? []
  const proposals = specs.map((spec, i) => propose(spec, measured.readings[i] ?? { failure: 'not read' }, measured.scene))
  const metrics = proposals.map((p) => ('failure' in p ? { type: '' } : p.status))
  const failures = proposals.flatMap((p) => ('failure' in p ? [p.failure] : []))
  const events = failures.map((f) => warning(f.reason, f.message))
  let best: { replicas: number; name: string } | undefined
  for (const p of proposals) if (!('failure' in p) && (!best || best.replicas === 0 || p.replicas > best.replicas)) best = p
  const [first] = failures
  const error = first && `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first.error}`
  if (!best || (first && best.replicas < scale.specReplicas)) {
    const note = no(first?.reason ?? '', `the HPA was unable to compute the replica count: ${first?.message ?? ''}`)
    return { conditions: withCondition(conditions, 'ScalingActive', note, now), events, metrics, proposal: undefined, error: error ?? 'no metrics' }
  }
  const valid: Note = { status: 'True', reason: 'ValidMetricFound', message: `the HPA was able to successfully calculate a replica count from ${best.name}` }
  return { conditions: withCondition(conditions, 'ScalingActive', valid, now), events, metrics, proposal: best, error }
}

export function planLook(look: Look): Plan {
  const { hpa, scale, now } = look
  const { specReplicas: current } = scale
  const [min, max] = [hpa.spec?.minReplicas ?? 1, hpa.spec?.maxReplicas ?? current]
  const able = withCondition(hpa.status?.conditions ?? [], 'AbleToScale', { status: 'True', reason: 'SucceededGetScale', message: 'the HPA controller was able to get the target\'s current scale' }, now)
  // What there was at the first look is a recommendation too: a controller that starts anew does not shrink at once.
  const history = look.history.recommendations.length ? look.history : { ...look.history, recommendations: [{ replicas: current, at: now }] }
  const base = { conditions: able, events: [], metrics: undefined, undecided: false, history }
  switch (groundOf(hpa, scale)) {
    case 'disabled':
      return { ...base, rescale: undefined, conditions: withCondition(able, 'ScalingActive', no('ScalingDisabled', 'scaling is disabled since the replica count of the target is zero'), now) }
    case 'above': return { ...base, rescale: { replicas: max, reason: 'Current number of replicas above Spec.MaxReplicas' } }
    case 'below': return { ...base, rescale: { replicas: min, reason: 'Current number of replicas below Spec.MinReplicas' } }
    case 'metrics': return byMetrics(look, able, history, { min, max })
  }
}

function byMetrics(look: Look, able: Conditions, history: History, { min, max }: { readonly min: number; readonly max: number }): Plan {
  const { hpa, scale: { specReplicas: current }, now } = look
  const { conditions, events, metrics, proposal, error } = compute(look, able)
  if (!proposal) return { conditions, events: [...events, { type: 'Warning', reason: 'FailedComputeMetricsReplicas', message: error ?? '' }], metrics, rescale: undefined, undecided: true, history }
  const reason = proposal.replicas > current ? `${proposal.name} above target` : proposal.replicas < current ? 'All metrics below target' : ''
  const normal = normalize(proposal.replicas, history, { current, min, max, now, behavior: hpa.spec?.behavior })
  return {
    conditions: withCondition(withCondition(conditions, 'AbleToScale', normal.able, now), 'ScalingLimited', normal.limited, now), events, metrics, undecided: false, history: normal.history,
    rescale: normal.replicas === current ? undefined : { replicas: normal.replicas, reason },
  }
}

/** How the change of size went; `failed` is what the API said. Undefined: none was tried. */
export type Outcome = { readonly failed?: string } | undefined

/** The status after the plan was acted on, and what is told of that. */
export function concluded({ hpa, scale, now }: Pick<Look, 'hpa' | 'scale' | 'now'>, plan: Plan, outcome: Outcome): { readonly status: HorizontalPodAutoscalerStatus; readonly events: readonly Told[] } {
  const { rescale, metrics, undecided } = plan
  const statusOf = (desired: number, conditions: Conditions, scaled: boolean): HorizontalPodAutoscalerStatus => ({
    currentReplicas: scale.specReplicas, desiredReplicas: desired, ...(metrics ? { currentMetrics: [...metrics] } : {}), conditions: [...conditions],
    ...(scaled ? { lastScaleTime: timestamp(now) } : hpa.status?.lastScaleTime ? { lastScaleTime: hpa.status.lastScaleTime } : {}),
  })
  const before = hpa.status?.desiredReplicas ?? 0
  if (!rescale || !outcome) return { status: statusOf(undecided ? before : scale.specReplicas, plan.conditions, false), events: [] }
  const size = `New size: ${rescale.replicas}; reason: ${rescale.reason}`
  if (outcome.failed !== undefined) {
    const note = no('FailedUpdateScale', `the HPA controller was unable to update the target scale: ${outcome.failed}`)
    return { status: statusOf(before, withCondition(plan.conditions, 'AbleToScale', note, now), false), events: [{ type: 'Warning', reason: 'FailedRescale', message: `${size}; error: ${outcome.failed}` }] }
  }
  const note: Note = { status: 'True', reason: 'SucceededRescale', message: `the HPA controller was able to update the target scale to ${rescale.replicas}` }
  return { status: statusOf(rescale.replicas, withCondition(plan.conditions, 'AbleToScale', note, now), true), events: [{ type: 'Normal', reason: 'SuccessfulRescale', message: size }] }
}
