/** Gives nodes their pod range and taints, and drives out pods that a NoExecute taint does not let stay. Ready itself is written by the node gateway. */
import type { Node, Pod, PodCondition } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { createController, podNode, type Controller, type ControllerDeps } from '../controller.ts'
import { nextCidr, planTaints, untilEviction } from './plan.ts'

export interface NodeLifecycleConfig { readonly clusterCidr: string; /** Default 24. */ readonly nodeCidrMaskSize?: number }

export function createNodeLifecycleController(deps: ControllerDeps, config: NodeLifecycleConfig): Controller {
  const { client, informers, recorder } = deps
  const { clock } = deps.host
  const nodes = informers.for(refs.Node)
  const pods = informers.for(refs.Pod)
  pods.addIndexer('node', podNode)
  /** Ranges given out and not yet seen on their node, by node uid. One worker writes here. */
  const given = new Map<string, string>()

  const allocate = async (node: Stored<Node>): Promise<Stored<Node>> => {
    if (node.spec?.podCIDR) { given.delete(node.metadata.uid); return node }
    const used = new Set([...nodes.list().flatMap((n) => [...n.spec?.podCIDRs ?? [], n.spec?.podCIDR ?? '']), ...given.values()])
    const cidr = given.get(node.metadata.uid) ?? nextCidr(config.clusterCidr, config.nodeCidrMaskSize ?? 24, used)
    if (cidr === undefined) {
      recorder.event(refs.Node, node, 'Normal', 'CIDRNotAvailable', `Node ${node.metadata.name} status is now: CIDRNotAvailable`)
      throw new Error(`no free pod range in ${config.clusterCidr} for node ${node.metadata.name}`)
    }
    given.set(node.metadata.uid, cidr)
    return await client.update(refs.Node, { ...node, spec: { ...node.spec, podCIDR: cidr, podCIDRs: [cidr] } })
  }

  const evict = async (pod: Stored<Pod>): Promise<void> => {
    const key = { namespace: pod.metadata.namespace, name: pod.metadata.name }
    recorder.event(refs.Pod, pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key.namespace}/${key.name}`)
    const condition: PodCondition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint', lastTransitionTime: timestamp(clock.now()) }
    try {
      await client.patch(refs.Pod, key, 'application/strategic-merge-patch+json', { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } }, { subresource: 'status' })
      await client.delete(refs.Pod, key, { preconditions: { uid: pod.metadata.uid } })
    } catch (e) { if (!isNotFound(e)) throw e }
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const found = nodes.get(undefined, key)
    if (!found || found.metadata.deletionTimestamp) { if (found) given.delete(found.metadata.uid); return }
    let node = await allocate(found)
    const taints = planTaints(node, clock.now())
    if (taints) node = await client.update(refs.Node, { ...node, spec: { ...node.spec, taints } })
    if (!node.spec?.taints?.some((t) => t.effect === 'NoExecute')) return
    let next: number | undefined
    for (const pod of pods.byIndex('node', key)) {
      const wait = untilEviction(node, pod, clock.now())
      if (wait === 0) await evict(pod)
      else if (wait !== undefined) next = Math.min(next ?? Infinity, wait)
    }
    return next === undefined ? undefined : { after: next }
  }

  return createController({
    name: 'node-lifecycle', deps, workers: 1, reads: [refs.Node, refs.Pod], reconcile,
    watch: (queue) => [
      nodes.on({
        add: (n) => { queue.add(n.metadata.name) },
        update: (n, old) => { if (!equalJson(facts(n), facts(old))) queue.add(n.metadata.name) },
        delete: (n) => { given.delete(n.metadata.uid) },
      }),
      pods.on({
        add: (p) => { if (p.spec?.nodeName) queue.add(p.spec.nodeName) },
        update: (p, old) => { if (p.spec?.nodeName && p.spec.nodeName !== old.spec?.nodeName) queue.add(p.spec.nodeName) },
      }),
    ],
  })
}

const facts = (n: Node): unknown => [n.spec, n.metadata?.labels, n.metadata?.annotations, n.status?.conditions?.map((c) => [c.type, c.status])]
