/** How quickly a number of replicas may change: stabilization and the policies of `behavior` (upstream `podautoscaler/horizontal.go`, v1.33). Pure. */
import type { HorizontalPodAutoscalerBehavior, HPAScalingRules } from '../../../shared/api/autoscaling-v2.ts'

/** `at`: wall clock, milliseconds. */
export interface Recommendation { readonly replicas: number; readonly at: number }
export interface Change { readonly by: number; readonly at: number }

/** What is remembered of an autoscaler between looks, newest last; in memory alone, as upstream. */
export interface History { readonly recommendations: readonly Recommendation[]; readonly ups: readonly Change[]; readonly downs: readonly Change[] }

export interface Limits { readonly current: number; readonly min: number; readonly max: number; readonly now: number; readonly behavior: HorizontalPodAutoscalerBehavior | undefined }
export interface Note { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }
export interface Normalized { readonly replicas: number; readonly able: Note; readonly limited: Note; readonly history: History }

/** `--horizontal-pod-autoscaler-downscale-stabilization`, seconds. */
const downscaleStabilization = 300

const higher = 'recent recommendations were higher than current one, applying the highest recent recommendation'
const lower = 'recent recommendations were lower than current one, applying the lowest recent recommendation'
const ready: Note = { status: 'True', reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const withinRange = { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' } as const
const tooFew = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' } as const
const tooMany = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' } as const
const upLimit = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' } as const
const downLimit = { reason: 'ScaleDownLimit', message: 'the desired replica count is decreasing faster than the maximum scale rate' } as const

interface Bounded { readonly replicas: number; readonly why: { readonly reason: string; readonly message: string } }

const windowOf = (rules: HPAScalingRules | undefined, otherwise: number): number => (rules?.stabilizationWindowSeconds ?? otherwise) * 1000
const longestPeriod = (rules: HPAScalingRules | undefined): number => Math.max(0, ...(rules?.policies ?? []).map((p) => p.periodSeconds)) * 1000

/** The lowest of recent recommendations before growing, the highest before shrinking. */
function stabilized(wanted: number, { recommendations }: History, { current, now, behavior }: Limits): { replicas: number; note: Note } {
  const { scaleUp, scaleDown } = behavior ?? {}
  const [upWindow, downWindow] = [windowOf(scaleUp, 0), windowOf(scaleDown, downscaleStabilization)]
  let [up, down] = [wanted, wanted]
  for (const { replicas, at } of recommendations) {
    if (at > now - upWindow) up = Math.min(up, replicas)
    if (behavior ? at > now - downWindow : at >= now - downWindow) down = Math.max(down, replicas)
  }
  // Without a behavior nothing holds back growth.
  const replicas = behavior ? Math.min(Math.max(current, up), down) : down
  if (replicas === wanted) return { replicas, note: ready }
  const grows = behavior !== undefined && wanted >= current
  return { replicas, note: { status: 'True', reason: grows ? 'ScaleUpStabilized' : 'ScaleDownStabilized', message: grows ? lower : higher } }
}

/** Not more than twice as many, or four. */
function boundedByDefault(wanted: number, { current, min, max }: Limits): Bounded {
  const most = Math.max(2 * current, 4)
  if (wanted < min) return { replicas: min, why: tooFew }
  if (wanted > Math.min(max, most)) return { replicas: Math.min(max, most), why: max > most ? upLimit : tooMany }
  return { replicas: wanted, why: withinRange }
}

const within = (changes: readonly Change[], period: number, now: number): number => changes.reduce((sum, c) => sum + (c.at > now - period * 1000 ? c.by : 0), 0)

/** The number the policies allow, counted from how many there were when each policy's period began. */
function policyLimit(rules: HPAScalingRules | undefined, { ups, downs }: History, { current, now }: Limits, direction: 1 | -1): number {
  if (!rules || rules.selectPolicy === 'Disabled') return current
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = current - within(ups, periodSeconds, now) + within(downs, periodSeconds, now)
    if (type === 'Pods') return before + direction * value
    return direction > 0 ? Math.ceil(before * (1 + value / 100)) : Math.trunc(before * (1 - value / 100))
  })
  // `Min` means the smallest change, whichever way.
  return (rules.selectPolicy === 'Min') === (direction > 0) ? Math.min(...limits) : Math.max(...limits)
}

function boundedByPolicies(wanted: number, history: History, limits: Limits): Bounded {
  const { current, min, max, behavior } = limits
  if (wanted > current) {
    const allowed = Math.max(current, policyLimit(behavior?.scaleUp, history, limits, 1))
    const most = Math.min(max, allowed)
    if (wanted > most) return { replicas: most, why: max > allowed ? upLimit : tooMany }
  } else if (wanted < current) {
    const allowed = Math.min(current, policyLimit(behavior?.scaleDown, history, limits, -1))
    const least = Math.max(min, allowed)
    if (wanted < least) return { replicas: least, why: min < allowed ? downLimit : tooFew }
  }
  return { replicas: wanted, why: withinRange }
}

/** What is wanted, made what may be done now. The recommendation is remembered as it came. */
export function normalize(wanted: number, history: History, limits: Limits): Normalized {
  const { replicas: steady, note } = stabilized(wanted, history, limits)
  const { replicas, why } = limits.behavior ? boundedByPolicies(steady, history, limits) : boundedByDefault(steady, limits)
  const kept = Math.max(windowOf(limits.behavior?.scaleUp, 0), windowOf(limits.behavior?.scaleDown, downscaleStabilization))
  return {
    replicas, able: note, limited: { status: replicas === steady ? 'False' : 'True', ...why },
    history: { ...history, recommendations: [...history.recommendations.filter((r) => r.at >= limits.now - kept), { replicas: wanted, at: limits.now }] },
  }
}

/** After a change that took place. Without a behavior changes limit nothing, and none is remembered. */
export function changed(history: History, { from, to, at }: { readonly from: number; readonly to: number; readonly at: number }, behavior: HorizontalPodAutoscalerBehavior | undefined): History {
  if (!behavior) return history
  const kept = (list: readonly Change[]): readonly Change[] => {
    // The other direction's policies count these too.
    const longest = Math.max(longestPeriod(behavior.scaleUp), longestPeriod(behavior.scaleDown))
    return list.filter((c) => c.at > at - longest)
  }
  const change = { by: Math.abs(to - from), at }
  return { ...history, ups: to > from ? [...kept(history.ups), change] : kept(history.ups), downs: to < from ? [...kept(history.downs), change] : kept(history.downs) }
}
