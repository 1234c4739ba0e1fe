import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deployment } from '../../../shared/api/apps-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { StoredSet } from './revision.ts'
import { findNewSet, newSetAnnotations, templateHash } from './revision.ts'
import { boundsOf, newSetSize, oldSetSizes, scaledSizes, totalSize, type Bounds } from './sizes.ts'

const set = (name: string, size: number, available: number, annotations: Record<string, string> = {}, created = '2026-01-01T00:00:00Z'): StoredSet => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: created, annotations },
  spec: { replicas: size, selector: {}, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: name }] } } },
  status: { replicas: size, readyReplicas: available, availableReplicas: available },
})
const deployment = (replicas: number, surge: number | string, unavailable: number | string, template = 'new'): Stored<Deployment> => ({
  metadata: { name: 'd', namespace: 'default', uid: 'd', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { replicas, selector: {}, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } }, template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: template }] } } },
})

describe('bounds', () => {
  it.each<[number, number | string, number | string, Bounds]>([
    [10, '25%', '25%', { desired: 10, surge: 3, unavailable: 2 }],
    [1, '25%', '25%', { desired: 1, surge: 1, unavailable: 0 }],
    [4, 0, 0, { desired: 4, surge: 0, unavailable: 1 }],
    [4, '0%', '10%', { desired: 4, surge: 0, unavailable: 1 }],
    [3, 1, 9, { desired: 3, surge: 1, unavailable: 3 }],
    [0, '25%', '25%', { desired: 0, surge: 0, unavailable: 0 }],
  ])('of %i replicas, surge %s, unavailable %s', (n, surge, unavailable, expected) => { expect(boundsOf(deployment(n, surge, unavailable))).toEqual(expected) })
})

describe('rolling update', () => {
  it('never exceeds replicas + maxSurge, never cuts below the availability bound, and ends', () => {
    const world = fc.record({
      desired: fc.integer({ min: 0, max: 20 }), surge: fc.integer({ min: 0, max: 6 }), unavailable: fc.integer({ min: 0, max: 6 }),
      olds: fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 4 }), news: fc.integer({ min: 0, max: 8 }),
      events: fc.array(fc.record({ set: fc.nat(4), up: fc.boolean() }), { maxLength: 80 }),
    })
    fc.assert(fc.property(world, ({ desired, surge, unavailable, olds, news, events }) => {
      const bounds = boundsOf(deployment(desired, surge, unavailable))
      let all = [set('new', news, 0), ...olds.map((n, i) => set(`old${i}`, n, n))]
      const newest = (): StoredSet => all[0] as StoredSet
      const startTotal = totalSize(all)
      const step = (): boolean => {
        const before = all
        const availableBefore = all.reduce((n, s) => n + (s.status?.availableReplicas ?? 0), 0)
        const size = newSetSize(bounds, all, newest().spec?.replicas ?? 0)
        const sizes = size !== newest().spec?.replicas ? new Map([['new', size]]) : oldSetSizes(bounds, newest(), all.slice(1))
        all = all.map((s) => {
          const to = sizes.get(s.metadata.name) ?? s.spec?.replicas ?? 0
          expect(to).toBeGreaterThanOrEqual(0)
          // A set removes what is not available first.
          return set(s.metadata.name, to, Math.min(to, s.status?.availableReplicas ?? 0))
        })
        expect(totalSize(all)).toBeLessThanOrEqual(Math.max(desired + bounds.surge, startTotal))
        const available = all.reduce((n, s) => n + (s.status?.availableReplicas ?? 0), 0)
        const cut = sizes.has('new') ? 0 : availableBefore - available
        if (cut > 0) expect(available).toBeGreaterThanOrEqual(desired - bounds.unavailable)
        return before.some((s, i) => s.spec?.replicas !== all[i]?.spec?.replicas)
      }
      for (const e of events) {
        const i = e.set % all.length
        all = all.map((s, j) => (j === i ? set(s.metadata.name, s.spec?.replicas ?? 0, Math.max(0, Math.min(s.spec?.replicas ?? 0, (s.status?.availableReplicas ?? 0) + (e.up ? 1 : -1)))) : s))
        step()
      }
      // Left alone, with pods that become available, the rollout ends.
      for (let i = 0; i < 300; i++) {
        const moved = step()
        all = all.map((s) => set(s.metadata.name, s.spec?.replicas ?? 0, s.spec?.replicas ?? 0))
        if (!moved && !step()) break
      }
      expect(all.map((s) => s.spec?.replicas)).toEqual([desired, ...olds.map(() => 0)])
    }), { numRuns: 500 })
  })
})

describe('scaling in the middle of a rollout', () => {
  it('shares the change in proportion, and adds up exactly', () => {
    const sets = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 4 })
    fc.assert(fc.property(sets, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 5 }), (sizes, to, surge) => {
      const total = sizes.reduce((a, b) => a + b, 0)
      const marks = { 'deployment.kubernetes.io/desired-replicas': String(Math.max(0, total - surge)), 'deployment.kubernetes.io/max-replicas': String(total) }
      const all = sizes.map((n, i) => set(`s${i}`, n, 0, marks, `2026-01-01T00:00:0${i}Z`))
      const d = deployment(to, surge, 1)
      const result = scaledSizes(d, boundsOf(d), all[0], all.slice(1))
      const after = all.map((s) => result.get(s.metadata.name) ?? s.spec?.replicas ?? 0)
      expect(Math.min(...after)).toBeGreaterThanOrEqual(0)
      expect(after.reduce((a, b) => a + b, 0)).toBe(to + boundsOf(d).surge)
      expect(after.every((n, i) => (to + boundsOf(d).surge >= total ? n >= (sizes[i] ?? 0) : n <= (sizes[i] ?? 0)))).toBe(true)
    }), { numRuns: 300 })
  })
  it('gives everything to the only active set', () => {
    const d = deployment(7, 1, 1)
    expect(scaledSizes(d, boundsOf(d), set('new', 3, 3), [set('old', 0, 0)])).toEqual(new Map([['new', 7]]))
  })
})

describe('revisions', () => {
  it('a template finds its set whatever the order of keys and the hash label; another does not', () => {
    const same = set('x', 1, 1)
    same.spec!.template = { spec: { containers: [{ image: 'new', name: 'c' }] }, metadata: { labels: { 'pod-template-hash': 'abc', app: 'x' } } }
    expect(findNewSet(deployment(1, 1, 0), [set('other', 1, 1), same])).toBe(same)
    expect(findNewSet(deployment(1, 1, 0), [set('other', 1, 1)])).toBeUndefined()
  })
  it('a hash depends on the template and on the collisions', () => {
    const t = deployment(1, 1, 0).spec!.template
    expect(templateHash(t, 0)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
    expect(new Set([templateHash(t, 0), templateHash(t, 1), templateHash(deployment(1, 1, 0, 'b').spec!.template, 0)]).size).toBe(3)
  })
  it('a reused set keeps the revisions it had', () => {
    const d = deployment(1, 1, 0)
    d.metadata.annotations = { 'kubernetes.io/change-cause': 'again', 'kubectl.kubernetes.io/last-applied-configuration': '{}' }
    expect(newSetAnnotations(d, { 'deployment.kubernetes.io/revision': '3', 'deployment.kubernetes.io/revision-history': '1' }, 5, true))
      .toEqual({ 'deployment.kubernetes.io/revision': '5', 'deployment.kubernetes.io/revision-history': '1,3', 'kubernetes.io/change-cause': 'again' })
  })
})
