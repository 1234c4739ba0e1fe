import { describe, expect, it } from 'vitest'
import type { HorizontalPodAutoscalerBehavior, HPAScalingPolicy, HPAScalingRules } from '../../../shared/api/autoscaling-v2.ts'
import { seeded } from '../harness.ts'
import { changed, normalize, type History } from './rules.ts'

const none: History = { recommendations: [], ups: [], downs: [] }
const pods = (value: number, periodSeconds: number): HPAScalingPolicy => ({ type: 'Pods', value, periodSeconds })
const percent = (value: number, periodSeconds: number): HPAScalingPolicy => ({ type: 'Percent', value, periodSeconds })
const now = 1_000_000_000
const behavior = (up: Partial<HPAScalingRules>, down: Partial<HPAScalingRules> = {}): HorizontalPodAutoscalerBehavior => ({
  scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [pods(4, 15), percent(100, 15)], ...up }, scaleDown: { selectPolicy: 'Max', policies: [percent(100, 15)], ...down },
})
const limits = (current: number, more: { min?: number; max?: number; behavior?: HorizontalPodAutoscalerBehavior } = {}) => ({ current, min: 1, max: 1000, now, behavior: undefined, ...more })

describe('without a behavior', () => {
  it.each<[string, number, History, ReturnType<typeof limits>, number, string, string]>([
    ['grows to twice as many', 100, none, limits(5), 10, 'ReadyForNewScale', 'ScaleUpLimit'],
    ['or to four', 100, none, limits(1), 4, 'ReadyForNewScale', 'ScaleUpLimit'],
    ['and no further than the maximum', 100, none, limits(5, { max: 7 }), 7, 'ReadyForNewScale', 'TooManyReplicas'],
    ['shrinks at once where nothing else was recommended lately', 2, none, limits(5), 2, 'ReadyForNewScale', 'DesiredWithinRange'],
    ['no lower than the minimum', 1, none, limits(5, { min: 3 }), 3, 'ReadyForNewScale', 'TooFewReplicas'],
    ['waits for five minutes before it shrinks', 2, { ...none, recommendations: [{ replicas: 5, at: now - 299_000 }] }, limits(5), 5, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ['and no longer', 2, { ...none, recommendations: [{ replicas: 5, at: now - 301_000 }] }, limits(5), 2, 'ReadyForNewScale', 'DesiredWithinRange'],
  ])('%s', (_name, wanted, history, limit, replicas, able, limited) => {
    const out = normalize(wanted, history, limit)
    expect([out.replicas, out.able.reason, out.limited.reason]).toEqual([replicas, able, limited])
    expect(out.limited.status).toBe(limited === 'DesiredWithinRange' ? 'False' : 'True')
  })
})

describe('a behavior', () => {
  it.each<[string, number, History, ReturnType<typeof limits>, number, string]>([
    ['the larger of two policies', 1000, none, limits(10, { behavior: behavior({}) }), 20, 'ScaleUpLimit'],
    ['the smaller where so chosen', 1000, none, limits(10, { behavior: behavior({ selectPolicy: 'Min' }) }), 14, 'ScaleUpLimit'],
    ['none where disabled', 1000, none, limits(10, { behavior: behavior({ selectPolicy: 'Disabled' }) }), 10, 'ScaleUpLimit'],
    ['a policy counts what was added in its period', 1000, { ...none, ups: [{ by: 3, at: now - 10_000 }] }, limits(10, { behavior: behavior({ policies: [pods(4, 15)] }) }), 11, 'ScaleUpLimit'],
    ['and no more', 1000, { ...none, ups: [{ by: 3, at: now - 16_000 }] }, limits(10, { behavior: behavior({ policies: [pods(4, 15)] }) }), 14, 'ScaleUpLimit'],
    ['what was taken away gives room', 1000, { ...none, downs: [{ by: 5, at: now - 5000 }] }, limits(10, { behavior: behavior({ policies: [pods(4, 15)] }) }), 19, 'ScaleUpLimit'],
    ['downwards by a tenth', 1, none, limits(100, { behavior: behavior({}, { stabilizationWindowSeconds: 0, policies: [percent(10, 60)] }) }), 90, 'ScaleDownLimit'],
    ['the larger change is the lower number', 1, none, limits(100, { behavior: behavior({}, { stabilizationWindowSeconds: 0, policies: [percent(10, 60), pods(20, 60)] }) }), 80, 'ScaleDownLimit'],
    ['the smaller one the higher', 1, none, limits(100, { behavior: behavior({}, { stabilizationWindowSeconds: 0, selectPolicy: 'Min', policies: [percent(10, 60), pods(20, 60)] }) }), 90, 'ScaleDownLimit'],
    ['waits upwards for the lowest of its window', 10, { ...none, recommendations: [{ replicas: 6, at: now - 20_000 }] }, limits(5, { behavior: behavior({ stabilizationWindowSeconds: 60 }) }), 6, 'DesiredWithinRange'],
  ])('%s', (_name, wanted, history, limit, replicas, limited) => {
    const out = normalize(wanted, history, limit)
    expect([out.replicas, out.limited.reason]).toEqual([replicas, limited])
  })
})

/** Hours of looks at random targets: whatever is wanted, the number stays within its bounds and moves no faster than a policy allows. */
describe('at random', () => {
  it('never leaves min and max, and never outruns its policies', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = seeded(seed)
      const upTo = (n: number): number => Math.floor(random() * n)
      const rules = (): HPAScalingRules => ({
        stabilizationWindowSeconds: upTo(3) * 60, selectPolicy: (['Max', 'Min', 'Disabled'] as const)[Math.min(2, upTo(5) >> 1)] ?? 'Max',
        policies: Array.from({ length: 1 + upTo(2) }, () => (random() < 0.5 ? pods(1 + upTo(5), 15 + upTo(120)) : percent(1 + upTo(150), 15 + upTo(120)))),
      })
      const chosen = { scaleUp: rules(), scaleDown: rules() }
      const [min, max] = [1 + upTo(3), 4 + upTo(60)]
      let [current, history, at] = [min + upTo(max - min + 1), none, now]
      const sizes: { replicas: number; at: number }[] = [{ replicas: current, at: 0 }]
      for (let look = 0; look < 120; look++, at += 15_000) {
        const out = normalize(upTo(2 * max), history, { current, min, max, now: at, behavior: chosen })
        expect(out.replicas, `seed ${seed}`).toBeGreaterThanOrEqual(min)
        expect(out.replicas, `seed ${seed}`).toBeLessThanOrEqual(max)
        history = out.replicas === current ? out.history : changed(out.history, { from: current, to: out.replicas, at }, chosen)
        const up = out.replicas > current
        const policies = (up ? chosen.scaleUp : chosen.scaleDown)
        if (out.replicas !== current) {
          expect(policies.selectPolicy, `seed ${seed}`).not.toBe('Disabled')
          const allowed = (policies.policies ?? []).map((p) => {
            // How many there were when the policy's period began: counted from the sizes themselves, not from what the rules remember.
            const before = sizes.findLast((s) => s.at <= at - p.periodSeconds * 1000)?.replicas ?? current
            const step = p.type === 'Pods' ? p.value : Math.ceil((before * p.value) / 100)
            return up ? before + step : before - step
          })
          const limit = (policies.selectPolicy === 'Min') === up ? Math.min(...allowed) : Math.max(...allowed)
          if (up) expect(out.replicas, `seed ${seed} look ${look}`).toBeLessThanOrEqual(Math.max(limit, current))
          else expect(out.replicas, `seed ${seed} look ${look}`).toBeGreaterThanOrEqual(Math.min(limit, current))
        }
        current = out.replicas
        sizes.push({ replicas: current, at })
        expect(history.recommendations.length, 'memory is bounded').toBeLessThan(25)
      }
    }
  })
})
