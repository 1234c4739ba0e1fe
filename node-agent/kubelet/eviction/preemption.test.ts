import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { cannotMakeRoom, whoYields, type Missing } from './preemption.ts'

interface Asks { cpu?: string; memory?: string; guaranteed?: boolean; priority?: number; file?: boolean }
const pod = (name: string, { guaranteed, priority, file, ...requests }: Asks = {}): Pod => ({
  metadata: { name, ...(file ? { annotations: { 'kubernetes.io/config.source': 'file' } } : {}) },
  spec: { ...(priority === undefined ? {} : { priority }), containers: [{ name: 'a', image: 'i', resources: Object.keys(requests).length ? { requests: requests as Record<string, string>, ...(guaranteed ? { limits: requests as Record<string, string> } : {}) } : {} }] },
})
const critical = pod('critical', { priority: 2_000_000_000 })
const names = (missing: readonly Missing[], others: readonly Pod[], who = critical): string[] | readonly Missing[] => { const answer = whoYields(who, missing, others); return 'pods' in answer ? answer.pods.map((p) => p.metadata!.name!) : answer.lacking }
const cpu = (amount: number): Missing => ({ resource: 'cpu', amount })
const memory = (amount: number): Missing => ({ resource: 'memory', amount })

describe('who yields to a critical pod', () => {
  const best = pod('best')
  const [small, large] = [pod('small', { cpu: '100m', memory: '100' }), pod('large', { cpu: '500m', memory: '500' })]
  const sure = pod('sure', { cpu: '500m', memory: '500', guaranteed: true })

  it.each<[string, readonly Missing[], readonly Pod[], string[]]>([
    ['one pod is too many: the least that is promised', [{ resource: 'pods', amount: 1 }], [sure, large, best], ['best']],
    ['the one that gives enough, not two that give it together', [cpu(150)], [small, pod('small-2', { cpu: '100m' }), large], ['large']],
    ['the smaller of two that give enough', [cpu(100)], [large, small], ['small']],
    ['burstable before guaranteed', [cpu(500)], [sure, large], ['large']],
    ['guaranteed for what the others cannot give, and no more of those than are then needed', [cpu(1050)], [pod('sure-2', { cpu: '1', memory: '1', guaranteed: true }), large, small, best], ['small', 'sure-2']],
    ['what gives several things at once', [cpu(100), memory(400)], [small, large], ['large']],
    ['none of what gives nothing', [memory(100)], [best, pod('cpu-only', { cpu: '1' }), small], ['small']],
  ])('%s', (_, missing, others, expected) => { expect(names(missing, others)).toEqual(expected) })

  it('is no critical pod, unless a lesser one, and no static pod', () => {
    const static_ = pod('static', { cpu: '1', file: true })
    expect(names([cpu(100)], [static_, pod('peer', { cpu: '1', priority: 2_000_000_000 })])).toEqual([cpu(100)])
    expect(names([cpu(100)], [static_, pod('lesser', { cpu: '1', priority: 2_000_000_000 })], pod('node', { priority: 2_000_001_000 }))).toEqual(['lesser'])
    expect(names([cpu(100)], [large], static_)).toEqual(['large'])
  })
  it('is nobody where all together are too little: what is lacking then is told', () => {
    expect(names([cpu(700), memory(100)], [small, large])).toEqual([cpu(100)])
    expect(cannotMakeRoom([cpu(100), memory(7)])).toBe('Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 100), (res: memory, q: 7), ]')
  })
})
