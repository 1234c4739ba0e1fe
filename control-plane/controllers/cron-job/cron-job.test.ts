import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { refs } from '../../../shared/api/refs.ts'
import { nextCron, parseCron, zoneOffset } from '../../../shared/values/cron.ts'
import { createWorld } from '../harness.ts'
import { dueAt } from './plan.ts'

const utc = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString())
const next = (text: string, from: string, zone = 'UTC') => utc(nextCron(parseCron(text), Date.parse(from), zoneOffset(zone)))

describe('next time', () => {
  it.each([
    ['*/15 * * * *', '2026-01-01T00:00:00Z', 'UTC', '2026-01-01T00:15:00.000Z'], ['0 0 29 2 *', '2026-01-01T00:00:00Z', 'UTC', '2028-02-29T00:00:00.000Z'],
    ['0 12 13 * fri', '2026-01-01T00:00:00Z', 'UTC', '2026-01-02T12:00:00.000Z'], ['@monthly', '2026-01-31T10:00:00Z', 'UTC', '2026-02-01T00:00:00.000Z'],
    ['30 2 * * *', '2026-03-08T06:00:00Z', 'America/New_York', '2026-03-09T06:30:00.000Z'], ['0 9 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin', '2026-07-01T07:00:00.000Z'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', 'UTC', undefined], ['@every 90s', '2026-01-01T00:00:00Z', 'UTC', '2026-01-01T00:01:30.000Z'],
  ])('%s after %s in %s', (text, from, zone, expected) => { expect(next(text, from, zone)).toBe(expected) })

  it('is the first minute that matches, by a walk over all of them', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 40_000 }), (m, h, start) => {
      const from = Date.UTC(2026, 2, 1) + start * 60_000
      let at = from + 60_000
      while (new Date(at).getUTCMinutes() !== m || new Date(at).getUTCHours() !== h) at += 60_000
      expect(nextCron(parseCron(`${m} ${h} * * *`), from, zoneOffset('UTC'))).toBe(at)
    }), { numRuns: 100 })
  })
})

const cron = (schedule: string, more = {}) => ({ metadata: { name: 'c', namespace: 'default' }, spec: { schedule, timeZone: 'UTC', concurrencyPolicy: 'Allow', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1,
  jobTemplate: { spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'c' }] } } } }, ...more } })

describe('cron job', () => {
  it('has the last of the times it missed, says when there were many, and none before its deadline', () => {
    const stored = (more = {}) => ({ ...cron('* * * * *', more), metadata: { name: 'c', namespace: 'd', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' } })
    const now = Date.parse('2026-01-02T00:00:30Z')
    const due = (more = {}) => { const d = dueAt(stored(more), parseCron('* * * * *'), zoneOffset('UTC'), now); return [utc(d.due), d.missedMany, utc(d.next)] }
    expect(due()).toEqual(['2026-01-02T00:00:00.000Z', true, '2026-01-02T00:01:00.000Z'])
    expect(due({ startingDeadlineSeconds: 200 })).toEqual(['2026-01-02T00:00:00.000Z', false, '2026-01-02T00:01:00.000Z'])
    expect(due({ startingDeadlineSeconds: 20 })).toEqual([undefined, false, '2026-01-02T00:01:00.000Z'])
  })

  it.each([['Allow', 3], ['Forbid', 1], ['Replace', 1]])('%s: of jobs that do not end %i run after three minutes', async (concurrencyPolicy, running) => {
    const w = createWorld()
    await w.source.client().create(refs.Namespace, { metadata: { name: 'default' } })
    await w.source.client().create(refs.CronJob, cron('* * * * *', { concurrencyPolicy }))
    const plane = w.start()
    await w.pass(185_000)
    const jobs = () => w.source.all(refs.Job).filter((j) => !j.metadata.deletionTimestamp)
    expect(jobs()).toHaveLength(running)
    expect(w.source.all(refs.CronJob)[0]?.status?.active).toHaveLength(running)
    expect(jobs().every((j) => /^c-\d+$/.test(j.metadata.name) && j.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'])).toBe(true)
    await plane.stop()
  })
})
