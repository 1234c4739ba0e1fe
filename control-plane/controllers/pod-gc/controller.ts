/** Removes pods of nodes that are gone, pods deleted before they got a node, and finished pods beyond a limit. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { createController, podNode, queueFor, type Controller, type ControllerDeps } from '../controller.ts'
import { isTerminatingUnbound, quarantine, surplusFinished } from './plan.ts'

export interface PodGcConfig { /** Finished pods kept in the cluster. Default 12,500, upstream's. 0: no limit. */ readonly finishedPods?: number }

export function createPodGcController(deps: ControllerDeps, config: PodGcConfig = {}): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const pods = informers.for(refs.Pod)
  const nodes = informers.for(refs.Node)
  pods.addIndexer('node', podNode)
  pods.addIndexer('finished', finishedIndex)
  const threshold = config.finishedPods ?? 12_500
  const queue = queueFor('pod-gc', deps)
  const missingSince = new Map<string, number>()

  /** Nobody is left to end it: failed, then gone at once. */
  const remove = async (pod: Stored<Pod>, message?: string): Promise<void> => {
    const key = { namespace: pod.metadata.namespace, name: pod.metadata.name }
    try {
      if (message && !isPodFinished(pod)) {
        const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message, lastTransitionTime: timestamp(clock.now()) }
        await client.patch(refs.Pod, key, 'application/strategic-merge-patch+json', { metadata: { uid: pod.metadata.uid }, status: { phase: 'Failed', conditions: [condition] } }, { subresource: 'status' })
      }
      await client.delete(refs.Pod, key, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } })
    } catch (e) { if (!isNotFound(e)) throw e }
  }

  const checkNode = async (name: string): Promise<HandlerResult> => {
    if (nodes.get(undefined, name) || pods.byIndex('node', name).length === 0) { missingSince.delete(name); return }
    const since = missingSince.get(name) ?? clock.monotonic()
    missingSince.set(name, since)
    const wait = since + quarantine - clock.monotonic()
    if (wait > 0) return { after: wait }
    try { await client.get(refs.Node, { name }); return } catch (e) { if (!isNotFound(e)) throw e }
    for (const pod of pods.byIndex('node', name)) await remove(pod, 'PodGC: node no longer exists')
    missingSince.delete(name)
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    if (key.startsWith('node:')) return await checkNode(key.slice(5))
    if (key === 'finished') {
      for (const pod of surplusFinished(pods.byIndex('finished', 'yes'), threshold)) await remove(pod)
      return
    }
    const [namespace, name = ''] = key.split('/')
    const pod = pods.get(namespace, name)
    if (pod && isTerminatingUnbound(pod)) await remove(pod)
  }

  const look = (pod: Stored<Pod>, old?: Stored<Pod>): void => {
    const node = pod.spec?.nodeName
    if (node && node !== old?.spec?.nodeName && !nodes.get(undefined, node)) queue.add(`node:${node}`)
    if (isTerminatingUnbound(pod)) queue.add(`${pod.metadata.namespace}/${pod.metadata.name}`)
    if (isPodFinished(pod) && !(old && isPodFinished(old)) && threshold > 0) queue.add('finished')
  }
  return createController({
    name: 'pod-gc', deps, workers: 1, reads: [refs.Pod, refs.Node], reconcile, queue,
    watch: () => [pods.on({ add: (p) => { look(p) }, update: look }), nodes.on({ delete: (n) => { queue.add(`node:${n.metadata.name}`) } })],
  })
}

function finishedIndex(pod: Stored<Pod>): readonly string[] { return isPodFinished(pod) ? ['yes'] : [] }
