/** When a CronJob makes its next job, and which of its old ones go (upstream `pkg/controller/cronjob`). Pure. */
import type { CronJob, Job } from '../../../shared/api/batch-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { nextCron, type CronSchedule, type ZoneOffset } from '../../../shared/values/cron.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'

export const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
const tooMany = 100
type StoredCron = Stored<CronJob>
type StoredJob = Stored<Job>

/** The condition a job ended by; undefined while it runs. */
export const endOf = (job: Job): 'Complete' | 'Failed' | undefined => {
  const type = job.status?.conditions?.find((c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True')?.type
  return type as 'Complete' | 'Failed' | undefined
}

export interface Due {
  /** The last time at or before now that has had no job; those missed before it are dropped. */
  readonly due: number | undefined
  readonly missedMany: boolean
  /** The first time after now. */
  readonly next: number | undefined
}

/** What is due, counted from the last job (or the object's creation), but not from before the starting deadline. A clock set back makes nothing due. */
export function dueAt(cron: StoredCron, schedule: CronSchedule, zone: ZoneOffset, now: number): Due {
  const last = fromTimestamp(cron.status?.lastScheduleTime)
  const deadline = cron.spec?.startingDeadlineSeconds
  const since = Math.max(Number.isNaN(last) ? fromTimestamp(cron.metadata.creationTimestamp) : last, deadline === undefined ? -Infinity : now - deadline * 1000)
  const next = nextCron(schedule, Math.max(now, Number.isNaN(last) ? now : last), zone)
  const first = nextCron(schedule, since, zone)
  if (first === undefined || first > now) return { due: undefined, missedMany: false, next }
  const second = nextCron(schedule, first, zone)
  if (second === undefined || second > now) return { due: first, missedMany: false, next }
  // Many may have been missed: from the spacing of two one leaps close to now, and looks further back where the guess held none.
  const spacing = Math.max(1000, second - first)
  const missed = Math.floor((now - first) / spacing) + 1
  let due = first
  for (let back = spacing; ; back *= 2) {
    const from = Math.max(first, now - back)
    let found: number | undefined
    for (let t = nextCron(schedule, from, zone); t !== undefined && t <= now; t = nextCron(schedule, t, zone)) found = t
    if (found !== undefined) { due = found; break }
    if (from === first) break
  }
  return { due, missedMany: missed > tooMany, next }
}

export type NewJob = Job & { metadata: { name: string; namespace: string } }

/** The job of a scheduled time: its name says the minute, so that no time has two. */
export function jobOf(cron: StoredCron, at: number): NewJob {
  const { metadata = {}, spec } = cron.spec?.jobTemplate ?? {}
  const zone = cron.spec?.timeZone
  return {
    metadata: {
      name: `${cron.metadata.name}-${Math.floor(at / 60_000)}`, namespace: cron.metadata.namespace ?? '', ...(metadata.labels ? { labels: { ...metadata.labels } } : {}),
      annotations: { ...metadata.annotations, [scheduledAnnotation]: zone ? zonedText(at, zone) : timestamp(at) },
      ownerReferences: [controllerRef(cron, { apiVersion: 'batch/v1', kind: 'CronJob' })],
    },
    ...(spec ? { spec } : {}),
  }
}

/** RFC 3339 with the offset of the zone, as Go writes it. */
function zonedText(at: number, zone: string): string {
  const text = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'longOffset' }).format(at)
  const [day, time, offset = ''] = text.split(' ')
  const behind = offset.replace(/^GMT/, '').replace('−', '-')
  return `${day}T${time}${behind === '' ? 'Z' : behind}`
}

/** Ended jobs beyond the history limits, oldest first. */
export function surplusJobs(cron: CronJob, jobs: readonly StoredJob[]): StoredJob[] {
  const began = (job: StoredJob): string => job.status?.startTime ?? job.metadata.creationTimestamp
  const beyond = (type: 'Complete' | 'Failed', limit: number | undefined): StoredJob[] => {
    if (limit === undefined) return []
    const ended = jobs.filter((j) => endOf(j) === type && !j.metadata.deletionTimestamp).sort((a, b) => began(a).localeCompare(began(b)) || (a.metadata.name < b.metadata.name ? -1 : 1))
    return ended.slice(0, Math.max(0, ended.length - limit))
  }
  return [...beyond('Complete', cron.spec?.successfulJobsHistoryLimit), ...beyond('Failed', cron.spec?.failedJobsHistoryLimit)]
}
