import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { evictionMessage, look, noPressure, refusal, victim, type EvictionState, type PodUsage } from './plan.ts'
import { defaultHard, parseThresholds, ThresholdError, withAllocatable, withMinimumReclaim, type Readings } from './signals.ts'

const seconds = (text: string): number => Number(text.replace('s', '')) * 1000
const Mi = 2 ** 20
const readings = (memory: number, disk = 50): Readings => ({ 'memory.available': { available: memory * Mi, capacity: 1000 * Mi }, 'nodefs.available': { available: disk * Mi, capacity: 100 * Mi } })
const pod = (name: string, more: { priority?: number; static?: boolean } = {}): Pod => ({ metadata: { name, ...(more.static ? { annotations: { 'kubernetes.io/config.source': 'file' } } : {}) }, spec: { containers: [], ...(more.priority === undefined ? {} : { priority: more.priority }) } })
const usage = (name: string, memory: number, request: number, more: Parameters<typeof pod>[1] = {}): PodUsage => ({ pod: pod(name, more), memoryBytes: memory * Mi, memoryRequest: request * Mi, diskBytes: memory * Mi, diskRequest: 0, pids: memory, containers: [{ name: 'c', memoryBytes: memory * Mi, memoryRequest: request * Mi }] })

describe('thresholds', () => {
  it('are read as upstream writes them', () => {
    expect(parseThresholds(defaultHard, 'memory.available<300Mi', 'memory.available=30s', seconds).map((t) => [t.signal, t.value, t.grace])).toEqual([
      ['memory.available', { amount: 100 * Mi }, 0], ['nodefs.available', { share: 0.1 }, 0], ['nodefs.inodesFree', { share: 0.05 }, 0], ['memory.available', { amount: 300 * Mi }, 30_000],
    ])
  })
  it.each([['memory.available', /SIGNAL<VALUE/], ['memory.free<1Gi', /one of memory\.available/], ['memory.available<lots', /a quantity or a percentage/], ['memory.available<101%', /more than there can be/], ['imagefs.available<10%', /set nodefs\.available/]])('%s is refused by name', (text, why) => {
    expect(() => parseThresholds(text, '', '', seconds)).toThrow(why)
    expect(() => parseThresholds(text, '', '', seconds)).toThrow(ThresholdError)
  })
  it('a soft one needs its grace', () => { expect(() => parseThresholds('', 'memory.available<1Gi', '', seconds)).toThrow(/without a grace period/) })
})

describe('a look at the node', () => {
  const thresholds = parseThresholds('memory.available<100Mi,nodefs.available<10%', 'memory.available<300Mi', 'memory.available=30s', seconds)
  const at = (state: Parameters<typeof look>[0], now: number, r: Readings) => look(state, { thresholds, readings: r, now, transition: 300_000 })

  it('acts on a hard threshold at once, on a soft one when its grace is over, and tells of the pressure for a while after', () => {
    expect(at(noPressure, 0, readings(50)).due?.text).toBe('100Mi')
    const first = at(noPressure, 0, readings(200))
    expect([first.due, first.pressures]).toEqual([undefined, ['MemoryPressure']])
    expect(at(first.state, 29_999, readings(200)).due).toBeUndefined()
    const due = at(first.state, 30_000, readings(200))
    expect(due.due?.text).toBe('300Mi')
    const over = at(due.state, 40_000, readings(900))
    expect([over.due, over.pressures]).toEqual([undefined, ['MemoryPressure']])
    expect(at(over.state, 330_000, readings(900)).pressures).toEqual([])
    // A soft threshold that was not met in between starts its grace anew.
    expect(at(over.state, 50_000, readings(200)).due).toBeUndefined()
  })

  it('is short of a threshold until its minimum reclaim is there as well', () => {
    const [t] = withMinimumReclaim(parseThresholds('memory.available<100Mi', '', '', seconds), 'memory.available=50Mi')
    const of = (before: EvictionState, available: number) => look(before, { thresholds: [t!], readings: { 'memory.available': { available: available * 2 ** 20, capacity: 2 ** 32 } }, now: 0, transition: 0 })
    expect(of(noPressure, 120).due).toBeUndefined()
    const short = of(noPressure, 90)
    expect([short.due?.signal, of(short.state, 120).due?.signal, of(short.state, 151).due]).toEqual(['memory.available', 'memory.available', undefined])
  })

  it('holds for what all pods together may have as for the node', () => {
    const all = withAllocatable(parseThresholds('memory.available<100Mi,nodefs.available<10%', 'memory.available<200Mi', 'memory.available=60s', seconds))
    expect(all.map((t) => `${t.signal}/${t.grace}`)).toEqual(['memory.available/0', 'nodefs.available/0', 'memory.available/60000', 'allocatableMemory.available/0'])
    const seen = look(noPressure, { thresholds: all, readings: { 'memory.available': { available: 2 ** 31, capacity: 2 ** 32 }, 'allocatableMemory.available': { available: 50 << 20, capacity: 2 ** 29 } }, now: 0, transition: 0 })
    expect([seen.pressures, seen.due?.signal]).toEqual([['MemoryPressure'], 'allocatableMemory.available'])
    expect(() => parseThresholds('allocatableMemory.available<1Mi', '', '', seconds)).toThrow('SIGNAL<VALUE with one of memory.available')
  })

  it('looks after memory before disk', () => {
    const both = at(noPressure, 0, readings(50, 1))
    expect([both.due?.signal, both.pressures]).toEqual(['memory.available', ['MemoryPressure', 'DiskPressure']])
    expect(at(noPressure, 0, readings(900, 1)).due?.signal).toBe('nodefs.available')
  })
})

