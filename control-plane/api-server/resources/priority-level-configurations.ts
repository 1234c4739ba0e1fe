import type { LimitedPriorityLevelConfiguration, PriorityLevelConfiguration, PriorityLevelConfigurationSpec, QueuingConfiguration } from '../../../shared/api/flowcontrol-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { rangeMessage } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, nonNegative, notSupported, required } from './findings.ts'
import { suggestedLevels } from '../flow-control/suggested.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

type Level = PriorityLevelConfiguration
const maxQueues = 10_000_000
/** Shuffle sharding takes its hand from 60 bits of a hash: `queues` to the power of `handSize` must fit. */
const maxHashBits = 60

function setDefaults(level: Level): void {
  const spec = (level.spec ??= {} as PriorityLevelConfigurationSpec)
  if (spec.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0
    spec.exempt.lendablePercent ??= 0
  }
  if (spec.limited) {
    spec.limited.nominalConcurrencyShares ??= 30
    spec.limited.lendablePercent ??= 0
    const queuing = spec.limited.limitResponse?.queuing
    if (queuing) {
      queuing.handSize ||= 8
      queuing.queues ||= 64
      queuing.queueLengthLimit ||= 50
    }
  }
  level.status ??= {}
}

/** Bits that dealing a hand of queues without repetition needs (`shufflesharding.RequiredEntropyBits`). */
const requiredBits = (queues: number, hand: number): number => Math.ceil(Array.from({ length: hand }, (_, i) => Math.log2(queues - i)).reduce((a, b) => a + b, 0))

function validateQueuing({ queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration, at: string): FieldError[] {
  const found: FieldError[] = []
  if (queueLengthLimit <= 0) found.push(invalidValue(`${at}.queueLengthLimit`, queueLengthLimit, 'must be positive'))
  if (queues <= 0) found.push(invalidValue(`${at}.queues`, queues, 'must be positive'))
  else if (queues > maxQueues) found.push(invalidValue(`${at}.queues`, queues, `must not be greater than ${maxQueues}`))
  if (handSize <= 0) found.push(invalidValue(`${at}.handSize`, handSize, 'must be positive'))
  else if (handSize > queues) found.push(invalidValue(`${at}.handSize`, handSize, `should not be greater than queues (${queues})`))
  else if (requiredBits(queues, handSize) > maxHashBits) found.push(invalidValue(`${at}.handSize`, handSize, `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${maxHashBits}`))
  return found
}

const percent = (value: number | undefined, at: string): FieldError[] => (value !== undefined && (value < 0 || value > 100) ? [invalidValue(at, value, rangeMessage(0, 100))] : [])

function validateLimited(limited: LimitedPriorityLevelConfiguration, at: string): FieldError[] {
  const found = [...nonNegative(`${at}.nominalConcurrencyShares`, limited.nominalConcurrencyShares), ...percent(limited.lendablePercent, `${at}.lendablePercent`), ...nonNegative(`${at}.borrowingLimitPercent`, limited.borrowingLimitPercent)]
  const { type = '', queuing } = limited.limitResponse ?? {}
  if (type === 'Reject') return queuing ? [...found, forbidden(`${at}.limitResponse.queuing`, 'must be nil if limited.limitResponse.type is not Limited')] : found
  if (type !== 'Queue') return [...found, notSupported(`${at}.limitResponse.type`, type, ['Queue', 'Reject'])]
  return queuing ? [...found, ...validateQueuing(queuing, `${at}.limitResponse.queuing`)] : [...found, required(`${at}.limitResponse.queuing`, 'must not be empty if limited.limitResponse.type is Limited')]
}

function validate(level: Level): FieldError[] {
  const spec = level.spec as PriorityLevelConfigurationSpec
  const name = level.metadata?.name ?? ''
  const fixed = (name === 'exempt' || name === 'catch-all') && suggestedLevels.find((m) => m.metadata?.name === name)
  // Of `exempt` the shares may be chosen, nothing else.
  const same = fixed && (name === 'exempt' ? spec.type === 'Exempt' && !spec.limited : equalJson(spec, fixed.spec))
  if (fixed && !same) return [invalidValue('spec', spec, `spec of '${name}' ${name === 'exempt' ? 'except the \'spec.exempt\' field ' : ''}must equal the fixed value`)]
  switch (spec.type) {
    case 'Exempt': {
      const found = spec.limited ? [forbidden('spec.limited', 'must be nil if the type is not Limited')] : []
      if (!fixed) found.push(invalidValue('spec.type', spec.type, "type must be 'Limited' if name is not 'exempt'"))
      return [...found, ...nonNegative('spec.exempt.nominalConcurrencyShares', spec.exempt?.nominalConcurrencyShares), ...percent(spec.exempt?.lendablePercent, 'spec.exempt.lendablePercent')]
    }
    case 'Limited': {
      const found: FieldError[] = spec.exempt ? [forbidden('spec.exempt', 'must be nil if the type is Limited')] : []
      return spec.limited ? [...found, ...validateLimited(spec.limited, 'spec.limited')] : [...found, required('spec.limited', 'must not be empty when type is Limited')]
    }
    default: return [notSupported('spec.type', spec.type ?? '', ['Exempt', 'Limited'])]
  }
}

const queuingOf = (level: Level, field: keyof QueuingConfiguration): string | number => level.spec?.limited?.limitResponse?.queuing?.[field] ?? '<none>'

export const priorityLevelConfigurations = define<Level>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'prioritylevelconfigurations', kind: 'PriorityLevelConfiguration', namespaced: false,
  schema: 'flowcontrol-v1.PriorityLevelConfiguration', subresources: { status: true },
  columns: [
    nameColumn, column('Type', (l) => l.spec?.type ?? '', { description: '`type` indicates whether this priority level is subject to limitation on request execution.' }),
    column('NominalConcurrencyShares', (l) => l.spec?.limited?.nominalConcurrencyShares ?? l.spec?.exempt?.nominalConcurrencyShares ?? '<none>', { description: "`nominalConcurrencyShares` (NCS) contributes to the computation of the NominalConcurrencyLimit (NominalCL) of this level." }),
    column('Queues', (l) => queuingOf(l, 'queues'), { description: '`queues` is the number of queues for this priority level.' }),
    column('HandSize', (l) => queuingOf(l, 'handSize'), { description: '`handSize` is a small positive number that configures the shuffle sharding of requests into queues.' }),
    column('QueueLengthLimit', (l) => queuingOf(l, 'queueLengthLimit'), { description: '`queueLengthLimit` is the maximum number of requests allowed to be waiting in a given queue of this priority level at a time.' }), ageColumn,
  ],
  strategy: { default: setDefaults, prepareForCreate: (l) => startGeneration(l), prepareForUpdate: carryOver, validate },
})
