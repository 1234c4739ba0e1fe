/** Keeps the status of PodDisruptionBudgets true: what evictions are granted from. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import type { PodDisruptionBudget } from '../../../shared/api/policy-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { selectsLabels } from '../../../shared/values/label-selector.ts'
import { controllerOf, createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { counts, failed, needsControllers, planBudget } from './plan.ts'

type Budget = Stored<PodDisruptionBudget>
type Scalable = Stored<KubeObject & { spec?: { replicas?: number } }>

export function createDisruptionController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const budgets = deps.informers.for(refs.PodDisruptionBudget)
  const pods = deps.informers.for(refs.Pod)
  const owners = { ReplicaSet: deps.informers.for(refs.ReplicaSet), ReplicationController: deps.informers.for(refs.ReplicationController), StatefulSet: deps.informers.for(refs.StatefulSet) } as const
  const deployments = deps.informers.for(refs.Deployment)

  /** What sets the number of the pod's fellows: its controller, or that one's Deployment. */
  const scalableOf = (pod: Stored<Pod>): Scalable | undefined => {
    const ref = controllerOf(pod)
    const informer = ref && owners[ref.kind as keyof typeof owners]
    const owner = informer?.get(pod.metadata.namespace, ref?.name ?? '') as Scalable | undefined
    if (!owner || owner.metadata.uid !== ref?.uid) return undefined
    const parent = controllerOf(owner)
    const deployment = parent?.kind === 'Deployment' ? deployments.get(pod.metadata.namespace, parent.name) : undefined
    return deployment?.metadata.uid === parent?.uid && deployment ? deployment : owner
  }
  const sizeOf = (matching: readonly Stored<Pod>[]): number | undefined => {
    const found = new Map<string, number>()
    for (const pod of matching) {
      const owner = scalableOf(pod)
      if (!owner) return undefined
      found.set(owner.metadata.uid, owner.spec?.replicas ?? 1)
    }
    return [...found.values()].reduce((sum, n) => sum + n, 0)
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const budget = budgets.get(namespace, name)
    if (!budget) return
    const matching = pods.list(namespace).filter((p) => counts(p) && selectsLabels(budget.spec?.selector, p.metadata.labels))
    if (matching.length === 0) recorder.event(refs.PodDisruptionBudget, budget, 'Normal', 'NoPods', 'No matching pods found')
    const plan = planBudget({ budget, pods: matching, controllerSize: needsControllers(budget) ? sizeOf(matching) : undefined, now: clock.now() })
    if ('failure' in plan) recorder.event(refs.PodDisruptionBudget, budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${plan.failure}`)
    const status = 'failure' in plan ? failed(budget, plan.failure, clock.now()) : plan.status
    if (!equalJson(status, budget.status)) await client.update(refs.PodDisruptionBudget, { ...budget, status }, { subresource: 'status' })
    return 'after' in plan && plan.after !== undefined ? { after: plan.after } : undefined
  }

  return createController({
    name: 'disruption', deps, workers: 1, reads: [refs.PodDisruptionBudget, refs.Pod, refs.ReplicaSet, refs.ReplicationController, refs.StatefulSet, refs.Deployment], reconcile,
    watch(queue) {
      const wake = (b: Budget): void => { queue.add(keyOf(b)) }
      const pod = (p: Stored<Pod>): void => { for (const b of budgets.list(p.metadata.namespace)) if (selectsLabels(b.spec?.selector, p.metadata.labels)) wake(b) }
      const scaled = (o: Scalable, old: Scalable): void => { if (o.spec?.replicas !== old.spec?.replicas) for (const b of budgets.list(o.metadata.namespace)) wake(b) }
      return [
        budgets.on({ add: wake, update: wake }),
        pods.on({ add: pod, delete: pod, update: (p, old) => { pod(p); if (!equalJson(p.metadata.labels, old.metadata.labels)) pod(old) } }),
        ...Object.values(owners).map((i) => i.on({ update: scaled as never })), deployments.on({ update: scaled as never }),
      ]
    },
  })
}
