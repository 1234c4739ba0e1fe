import { describe, expect, it } from 'vitest'
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { containerLimits, milliToQuota, milliToShares, podCgroup, podLimits, sharesToWeight } from './cgroup-numbers.ts'
import { oomScoreAdj } from './oom-score.ts'
import { qosOf } from './qos.ts'

const c = (requests?: Record<string, string>, limits?: Record<string, string>): Container => ({ name: 'c', resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) } })
const pod = (...containers: Container[]): Pod => ({ metadata: { uid: 'u' }, spec: { containers } })

it.each([[0, 2], [1, 2], [100, 102], [1000, 1024], [1_000_000, 262_144]])('%d millicores are %d shares', (m, s) => { expect(milliToShares(m)).toBe(s) })
it.each([[undefined, undefined], [5, 1000], [250, 25_000], [2000, 200_000]])('%s millicores are a quota of %s', (m, q) => { expect(milliToQuota(m)).toBe(q) })
it.each([[2, 1], [1024, 39], [262_144, 10_000]])('%d shares are a weight of %d', (s, w) => { expect(sharesToWeight(s)).toBe(w) })

describe('classes', () => {
  const guaranteed = pod(c({ cpu: '1', memory: '1Gi' }, { cpu: '1000m', memory: '1024Mi' }))
  const burstable = pod(c({ memory: '1Gi' }), c(undefined, { cpu: '500m', memory: '64Mi' }))
  it('are told apart', () => {
    expect([qosOf(guaranteed), qosOf(burstable), qosOf(pod(c()))]).toEqual(['Guaranteed', 'Burstable', 'BestEffort'])
    expect([guaranteed, burstable, pod(c())].map((p) => podCgroup('bramble', p))).toEqual(['/bramble/podu', '/bramble/burstable/podu', '/bramble/besteffort/podu'])
  })
  it('limit the pod only where every container is limited', () => {
    expect(podLimits(guaranteed, false)).toEqual({ cpuShares: 1024, cpuQuota: 100_000, cpuPeriod: 100_000, memoryBytes: 2 ** 30 })
    expect(podLimits(burstable, false)).toEqual({ cpuShares: 512 })
    expect(podLimits(pod(c()), false)).toEqual({ cpuShares: 2 })
    expect(containerLimits(burstable.spec!.containers[1]!)).toEqual({ cpuShares: 512, cpuQuota: 50_000, cpuPeriod: 100_000, memoryBytes: 64 << 20 })
  })
  it('are killed in order when memory runs out', () => {
    const of = (p: Pod): number => oomScoreAdj(p, p.spec!.containers[0]!, 4 * 2 ** 30)
    const sidecar: Container = { ...c({ memory: '1Mi' }), name: 's', restartPolicy: 'Always' }
    const served: Pod = { metadata: { uid: 'u' }, spec: { containers: [c({ memory: '1Gi' }), c({ memory: '2Gi' })], initContainers: [sidecar] } }
    expect(oomScoreAdj(served, sidecar, 4 * 2 ** 30)).toBe(750)
    // Upstream divides whole numbers: 1000 - 333.
    expect(oomScoreAdj(pod(c({ memory: '1Gi' })), c({ memory: '1Gi' }), 3 * 2 ** 30)).toBe(667)
    expect(oomScoreAdj({ ...pod(c()), spec: { containers: [c()], priority: 2_000_000_001 } }, c(), 1)).toBe(1000)
    expect(oomScoreAdj({ ...pod(c()), spec: { containers: [c()], priority: 2_000_001_000, priorityClassName: 'system-node-critical' } }, c(), 1)).toBe(-997)
    expect([of(guaranteed), of(burstable), of(pod(c())), of(pod(c({ cpu: '1' }))), of(pod(c({ memory: '4Gi' })))]).toEqual([-997, 750, 1000, 999, 3])
  })
})
