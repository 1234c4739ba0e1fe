/** Refuses what would exceed a quota of its namespace (`apiserver/pkg/admission/plugin/resourcequota`). The last plugin: what others refuse is not entered. */
import type { Pod } from '../../../../shared/api/core-v1.ts'
import { forbidden } from '../../../../shared/base/errors.ts'
import type { Entry } from '../../../store/store.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'
import { addInto, amountsOf, masked, over, printed, subtract, withoutZeros } from '../resource-amounts.ts'
import type { Amounts } from '../resource-amounts.ts'
import type { QuotaLedger, Reservation } from './ledger.ts'
import { inScope } from './scopes.ts'
import type { Counted } from './usage.ts'
import { countsIn, missingInPod, usageOf } from './usage.ts'

/** Kinds whose use changes while they live; all others count once, when they are made. */
const growing = new Set(['services', 'persistentvolumeclaims'])

function applies({ operation, definition, subresource }: AdmissionRequest): boolean {
  if (!definition.namespaced) return false
  if (operation === 'CREATE') return subresource === ''
  if (operation !== 'UPDATE' || definition.group !== '') return false
  return subresource === '' ? growing.has(definition.resource) : definition.resource === 'pods' && subresource === 'resize'
}

export function resourceQuota(ledger: QuotaLedger): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    validate(request) {
      if (!applies(request) || !request.object) return
      const quotas = ledger.entries(request.namespace)
      if (quotas.length) return charge(ledger, request, quotas)
    },
  }
}

async function charge(ledger: QuotaLedger, request: AdmissionRequest, quotas: readonly Entry[]): Promise<void> {
  const { definition, object, old } = request
  const kind: Counted = { group: definition.group, resource: definition.resource }
  const usage = object ? usageOf(kind, object) : new Map()
  const delta = withoutZeros(old ? subtract(usage, usageOf(kind, old)) : usage)
  if (!delta.size) return
  let reservation: Reservation | undefined
  if (!request.dryRun) {
    const opened = ledger.open(request.namespace, kind, object?.metadata?.name ?? request.name)
    reservation = opened
    request.settle.push((committed) => ledger.close(opened, committed))
  }
  for (const first of quotas) {
    let entry: Entry | undefined = first
    while (entry) entry = await chargeOne(ledger, request, { entry, kind, delta, reservation })
  }
}

interface Charge { readonly entry: Entry; readonly kind: Counted; readonly delta: Amounts; readonly reservation: Reservation | undefined }

/** Undefined: this quota is content. An entry: it changed meanwhile, to be tried again with it. */
async function chargeOne(ledger: QuotaLedger, request: AdmissionRequest, { entry, kind, delta, reservation }: Charge): Promise<Entry | undefined> {
  const stored = ledger.quota(entry)
  if (!request.object || !inScope(stored, kind, request.object)) return undefined
  const quota = ledger.settled(entry)
  const hard = amountsOf(quota.status?.hard)
  const names = [...hard.keys()].filter((name) => countsIn(name, kind))
  if (!names.length) return undefined
  const quotaName = quota.metadata?.name ?? ''
  const refuse = (why: string): never => { throw forbidden({ group: kind.group, resource: kind.resource, name: request.name }, why) }
  if (kind.group === '' && kind.resource === 'pods') {
    const missing = missingInPod(request.object as Pod, names)
    if (missing !== undefined) refuse(`failed quota: ${quotaName}: ${missing}`)
  }
  const more = masked(delta, names)
  if (!more.size) return undefined
  const used = amountsOf(quota.status?.used)
  // What shrinks is let through, even where the quota is exceeded already.
  const growth = masked(more, [...more].filter(([, q]) => q.nano > 0n).map(([name]) => name))
  const exceeded = over(masked(addInto(new Map(used), growth), growth.keys()), hard)
  if (exceeded.length) {
    refuse(`exceeded quota: ${quotaName}, requested: ${printed(masked(more, exceeded))}, used: ${printed(masked(used, exceeded))}, limited: ${printed(masked(hard, exceeded))}`)
  }
  if (!reservation) return undefined
  return (await ledger.enter(entry, quota, more, reservation))?.current
}
