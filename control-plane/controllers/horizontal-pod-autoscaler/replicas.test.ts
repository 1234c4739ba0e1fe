/** Cases whose facts are upstream's (`replica_calculator_test.go`): how many replicas there are, what is measured, what comes out. */
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { groupPods, replicasForAverage, replicasForShare, replicasForValue, replicasForValuePerPod, type Fleet, type PodMetrics, type Proposal } from './replicas.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const ago = (ms: number): string => new Date(now - ms).toISOString()
interface Given { readonly ready?: boolean; readonly phase?: string; readonly deleted?: boolean; readonly startedAgo?: number; readonly changedAgo?: number; readonly request?: string | undefined; readonly sidecar?: string }

function pod(i: number, g: Given): Stored<Pod> {
  const requests = 'request' in g ? (g.request === undefined ? {} : { cpu: g.request }) : { cpu: '1' }
  return {
    metadata: { name: `p${i}`, namespace: 'd', uid: `u${i}`, resourceVersion: '1', creationTimestamp: ago(0), ...(g.deleted ? { deletionTimestamp: ago(0) } : {}) },
    spec: { containers: [{ name: 'c', resources: { requests } }], ...(g.sidecar ? { initContainers: [{ name: 's', restartPolicy: 'Always', resources: { requests: { cpu: g.sidecar } } }] } : {}) },
    status: { phase: g.phase ?? 'Running', startTime: ago(g.startedAgo ?? 3_600_000), conditions: [{ type: 'Ready', status: g.ready === false ? 'False' : 'True', lastTransitionTime: ago(g.changedAgo ?? 3_600_000) }] },
  } as unknown as Stored<Pod>
}
const fleet = (pods: readonly Given[]): Fleet => ({ pods: pods.map((g, i) => pod(i, g)), current: pods.length, now })
const measured = (values: readonly (number | undefined)[], at = now): PodMetrics => new Map(values.flatMap((value, i) => (value === undefined ? [] : [[`p${i}`, { value, at, window: 60_000 }]])))
const three: readonly Given[] = [{}, {}, {}]
const unready: Given = { ready: false, startedAgo: 60_000, changedAgo: 59_000 }

type Case = readonly [name: string, pods: readonly Given[], values: readonly (number | undefined)[], target: number, wanted: Proposal]

describe('a share of what was requested', () => {
  const cases: readonly Case[] = [
    ['more', three, [300, 500, 700], 30, { replicas: 5, percent: 50, raw: 500 }],
    ['fewer', [{}, {}, {}, {}, {}], [100, 300, 500, 250, 250], 50, { replicas: 3, percent: 28, raw: 280 }],
    ['within the tolerance', three, [1010, 1030, 1020], 100, { replicas: 3, percent: 102, raw: 1020 }],
    ['an unready pod counts as idle before there are more', [{}, {}, unready], [300, 500, 700], 30, { replicas: 3, percent: 40, raw: 400 }],
    ['unready pods alone leave nothing to count', [unready, unready], [300, 500], 30, { failure: 'did not receive metrics for targeted pods (pods might be unready)' }],
    ['a pending pod is unready', [{}, { phase: 'Pending' }, { phase: 'Pending' }], [900], 30, { replicas: 3, percent: 90, raw: 900 }],
    ['a failed pod is not there', [{}, {}, { phase: 'Failed' }], [500, 700], 50, { replicas: 3, percent: 60, raw: 600 }],
    ['a pod that goes is not there', [{}, {}, { deleted: true }], [500, 700, 0], 50, { replicas: 3, percent: 60, raw: 600 }],
    ['a pod without a reading uses all it asked for before there are fewer', [{}, {}, {}, {}], [100, 100, 100], 50, { replicas: 3, percent: 10, raw: 100 }],
    ['and more than that where more is aimed at', [{}, {}, {}, {}], [1000, 1000, 1000], 200, { replicas: 3, percent: 100, raw: 1000 }],
    ['and nothing before there are more', [{}, {}, {}, {}], [1000, 1000, 1000], 40, { replicas: 8, percent: 100, raw: 1000 }],
    ['which may not turn the change round', three, [600, undefined, undefined], 50, { replicas: 3, percent: 60, raw: 600 }],
    ['no pod asked for cpu', [{ request: undefined }], [100], 50, { failure: 'missing request for cpu in container c of Pod p0' }],
    ['a sidecar asks too', [{ sidecar: '1' }], [1000], 25, { replicas: 2, percent: 50, raw: 1000 }],
    ['no pods', [], [], 50, { failure: 'no pods returned by selector while calculating replica count' }],
  ]
  it.each(cases)('%s', (_name, pods, values, target, wanted) => {
    expect(replicasForShare(fleet(pods), measured(values), { resource: 'cpu', container: '', target })).toEqual(wanted)
  })

  it('of one container needs that one\'s request alone', () => {
    const both = fleet([{ request: undefined, sidecar: '1' }])
    expect(replicasForShare(both, measured([1000]), { resource: 'cpu', container: 's', target: 50 })).toEqual({ replicas: 2, percent: 100, raw: 1000 })
  })
})

