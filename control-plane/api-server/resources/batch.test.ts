import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { CronError, parseCron } from '../../../shared/values/cron.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { errorBody } from '../encode/validation-status.ts'
import type { FieldError, ResourceDefinition, StrategyContext } from './definition.ts'
import { registry } from './registry.ts'

const context: StrategyContext = { now: 0, user: 'jane', dryRun: false, subresource: '' }
const said = (found: readonly FieldError[] = []): string[] => found.map((f) => `${f.field}: ${errorBody(f)}`)
type Loose = KubeObject & { spec: Record<string, never>; status: Record<string, never> }
const [jobs, cronJobs] = [registry.find('batch', 'v1', 'jobs')!, registry.find('batch', 'v1', 'cronjobs')!]

const make = (d: ResourceDefinition, body: object, name = 'x'): Loose => {
  const object = copyJson({ metadata: { name, namespace: 'ns', uid: 'u' }, ...body }) as unknown as Loose
  d.strategy.default?.(object)
  d.strategy.prepareForCreate?.(object, context)
  return object
}
const judge = (d: ResourceDefinition, body: object, name?: string): string[] => said(d.strategy.validate?.(make(d, body, name), context))
const update = (old: object, change: (job: Loose) => void, subresource = ''): string[] => {
  const before = make(jobs, old)
  Object.assign(before, { status: (old as Loose).status ?? {} })
  const next = copyJson(before)
  change(next)
  jobs.strategy.prepareForUpdate?.(next, before, { ...context, subresource })
  return said(jobs.strategy.validateUpdate?.(next, before, { ...context, subresource }))
}
const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox:1' }] } }
const indexed = { template, completionMode: 'Indexed', completions: 10 }

