/** Which taints a pod puts up with (`component-helpers/scheduling/corev1.TolerationsTolerateTaint`). Pure. */
import type { Taint, Toleration } from '../api/core-v1.ts'

const tolerates = (toleration: Toleration, taint: Taint): boolean =>
  (!toleration.effect || toleration.effect === taint.effect) && (!toleration.key || toleration.key === taint.key)
  && (toleration.operator === 'Exists' || (Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')))

/** The first taint of these effects that nothing tolerates. */
export const untolerated = (taints: readonly Taint[] | undefined, tolerations: readonly Toleration[] | undefined, effects: readonly string[]): Taint | undefined =>
  taints?.find((taint) => effects.includes(taint.effect) && !tolerations?.some((t) => tolerates(t, taint)))
