import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { claimPods, planReplicas, rankForDeletion, statusOf, type StoredPod } from './plan.ts'

const now = Date.UTC(2026, 0, 2)
interface Traits { node?: string; phase?: string; ready?: boolean; readySince?: string; cost?: string; restarts?: number; created?: string; labels?: Record<string, string> }
const pod = (name: string, t: Traits = {}): StoredPod => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: t.created ?? '2026-01-01T00:00:00Z', labels: t.labels ?? { app: 'x' }, ...(t.cost ? { annotations: { 'controller.kubernetes.io/pod-deletion-cost': t.cost } } : {}) },
  spec: { containers: [], ...(t.node === undefined ? {} : { nodeName: t.node }) },
  status: {
    phase: t.phase ?? 'Running', conditions: [{ type: 'Ready', status: t.ready === false ? 'False' : 'True', lastTransitionTime: t.readySince ?? '2026-01-01T00:00:00Z' }],
    containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: t.restarts ?? 0 }],
  } as NonNullable<Pod['status']>,
})
const none = new Map<string, number>()

describe('which pod goes first', () => {
  it.each<[string, Traits, Traits]>([
    ['without a node', {}, { node: 'a' }],
    ['pending', { node: 'a', phase: 'Pending' }, { node: 'a' }],
    ['not ready', { node: 'a', ready: false }, { node: 'a' }],
    ['cheaper to delete', { node: 'a', cost: '-5' }, { node: 'a' }],
    ['ready for a shorter time', { node: 'a', readySince: '2026-01-01T23:00:00Z' }, { node: 'a' }],
    ['restarted more often', { node: 'a', restarts: 3 }, { node: 'a' }],
    ['younger', { node: 'a', created: '2026-01-01T23:59:00Z' }, { node: 'a' }],
  ])('%s', (_, first, second) => {
    expect(rankForDeletion({ active: [pod('z', first), pod('a', second)], relatedPerNode: none, now }).map((p) => p.metadata.name)).toEqual(['z', 'a'])
  })
  it('the one with more of its kind beside it', () => {
    expect(rankForDeletion({ active: [pod('a', { node: 'one' }), pod('z', { node: 'many' })], relatedPerNode: new Map([['one', 1], ['many', 3]]), now })[0]?.metadata.name).toBe('z')
  })
})

describe('how many', () => {
  it('creates what is missing and no more, deletes what is too many and no more', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 700 }), (desired, have) => {
      const active = Array.from({ length: have }, (_, i) => pod(`p${i}`))
      const plan = planReplicas({ desired, active, relatedPerNode: none, now })
      if ('create' in plan) expect(plan.create).toBe(Math.min(500, Math.max(0, desired - have)))
      else { expect(plan.remove.length).toBe(Math.min(500, have - desired)); expect(new Set(plan.remove).size).toBe(plan.remove.length) }
      expect('create' in plan).toBe(desired >= have)
    }), { numRuns: 60 })
  })
})

describe('claims and status', () => {
  it('adopts orphans that match and live, releases what does not match; an owner being deleted does neither', () => {
    const selector = { matchLabels: { app: 'x' } }
    const owned = [pod('mine'), pod('changed', { labels: { app: 'y' } })]
    const orphans = [pod('lone'), pod('done', { phase: 'Succeeded' }), pod('foreign', { labels: { app: 'y' } })]
    const names = (c: ReturnType<typeof claimPods>) => [c.owned, c.adopt, c.release].map((l) => l.map((p) => p.metadata.name))
    expect(names(claimPods({ uid: 'o', deleting: false, selector }, owned, orphans))).toEqual([['mine'], ['lone'], ['changed']])
    expect(names(claimPods({ uid: 'o', deleting: true, selector }, owned, orphans))).toEqual([['mine'], [], []])
  })
  it('counts ready and available apart, and says when the next becomes available', () => {
    const active = [pod('old'), pod('fresh', { readySince: new Date(now - 4000).toISOString() }), pod('unready', { ready: false })]
    const { status, nextChange } = statusOf({ active, templateLabels: { app: 'x' }, minReadySeconds: 10, generation: 3, previous: undefined, failure: { reason: 'FailedCreate', message: 'no' }, now, timestamp: 't' })
    expect(status).toEqual({ replicas: 3, fullyLabeledReplicas: 3, readyReplicas: 2, availableReplicas: 1, observedGeneration: 3, conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no', lastTransitionTime: 't' }] })
    expect(nextChange).toBe(6000)
  })
})
