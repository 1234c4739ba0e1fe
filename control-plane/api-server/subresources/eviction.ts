/** `pods/eviction`: a deletion that asks the pod's disruption budget first. Source: upstream `pkg/registry/core/pod/storage/eviction.go`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { PodDisruptionBudget } from '../../../shared/api/policy-v1.ts'
import { badRequest, forbidden, isConflict, StatusError } from '../../../shared/base/errors.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { matchesLabels, selectorOf } from '../../../shared/values/selector.ts'
import { kindOf, StoredObjects } from '../admission/stored-objects.ts'
import { podDisruptionBudgets } from '../resources/pod-disruption-budgets.ts'
import { success } from '../server-response.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { timestamp } from '../verbs/context.ts'
import { remove } from '../verbs/delete.ts'
import { mutate } from '../verbs/mutate.ts'
import { readObject } from '../verbs/read.ts'

export interface EvictionBody {
  metadata?: { name?: string }
  deleteOptions?: { gracePeriodSeconds?: number; preconditions?: { uid?: string; resourceVersion?: string }; dryRun?: string[] }
}

const violates = 'Cannot evict pod as it would violate the pod\'s disruption budget.'
/** Upstream's `MaxDisruptedPodSize`. */
const maxDisrupted = 2000
/** Upstream's `EvictionsRetry`: losers of the race for the same budget. */
const attempts = 20

const tooMany = (why: string, retryAfterSeconds: number): StatusError => new StatusError('TooManyRequests', violates, {
  details: { causes: [{ reason: 'DisruptionBudget', message: why }], ...(retryAfterSeconds ? { retryAfterSeconds } : {}) },
})

const isReady = (pod: Pod): boolean => pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
/** Nobody misses a pod that does not run. */
const needsNoBudget = (pod: Pod): boolean => ['Succeeded', 'Failed', 'Pending'].includes(pod.status?.phase ?? '') || pod.metadata?.deletionTimestamp !== undefined

function budgetOf(ctx: ApiContext, pod: Pod): PodDisruptionBudget | undefined {
  const all = new StoredObjects(ctx.store, ctx.objects).list<PodDisruptionBudget>(kindOf('policy', 'poddisruptionbudgets', true), pod.metadata?.namespace ?? '')
  const found = all.filter(({ spec }) => {
    const selector = selectorOf(spec?.selector)
    return selector !== undefined && matchesLabels(selector, pod.metadata?.labels ?? {})
  })
  if (found.length > 1) throw new StatusError('', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.', { code: 500 })
  return found[0]
}

/** A pod that is not ready may go without being counted, where the budget holds without it or does not ask. */
function isUncounted(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isReady(pod)) return false
  return spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || ((status?.currentHealthy ?? 0) >= (status?.desiredHealthy ?? 0) && (status?.desiredHealthy ?? 0) > 0)
}

/** Takes one disruption from the budget, for the moment until its controller counts again. */
async function takeDisruption(ctx: ApiContext, target: Target, name: string): Promise<void> {
  const at = timestamp(ctx.host.clock.now())
  await mutate(ctx, { ...target, definition: podDisruptionBudgets, name, subresource: 'status' }, {
    attempts, admitted: true,
    change(old) {
      const budget = copyJson(old) as PodDisruptionBudget
      const { status } = budget
      if (!status || (status.observedGeneration ?? 0) < (budget.metadata?.generation ?? 0)) throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10)
      const named = { group: 'policy', resource: 'poddisruptionbudget', name }
      if (status.disruptionsAllowed < 0) throw forbidden(named, 'pdb disruptions allowed is negative')
      if (Object.keys(status.disruptedPods ?? {}).length > maxDisrupted) throw forbidden(named, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller')
      if (status.disruptionsAllowed === 0) throw tooMany(`The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`, 0)
      status.disruptionsAllowed--
      status.disruptedPods = { ...status.disruptedPods, [target.name]: at }
      if (status.disruptionsAllowed === 0) {
        const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '', observedGeneration: status.observedGeneration as number, lastTransitionTime: at }
        status.conditions = [...(status.conditions ?? []).filter((c) => c.type !== condition.type), condition]
      }
      return budget as KubeObject
    },
  })
}

/** Says on the pod why it went, for Jobs that count failures. */
async function markDisrupted(ctx: ApiContext, target: Target): Promise<void> {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting', lastProbeTime: null as never, lastTransitionTime: timestamp(ctx.host.clock.now()) }
  await mutate(ctx, { ...target, subresource: 'status' }, {
    admitted: true,
    change(old) {
      const pod = copyJson(old) as Pod
      pod.status = { ...pod.status, conditions: [...(pod.status?.conditions ?? []).filter((c) => c.type !== condition.type), condition] }
      return pod
    },
  })
}

export async function evict(ctx: ApiContext, target: Target, body: EvictionBody): Promise<object> {
  if (body.metadata?.name && body.metadata.name !== target.name) throw badRequest('name in URL does not match name in Eviction object')
  const { gracePeriodSeconds, preconditions, dryRun } = body.deleteOptions ?? {}
  const wanted: Target = { ...target, subresource: '', dryRun: target.dryRun || dryRun?.includes('All') === true }
  const options = { admitted: true, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) } as const
  for (let attempt = 1; ; attempt++) {
    const pod = readObject(ctx, wanted) as Pod
    if (needsNoBudget(pod)) {
      try {
        // Of the very pod that was looked at: it may have begun to run meanwhile.
        await remove(ctx, wanted, { ...options, preconditions: { ...preconditions, resourceVersion: preconditions?.resourceVersion ?? pod.metadata?.resourceVersion ?? '' } })
        return success(201)
      } catch (e) {
        if (!isConflict(e) || preconditions?.resourceVersion || attempt >= attempts) throw e
        continue
      }
    }
    const budget = budgetOf(ctx, pod)
    if (budget && !isUncounted(pod, budget)) await takeDisruption(ctx, wanted, budget.metadata?.name ?? '')
    if (!wanted.dryRun) await markDisrupted(ctx, wanted)
    await remove(ctx, wanted, { ...options, ...(preconditions ? { preconditions } : {}) })
    return success(201)
  }
}