describe('jobs', () => {
  it('have upstream’s defaults and generated labels', () => {
    const labels = { 'batch.kubernetes.io/controller-uid': 'u', 'batch.kubernetes.io/job-name': 'x', 'controller-uid': 'u', 'job-name': 'x' }
    expect(make(jobs, { spec: { template } })).toMatchObject({
      metadata: { generation: 1, labels },
      spec: {
        parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false, manualSelector: false, podReplacementPolicy: 'TerminatingOrFailed',
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } }, template: { metadata: { labels } },
      },
    })
    expect(make(jobs, { spec: { template, parallelism: 3 } }).spec).not.toHaveProperty('completions')
    expect(make(jobs, { spec: { ...indexed, backoffLimitPerIndex: 1 } }).spec).toMatchObject({ backoffLimit: 2147483647 })
    expect(make(jobs, { metadata: { name: 'x', namespace: 'ns', uid: 'u', labels: { mine: 'yes' } }, spec: { template: { ...template, metadata: { labels: { a: 'b' } } } } }).metadata?.labels).toEqual({ mine: 'yes' })
    expect(make(jobs, { spec: { template: { ...template, metadata: { labels: { a: 'b' } } } } }).metadata?.labels).toEqual({ a: 'b', ...labels })
  })
  it.each<[object, string]>([
    [{ template: { spec: { ...template.spec, restartPolicy: 'Always' } } }, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    [{ template: { spec: { ...template.spec, restartPolicy: 'x' } } }, 'spec.template.spec.restartPolicy: Unsupported value: "x": supported values: "OnFailure", "Never"'],
    [{ template, parallelism: -1 }, 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
    [{ template, completionMode: 'Indexed', completions: undefined, parallelism: 1 }, 'spec.completions: Required value: when completion mode is Indexed'],
    [{ template, completionMode: 'Odd' }, 'spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"'],
    [{ template, maxFailedIndexes: 1 }, 'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified'],
    [{ template, backoffLimitPerIndex: 1 }, 'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
    [{ template, managedBy: 'me' }, 'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    [{ template, manualSelector: true }, 'spec.selector: Required value'],
    [{ template, selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'other' } } }, 'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"other"}}: `selector` not auto-generated'],
    [{ template, podFailurePolicy: { rules: [{ action: 'Ignore' }] } }, 'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required'],
    [{ template, podFailurePolicy: { rules: [{ onExitCodes: { operator: 'In', values: [2, 1, 0, 1] } }] } }, 'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'],
    [{ template, podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [2, 1] } }] } }, 'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered'],
    [{ template, podReplacementPolicy: 'TerminatingOrFailed', podFailurePolicy: { rules: [] } }, 'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    [{ template, successPolicy: { rules: [] } }, 'spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode'],
    [{ ...indexed, successPolicy: { rules: [{ succeededIndexes: '1,3-12' }] } }, 'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1,3-12": error parsing succeededIndexes: too large index: "12"'],
    [{ ...indexed, successPolicy: { rules: [{ succeededIndexes: '1-3', succeededCount: 4 }] } }, 'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)'],
    [{ ...indexed, completions: 100001, backoffLimitPerIndex: 1 }, 'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000'],
  ])('%j: %s', (spec, finding) => { expect(judge(jobs, { spec })).toContain(finding) })
  it('finds nothing in good ones', () => {
    expect(judge(jobs, { spec: { template } })).toEqual([])
    expect(judge(jobs, { spec: { ...indexed, backoffLimitPerIndex: 1, maxFailedIndexes: 2, successPolicy: { rules: [{ succeededCount: 3 }] } } })).toEqual([])
    expect(judge(jobs, { spec: indexed }, 'x'.repeat(63))).toContain(`metadata.name: Invalid value: "${'x'.repeat(63)}": will not able to create pod with invalid DNS label: ${'x'.repeat(63)}-9`)
  })
  it('what a pod is stays, but where it may run is open until it starts', () => {
    expect(update({ spec: { template } }, (j) => { Object.assign(j.spec, { parallelism: 4, completions: 2 }) })).toEqual(['spec.completions: Invalid value: 2: field is immutable'])
    expect(update({ spec: indexed }, (j) => { Object.assign(j.spec, { parallelism: 4, completions: 4 }) })).toEqual([])
    expect(update({ spec: indexed }, (j) => { Object.assign(j.spec, { completions: 4 }) })).toEqual(['spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism'])
    const place = (j: Loose): void => { Object.assign((j.spec as unknown as { template: { spec: object } }).template.spec, { nodeSelector: { a: 'b' } }) }
    expect(update({ spec: { template, suspend: true } }, place)).toEqual([])
    expect(update({ spec: { template, suspend: true }, status: { startTime: '2024-01-01T00:00:00Z' } }, place).map((s) => s.split(':')[0])).toEqual(['spec.template'])
    expect(update({ spec: { template } }, place).map((s) => s.split(':')[0])).toEqual(['spec.template'])
  })
  const condition = (type: string): object => ({ type, status: 'True' })
  it.each<[object, object, string[]]>([
    [{}, { startTime: '2024-01-01T00:00:00Z', active: 1, ready: 1 }, []],
    [{ succeeded: 2 }, { succeeded: 1 }, ['status.succeeded: Invalid value: 1: cannot decrease the succeeded counter']],
    [{}, { ready: 2, active: 1 }, ['status.ready: Invalid value: 2: cannot set more ready pods than active']],
    [{}, { completedIndexes: '1' }, ['status.completedIndexes: Invalid value: "1": error parsing completedIndexes: too large index: "1"', 'status.completedIndexes: Invalid value: "1": cannot set non-empty completedIndexes when non-indexed completion mode']],
    [{ startTime: 'a' }, { startTime: 'a', completionTime: '2024-01-01T00:00:00Z' }, ['status.completionTime: Invalid value: "2024-01-01T00:00:00Z": cannot set completionTime when there is no Complete=True condition']],
    [{}, { startTime: 'a', conditions: [condition('Failed')] }, ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition']],
    [{ conditions: [condition('FailureTarget')] }, {}, ['status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition']],
    [{ startTime: '2024-01-01T00:00:00Z' }, { startTime: '2024-01-01T00:00:00Z', completionTime: '2024-01-01T00:01:00Z', succeeded: 1, conditions: [condition('SuccessCriteriaMet'), condition('Complete')] }, []],
  ])('status %j to %j', (old, next, findings) => { expect(update({ spec: { template }, status: old }, (j) => { Object.assign(j, { status: next }) }, 'status')).toEqual(findings) })
  it.each<[object, unknown[]]>([
    [{}, ['Running', '0/1', '']], [{ succeeded: 1, startTime: '2024-01-01T00:00:00Z', completionTime: '2024-01-01T00:01:05Z', conditions: [condition('Complete')] }, ['Complete', '1/1', '65s']],
    [{ startTime: '2024-01-01T00:00:00Z', conditions: [condition('Suspended')] }, ['Suspended', '0/1', '5m']],
  ])('print %j as %j', (status, cells) => {
    const job = { ...make(jobs, { spec: { template } }), status }
    expect(jobs.columns.slice(1, 4).map((c) => c.value(job, { now: Date.parse('2024-01-01T00:05:00Z') }))).toEqual(cells)
  })
})

