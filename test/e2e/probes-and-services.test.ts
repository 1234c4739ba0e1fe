/** A failing liveness probe restarts, a failing readiness probe takes out of the Service, and traffic spreads over what is ready. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, eventually } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import { isReady, service, webDeployment, type PodList } from '../testbed/workloads.ts'

describe.each(['containerd', 'docker'] as const)('on %s', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  let urls: string[]
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    kubectl = await cluster.kubectl()
    await kubectl.apply([webDeployment('web', 3), service('web', 30081)])
    await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=90s'])
    const clusterIp = await kubectl.run(['get', 'svc', 'web', '-o', 'jsonpath={.spec.clusterIP}'])
    urls = [`http://${clusterIp}/`, `http://${cluster.nodeIp}:30081/`]
  })
  afterAll(async () => { await cluster?.stop() })

  const pods = async (): Promise<PodList['items']> => (await kubectl.json<PodList>(['get', 'pods', '-l', 'app=web'])).items
  const names = (list: PodList['items']): string[] => list.map((p) => p.metadata.name).toSorted()
  /** Who answers 60 requests. */
  const answers = async (url: string): Promise<string[]> => {
    const seen = new Set<string>()
    for (let i = 0; i < 60; i++) seen.add((await cluster.curl(url)).trim())
    return [...seen].toSorted()
  }

  it('spreads over all ready pods through ClusterIP and NodePort', async () => {
    const expected = names(await pods())
    for (const url of urls) expect(await eventually(url, async () => { const a = await answers(url); return a.length === 3 && a }, 30_000)).toEqual(expected)
  })

  it('takes a pod that is not ready out of the Service and back in', async () => {
    const [broken, ...others] = await pods()
    const name = broken?.metadata.name as string
    await kubectl.run(['exec', name, '--', 'touch', '/tmp/broken'])
    await eventually('the pod is not Ready', async () => !isReady((await kubectl.json<PodList['items'][0]>(['get', 'pod', name]))))
    await eventually('only the others answer', async () => { const a = await answers(urls[0] as string); return a.length === 2 && !a.includes(name) }, 20_000)
    expect(await answers(urls[1] as string)).toEqual(names(others))
    await kubectl.run(['exec', name, '--', 'rm', '/tmp/broken'])
    await eventually('all three answer', async () => (await answers(urls[0] as string)).length === 3, 30_000)
    expect(names(await pods())).toEqual(names([broken as PodList['items'][0], ...others]))
  })

  it('restarts a container whose liveness probe fails', async () => {
    const [victim] = await pods()
    const name = victim?.metadata.name as string
    await kubectl.run(['exec', name, '--', 'touch', '/tmp/dead'])
    const restarted = await eventually('the container was restarted', async () => {
      const pod = await kubectl.json<PodList['items'][0]>(['get', 'pod', name])
      return pod.status.containerStatuses?.[0]?.restartCount === 1 && isReady(pod) && pod
    })
    expect(restarted.status.containerStatuses?.[0]?.containerID).not.toBe(victim?.status.containerStatuses?.[0]?.containerID)
    expect(restarted.metadata.uid).toBe(victim?.metadata.uid)
    const events = await kubectl.run(['get', 'events', '--field-selector', `involvedObject.name=${name}`])
    expect(events).toMatch(/Unhealthy\s+pod\/web-.*Liveness probe failed/)
    expect(events).toMatch(/Killing\s+pod\/web-.*Container web failed liveness probe, will be restarted/)
  })
})
