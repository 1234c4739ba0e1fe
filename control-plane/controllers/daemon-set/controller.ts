/** Keeps one pod of a DaemonSet on every node it wants. */
import type { DaemonSet } from '../../../shared/api/apps-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { selectsEverything } from '../../../shared/values/label-selector.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { createExpectations, expectationTimeout } from '../expectations.ts'
import { createPodClaims } from '../pod-claims.ts'
import { createPods, deletePods } from '../pod-control.ts'
import { createHistory } from '../revisions/history.ts'
import { revisionLabel } from '../revisions/plan.ts'
import { daemonPod, nodeOf, placement, planDaemons, statusOf, type DaemonInput } from './plan.ts'

type StoredSet = Stored<DaemonSet>

export function createDaemonSetController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const sets = deps.informers.for(refs.DaemonSet)
  const nodes = deps.informers.for(refs.Node)
  const expectations = createExpectations(clock)
  const claims = createPodClaims(deps, { ref: refs.DaemonSet, owners: sets, selector: (ds) => ds.spec?.selector })
  const history = createHistory(deps, refs.DaemonSet)

  const act = async (key: string, ds: StoredSet, input: DaemonInput): Promise<string | undefined> => {
    const plan = planDaemons(input)
    for (const pod of plan.ended) {
      const failed = pod.status?.phase === 'Failed'
      recorder.event(refs.DaemonSet, ds, failed ? 'Warning' : 'Normal', failed ? 'FailedDaemonPod' : 'SucceededDaemonPod',
        `Found ${failed ? 'failed' : 'succeeded'} daemon pod ${keyOf(pod)} on node ${nodeOf(pod)}, will try to ${failed ? 'kill' : 'delete'} it`)
    }
    if (!plan.create.length && !plan.remove.length) return undefined
    expectations.expect(key, plan.create.length, plan.remove.map((p) => p.metadata.uid))
    const acting = { deps, ref: refs.DaemonSet, owner: ds, key, expectations }
    const owner = controllerRef(ds, { apiVersion: 'apps/v1', kind: 'DaemonSet' })
    const failures = [await deletePods(acting, plan.remove), await createPods(acting, plan.create.map((node) => daemonPod(ds, input.hash, node, owner)))]
    return failures.find((f) => f !== undefined)?.message
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const ds = sets.get(namespace, name)
    if (!ds) { expectations.forget(key); return }
    if (!ds.spec?.selector || selectsEverything(ds.spec.selector)) {
      recorder.event(refs.DaemonSet, ds, 'Warning', 'SelectingAll', 'This daemon set is selecting all pods. A non-empty selector is required.')
      return
    }
    const pods = await claims.claim(ds)
    if (ds.metadata.deletionTimestamp) return
    const revision = await history.current(ds, ds.spec.template, ds.status?.collisionCount ?? 0)
    if (!revision) {
      const status = { ...statusOf({ ds, nodes: nodes.list(), pods, hash: '', now: clock.now() }).status, collisionCount: (ds.status?.collisionCount ?? 0) + 1 }
      await client.update(refs.DaemonSet, { ...ds, status }, { subresource: 'status' })
      return
    }
    const input: DaemonInput = { ds, nodes: nodes.list(), pods, hash: revision.metadata.labels?.[revisionLabel] ?? '', now: clock.now() }
    const caughtUp = expectations.satisfied(key)
    const failure = caughtUp ? await act(key, ds, input) : undefined
    const { status, nextChange } = statusOf(input)
    if (!equalJson(status, ds.status)) await client.update(refs.DaemonSet, { ...ds, status }, { subresource: 'status' })
    const live = new Set([revision.metadata.name, ...pods.map((p) => `${name}-${p.metadata.labels?.[revisionLabel]}`)])
    await history.trim(ds, live, ds.spec.revisionHistoryLimit ?? 10)
    if (failure !== undefined) throw new Error(failure)
    const waits = [nextChange, caughtUp ? undefined : expectationTimeout].filter((w) => w !== undefined)
    return waits.length ? { after: Math.min(...waits) } : undefined
  }

  return createController({
    name: 'daemon-set', deps, workers: 2, reads: [refs.DaemonSet, refs.Pod, refs.Node, refs.ControllerRevision], reconcile,
    watch(queue) {
      const all = (): void => { for (const ds of sets.list()) queue.add(keyOf(ds)) }
      return [
        sets.on({ add: (s) => { queue.add(keyOf(s)) }, update: (s) => { queue.add(keyOf(s)) }, delete: (s) => { expectations.forget(keyOf(s)); queue.add(keyOf(s)) } }),
        nodes.on({
          add: all, delete: all,
          update(node, old) {
            // Heartbeats change nothing here: a set is woken where its pod's place on the node changes.
            if (equalJson(node.metadata.labels, old.metadata.labels) && equalJson(node.spec?.taints, old.spec?.taints)) return
            for (const ds of sets.list()) if (!equalJson(placement(ds, node), placement(ds, old))) queue.add(keyOf(ds))
          },
        }),
        claims.listen(queue, expectations),
      ]
    },
  })
}