describe('cron jobs', () => {
  const spec = { schedule: '*/5 * * * *', jobTemplate: { spec: { template } } }
  it('have upstream’s defaults', () => {
    expect(make(cronJobs, { spec }).spec).toMatchObject({ concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1, jobTemplate: { spec: { template: { spec: { dnsPolicy: 'ClusterFirst' } } } } })
    expect(make(cronJobs, { spec }).spec.jobTemplate).not.toHaveProperty('spec.backoffLimit')
  })
  it.each<[object, string]>([
    [{ schedule: '' }, 'spec.schedule: Required value'], [{ schedule: 'a b' }, 'spec.schedule: Invalid value: "a b": expected exactly 5 fields, found 2: [a b]'],
    [{ schedule: 'TZ=UTC 0 0 * * *' }, 'spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
    [{ timeZone: 'Mars/Olympus' }, 'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'], [{ timeZone: '' }, 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    [{ timeZone: 'local' }, 'spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'],
    [{ concurrencyPolicy: 'x' }, 'spec.concurrencyPolicy: Unsupported value: "x": supported values: "Allow", "Forbid", "Replace"'],
    [{ jobTemplate: { spec: { template, selector: {} } } }, 'spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated'],
    [{ jobTemplate: { spec: { template, manualSelector: true } } }, 'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"'],
  ])('%j: %s', (more, finding) => { expect(judge(cronJobs, { spec: { ...spec, ...more } })).toContain(finding) })
  it('have names with room for their jobs’', () => {
    expect(judge(cronJobs, { spec }, 'x'.repeat(52))).toEqual([])
    expect(judge(cronJobs, { spec }, 'x'.repeat(53))).toEqual([`metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`])
    expect(judge(cronJobs, { spec: { ...spec, timeZone: 'Etc/GMT+5' } })).toEqual([])
  })
})

it.each<[string, object | string]>([
  ['*/15 0-2 1,15 jan-mar mon', { minutes: [0, 15, 30, 45], hours: [0, 1, 2], days: [1, 15], months: [1, 2, 3], weekdays: [1], anyDay: false, anyWeekday: false }],
  ['@hourly', { minutes: [0], anyDay: true, anyWeekday: true }], ['5/20 * ? * 0-6/3', { minutes: [5, 25, 45], anyDay: true, weekdays: [0, 3, 6], anyWeekday: false }], ['@every 1h30m', { every: 5_400_000 }],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'], ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'], ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'], ['* * * * 7', 'end of range (7) above maximum (6): 7'], ['1-2-3 * * * *', 'too many hyphens: 1-2-3'], ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'], ['@often', 'unrecognized descriptor: @often'], ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
])('cron %s', (text, expected) => {
  if (typeof expected === 'string') expect(() => parseCron(text)).toThrow(new CronError(expected))
  else expect(parseCron(text)).toMatchObject(expected)
})
