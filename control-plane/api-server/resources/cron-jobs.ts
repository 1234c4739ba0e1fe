import type { CronJob, CronJobSpec } from '../../../shared/api/batch-v1.ts'
import { CronError, parseCron } from '../../../shared/values/cron.ts'
import { since } from '../../../shared/values/duration.ts'
import { maxLengthMessage } from '../../../shared/values/names.ts'
import { formatLabelSelector } from '../../../shared/values/selector.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError, StrategyContext } from './definition.ts'
import { invalidValue, nonNegative, notSupportedInOrder, required } from './findings.ts'
import { validateJobTemplate } from './job-spec.ts'
import { defaultFailurePolicy } from './jobs.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

/** Its jobs are named with 11 more characters, and their pods' labels hold 63. */
const maxName = 63 - 11

function setDefaults(cron: CronJob): void {
  const spec = (cron.spec ??= {} as CronJobSpec)
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  defaultFailurePolicy(spec.jobTemplate?.spec)
  defaultPodTemplate(spec.jobTemplate?.spec?.template)
  cron.status ??= {}
}

function validateSchedule(schedule: string | undefined): FieldError[] {
  const field = 'spec.schedule'
  if (!schedule) return [required(field)]
  const found: FieldError[] = []
  try {
    parseCron(schedule)
  } catch (e) {
    if (!(e instanceof CronError)) throw e
    found.push(invalidValue(field, schedule, e.message))
  }
  if (schedule.includes('TZ')) found.push(invalidValue(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'))
  return found
}

function isKnownZone(zone: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

function validateZone(zone: string | undefined): FieldError[] {
  const field = 'spec.timeZone'
  if (zone === undefined) return []
  if (zone === '') return [invalidValue(field, zone, 'timeZone must be nil or non-empty string')]
  const unknown = invalidValue(field, zone, `unknown time zone ${zone}`)
  if (zone.split('/').some((part) => part === '.' || part === '..' || !/^(?!-)[A-Za-z._\-0-9+]{1,14}$/.test(part))) return [unknown]
  if (zone.toLowerCase() === 'local') return [invalidValue(field, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')]
  return isKnownZone(zone) ? [] : [unknown]
}

function validate(cron: CronJob, { updating }: StrategyContext): FieldError[] {
  const spec = cron.spec as CronJobSpec
  const policy = spec.concurrencyPolicy
  const found = [...validateSchedule(spec.schedule), ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds), ...validateZone(spec.timeZone)]
  if (!policy) found.push(required('spec.concurrencyPolicy'))
  else if (!['Allow', 'Forbid', 'Replace'].includes(policy)) found.push(notSupportedInOrder('spec.concurrencyPolicy', policy, ['Allow', 'Forbid', 'Replace']))
  found.push(...validateJobTemplate(spec.jobTemplate, 'spec.jobTemplate'))
  for (const f of ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'] as const) found.push(...nonNegative(`spec.${f}`, spec[f]))
  const name = cron.metadata?.name ?? ''
  if (!updating && name.length > maxName) found.push(invalidValue('metadata.name', name, maxLengthMessage(maxName)))
  return found
}

const template = (cron: CronJob) => cron.spec?.jobTemplate?.spec?.template?.spec?.containers ?? []

export const cronJobs = define<CronJob>({
  group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob', namespaced: true, schema: 'batch-v1.CronJob', shortNames: ['cj'], categories: ['all'], subresources: { status: true },
  // When a schedule was last met decides whether it is met again.
  statusDurability: 'durable',
  columns: [
    nameColumn, column('Schedule', (c) => c.spec?.schedule ?? '', { description: 'The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron.' }),
    column('Timezone', (c) => c.spec?.timeZone ?? '<none>', { description: 'The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones.' }),
    column('Suspend', (c) => (c.spec?.suspend === undefined ? '<unset>' : c.spec.suspend ? 'True' : 'False'), { type: 'boolean', description: 'This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.' }),
    column('Active', (c) => c.status?.active?.length ?? 0, { type: 'integer', description: 'A list of pointers to currently running jobs.' }),
    column('Last Schedule', (c, { now }) => (c.status?.lastScheduleTime ? since(c.status.lastScheduleTime, now) : '<none>'), { description: 'Information when was the last time the job was successfully scheduled.' }),
    ageColumn,
    column('Containers', (c) => template(c).map((x) => x.name).join(','), { wide: true, description: 'Names of each container in the template.' }),
    column('Images', (c) => template(c).map((x) => x.image ?? '').join(','), { wide: true, description: 'Images referenced by each container in the template.' }),
    column('Selector', (c) => formatLabelSelector(c.spec?.jobTemplate?.spec?.selector), { wide: true, description: 'A label query over pods that should match the pod count.' }),
  ],
  strategy: { default: setDefaults, prepareForCreate: (cron) => startGeneration(cron), prepareForUpdate: carryOver, validate },
})
