/** The pod network of a node that may not have its range of addresses yet: pods wait for it instead of failing. */
import type { ConfigMap, Node } from '../shared/api/core-v1.ts'
import { messageOf } from '../shared/base/errors.ts'
import type { Host } from '../shared/base/host.ts'
import type { DesiredState } from './link/link.ts'
import type { PodAddress, PodNetwork } from './network/network.ts'
import { ignore } from '../shared/base/ignore.ts'

export interface NetworkGate {
  attach(pod: { uid: string; netns: string; name: string }, signal: AbortSignal): Promise<PodAddress>
  detach(podUid: string): Promise<void>
  /** Resolves with the cluster's range of pod addresses once the network is set up. */
  readonly ready: Promise<string>
  close(): void
}

/** Sets the network up as soon as the desired state names this node's range, again when it changes, and after a failure again and again. */
export function openNetworkGate(options: { host: Host; network: PodNetwork; desired: DesiredState; nodeName: string }): NetworkGate {
  const { host, network, desired } = options
  const log = host.log.child('network')
  const ready = Promise.withResolvers<string>()
  const stop = new AbortController()
  /** Pods that ended before the network was set up, though still desired. */
  const early = new Set<string>()
  let applied = ''
  let working: Promise<void> = Promise.resolve()

  const setUp = async (): Promise<void> => {
    const podCIDR = desired.get<Node>('Node', '', options.nodeName)?.spec?.podCIDR
    const clusterCIDR = desired.get<ConfigMap>('ConfigMap', 'kube-public', 'cluster-info')?.data?.clusterCIDR
    if (!podCIDR || !clusterCIDR || applied === `${podCIDR} ${clusterCIDR}`) return
    await network.setUp({ podCIDR, clusterCIDR })
    if (applied === '') await network.adopt(desired.list('Pod').map((pod) => ({ uid: pod.metadata.uid })).filter(({ uid }) => !early.has(uid)))
    applied = `${podCIDR} ${clusterCIDR}`
    log.info('pod network is up', { podCIDR, clusterCIDR })
    ready.resolve(clusterCIDR)
  }
  const attempt = async (): Promise<void> => {
    for (let delay = 500; !stop.signal.aborted; delay = Math.min(delay * 2, 30_000)) {
      try {
        return await setUp()
      } catch (e) {
        log.error('pod network could not be set up', { error: messageOf(e), retryMs: delay })
        await ignore(host.clock.sleep(delay, stop.signal), 'an abort ends the loop at its head')
      }
    }
  }
  const wake = (): void => { working = working.then(attempt) }
  const subscription = desired.onChange((changes) => { if (changes.some((c) => c.kind === 'Node' || c.name === 'cluster-info')) wake() })
  wake()
  return {
    ready: ready.promise,
    async attach(pod, signal) {
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
      await Promise.race([ready.promise, aborted])
      return await network.attach(pod, signal)
    },
    async detach(podUid) {
      // Before that nothing can be freed, and adoption is what frees it.
      if (applied !== '') await network.detach(podUid)
      else early.add(podUid)
    },
    close() { stop.abort(); subscription[Symbol.dispose]() },
  }
}
