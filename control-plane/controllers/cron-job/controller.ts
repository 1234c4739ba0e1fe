/** Makes the jobs of CronJobs when they are due. */
import type { CronJob, CronJobStatus, Job } from '../../../shared/api/batch-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { parseCron, zoneOffset, type CronSchedule, type ZoneOffset } from '../../../shared/values/cron.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'
import { byController, controllerIndex, controllerOf, createController, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { dueAt, endOf, jobOf, surplusJobs } from './plan.ts'

type StoredCron = Stored<CronJob>
type StoredJob = Stored<Job>
/**
 * No wait is longer: waits run on the monotonic clock, which does not see the wall clock being set. A board without a battery clock starts in the
 * past and leaps; what became due by that is then found within a minute, the finest a schedule can say.
 */
const longestWait = 60_000

export function createCronJobController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const crons = deps.informers.for(refs.CronJob)
  const jobs = deps.informers.for(refs.Job)
  jobs.addIndexer(controllerIndex, byController)
  /** Formatters of zones by name: the names in use are few. */
  const zones = new Map<string, ZoneOffset>()

  const event = (cron: StoredCron, type: 'Normal' | 'Warning', reason: string, message: string): void => { recorder.event(refs.CronJob, cron, type, reason, message) }
  const remove = async (cron: StoredCron, job: StoredJob): Promise<void> => {
    try {
      await client.delete(refs.Job, { namespace: job.metadata.namespace, name: job.metadata.name }, { propagationPolicy: 'Background', preconditions: { uid: job.metadata.uid } })
    } catch (e) {
      if (isNotFound(e)) return
      event(cron, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(e)}`)
      throw e
    }
    event(cron, 'Normal', 'SuccessfulDelete', `Deleted job ${job.metadata.name}`)
  }

  /** The status by what has become of the jobs. */
  const follow = async (cron: StoredCron, owned: readonly StoredJob[]): Promise<CronJobStatus> => {
    let active = [...(cron.status?.active ?? [])]
    let success = cron.status?.lastSuccessfulTime
    for (const job of owned) {
      const end = endOf(job)
      const known = active.some((r) => r.uid === job.metadata.uid)
      if (!known && !end) {
        // Made by hand (`kubectl create job --from`), or its creation's answer was lost: it is told, and not counted as active.
        event(cron, 'Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${job.metadata.name}`)
      } else if (known && end) {
        active = active.filter((r) => r.uid !== job.metadata.uid)
        event(cron, 'Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${end}`)
      }
      const completed = job.status?.completionTime
      if (end === 'Complete' && completed && !(fromTimestamp(success) >= fromTimestamp(completed))) success = completed
    }
    for (const ref of [...active]) {
      if (owned.some((j) => j.metadata.uid === ref.uid)) continue
      let there: boolean
      try { there = (await client.get(refs.Job, { namespace: cron.metadata.namespace, name: ref.name ?? '' })).metadata.uid === ref.uid } catch (e) { if (!isNotFound(e)) throw e; there = false }
      if (there) continue
      active = active.filter((r) => r !== ref)
      event(cron, 'Normal', 'MissingJob', `Active job went missing: ${ref.name}`)
    }
    const { active: _, lastSuccessfulTime: __, ...rest } = cron.status ?? {}
    return { ...rest, ...(active.length ? { active } : {}), ...(success === undefined ? {} : { lastSuccessfulTime: success }) }
  }

  /** The schedule and its zone; undefined, with an event, where either cannot be read. */
  const read = (cron: StoredCron): { schedule: CronSchedule; zone: ZoneOffset } | undefined => {
    const name = cron.spec?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
    try {
      const zone = zones.get(name) ?? zoneOffset(name)
      zones.set(name, zone)
      try { return { schedule: parseCron(cron.spec?.schedule ?? ''), zone } } catch (e) {
        event(cron, 'Warning', 'UnparseableSchedule', `unparseable schedule: ${JSON.stringify(cron.spec?.schedule)} : ${messageOf(e)}`)
      }
    } catch (e) { event(cron, 'Warning', 'UnknownTimeZone', `invalid timeZone: ${JSON.stringify(name)}: ${messageOf(e)}`) }
    return undefined
  }

  const start = async (cron: StoredCron, at: number, status: CronJobStatus, owned: readonly StoredJob[]): Promise<CronJobStatus> => {
    const wanted = jobOf(cron, at)
    const { concurrencyPolicy } = cron.spec ?? {}
    let active = status.active ?? []
    if (active.some((r) => r.name === wanted.metadata.name) || fromTimestamp(status.lastScheduleTime) === at) return status
    if (concurrencyPolicy === 'Forbid' && active.length) {
      event(cron, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid')
      return status
    }
    if (concurrencyPolicy === 'Replace') {
      for (const job of owned) if (active.some((r) => r.uid === job.metadata.uid)) await remove(cron, job)
      active = []
    }
    let job: StoredJob
    try {
      job = await client.create(refs.Job, wanted)
      event(cron, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`)
    } catch (e) {
      if (!isAlreadyExists(e)) { event(cron, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(e)}`); throw e }
      job = await client.get(refs.Job, wanted.metadata)
      if (controllerOf(job)?.uid !== cron.metadata.uid) { event(cron, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(e)}`); throw e }
    }
    const reference = { apiVersion: 'batch/v1', kind: 'Job', name: job.metadata.name, namespace: job.metadata.namespace ?? '', uid: job.metadata.uid, resourceVersion: job.metadata.resourceVersion }
    return { ...status, active: endOf(job) ? active : [...active, reference], lastScheduleTime: timestamp(at) }
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const cron = crons.get(namespace, name)
    if (!cron?.spec) return
    const owned = jobs.byIndex(controllerIndex, cron.metadata.uid)
    for (const job of surplusJobs(cron, owned)) await remove(cron, job)
    let status = await follow(cron, owned)
    let wait: number | undefined
    const plan = cron.metadata.deletionTimestamp || cron.spec.suspend ? undefined : read(cron)
    if (plan) {
      const now = clock.now()
      const { due, missedMany, next } = dueAt(cron, plan.schedule, plan.zone, now)
      if (next !== undefined) wait = Math.min(longestWait, Math.max(1, next - now))
      if (missedMany) event(cron, 'Warning', 'TooManyMissedTimes', 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew')
      if (due !== undefined) status = await start(cron, due, status, owned)
    }
    if (!equalJson(status, cron.status ?? {})) await client.update(refs.CronJob, { ...cron, status }, { subresource: 'status' })
    return wait === undefined ? undefined : { after: wait }
  }

  return createController({
    name: 'cron-job', deps, workers: 1, reads: [refs.CronJob, refs.Job], reconcile,
    watch(queue) {
      const wake = (job: StoredJob): void => {
        const owner = controllerOf(job)
        if (owner?.kind === 'CronJob') queue.add(`${job.metadata.namespace}/${owner.name}`)
      }
      const add = (c: StoredCron): void => { queue.add(`${c.metadata.namespace}/${c.metadata.name}`) }
      return [crons.on({ add, update: add, delete: add }), jobs.on({ add: wake, update: wake, delete: wake })]
    },
  })
}