describe('an amount per pod', () => {
  it.each<Case>([
    ['more', three, [20_000, 10_000, 30_000], 15_000, { replicas: 4, raw: 20_000 }],
    ['fewer', [{}, {}, {}, {}, {}], [12_000, 12_000, 12_000, 12_000, 12_000], 20_000, { replicas: 3, raw: 12_000 }],
    ['a pod without a reading has its target before there are fewer', [{}, {}, {}, {}], [1000, 1000, 1000], 20_000, { replicas: 2, raw: 1000 }],
    ['and nothing before there are more', [{}, {}], [50_000], 15_000, { replicas: 4, raw: 50_000 }],
  ])('%s', (_name, pods, values, target, wanted) => {
    expect(replicasForAverage(fleet(pods), measured(values), { resource: '', target })).toEqual(wanted)
  })
})

describe('one value for all', () => {
  it('is shared by the pods that are ready', () => {
    expect(replicasForValue(fleet([{}, {}, { ready: false }]), 30_000, 15_000)).toEqual({ replicas: 4, raw: 30_000 })
    expect(replicasForValue(fleet(three), 15_500, 15_000)).toEqual({ replicas: 3, raw: 15_500 })
    expect(replicasForValue({ ...fleet([]), current: 0 }, 30_000, 15_000)).toEqual({ replicas: 2, raw: 30_000 })
  })
  it('has a part for each', () => {
    expect(replicasForValuePerPod(3, 8600, 3000)).toEqual({ replicas: 3, raw: 2867 })
    expect(replicasForValuePerPod(3, 15_000, 3000)).toEqual({ replicas: 5, raw: 5000 })
  })
})

describe('a reading of cpu', () => {
  const kind = (g: Given, at = now): string => {
    const groups = groupPods(fleet([g]), measured([100], at), 'cpu')
    return groups.ready ? 'ready' : groups.unready.size ? 'unready' : 'other'
  }
  it.each<[string, Given, number, string]>([
    ['of a pod that starts and was ready for the whole reading', { startedAgo: 120_000, changedAgo: 90_000 }, now, 'ready'],
    ['that began before the pod was ready', { startedAgo: 120_000, changedAgo: 30_000 }, now, 'unready'],
    ['of a pod that starts and is not ready', { startedAgo: 120_000, changedAgo: 100_000, ready: false }, now, 'unready'],
    ['of a pod that was never ready', { startedAgo: 600_000, changedAgo: 599_000, ready: false }, now, 'unready'],
    ['of a pod that was ready once', { startedAgo: 600_000, changedAgo: 300_000, ready: false }, now, 'ready'],
  ])('%s', (_name, given, at, wanted) => { expect(kind(given, at)).toBe(wanted) })
})