describe('who goes', () => {
  const who = (signal: Parameters<typeof victim>[0], ...pods: PodUsage[]): string | undefined => victim(signal, pods)?.pod.metadata?.name
  it('goes by request, then priority, then excess', () => {
    expect(who('memory.available', usage('within', 500, 600), usage('above', 20, 10, { priority: 1000 }))).toBe('above')
    expect(who('memory.available', usage('high', 100, 10, { priority: 10 }), usage('low', 20, 10, { priority: 1 }))).toBe('low')
    expect(who('memory.available', usage('little', 100, 90), usage('much', 60, 10))).toBe('much')
    expect(who('pid.available', usage('few', 10, 0), usage('many', 100, 500))).toBe('many')
    expect(who('nodefs.available', usage('small', 10, 0), usage('large', 100, 500))).toBe('large')
  })
  it('is never a static or a critical pod', () => {
    expect(who('memory.available', usage('static', 500, 0, { static: true }), usage('critical', 500, 0, { priority: 2_000_001_000 }), usage('small', 1, 0))).toBe('small')
    expect(who('memory.available', usage('static', 500, 0, { static: true }))).toBeUndefined()
  })
  it('is told why in upstream\'s words', () => {
    const [threshold] = parseThresholds('memory.available<100Mi', '', '', seconds)
    expect(evictionMessage(threshold!, readings(50), usage('p', 70, 0))).toBe('The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was using 70Mi, request is 0, has larger consumption of memory. ')
    expect(evictionMessage(threshold!, readings(50), usage('p', 70, 80))).toBe('The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ')
  })
})

describe('a pod that comes while the node is in need', () => {
  const tolerant: Pod = { spec: { containers: [], tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }] } }
  it.each([
    [[], pod('p'), 'BestEffort', undefined],
    [['MemoryPressure'], pod('p'), 'BestEffort', 'The node had condition: [MemoryPressure]. '],
    [['MemoryPressure'], pod('p'), 'Burstable', undefined],
    [['MemoryPressure'], tolerant, 'BestEffort', undefined],
    [['DiskPressure'], pod('p'), 'Guaranteed', 'The node had condition: [DiskPressure]. '],
    [['MemoryPressure', 'DiskPressure'], pod('p'), 'Burstable', 'The node had condition: [MemoryPressure, DiskPressure]. '],
    [['DiskPressure'], pod('p', { static: true }), 'BestEffort', undefined],
  ] as const)('%j', (pressures, p, qos, expected) => { expect(refusal(pressures, p, qos)).toBe(expected) })
})
