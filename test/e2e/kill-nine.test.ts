/** kill -9 of the control plane and of the agent, in turn and together, while 30 replicas roll out; and a start with no control plane at all. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ignore } from '../../shared/base/ignore.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import { leftovers, snapshots } from '../testbed/leftovers.ts'
import { testImage } from '../testbed/images.ts'
import { isReady, service, webDeployment, type PodList } from '../testbed/workloads.ts'

let cluster: Cluster
let kubectl: Kubectl
beforeAll(async () => {
  cluster = await Cluster.start({ runtime: 'containerd' })
  kubectl = await cluster.kubectl()
})
afterAll(async () => { await cluster?.stop() })

/** Uids of every pod that was ever seen. */
const seen = new Set<string>()
const pods = async (): Promise<PodList['items']> => {
  const { items } = await kubectl.json<PodList>(['get', 'pods', '-l', 'app=thirty'])
  for (const pod of items) seen.add(pod.metadata.uid)
  return items
}

/** Waits until the node holds nothing but what the pods of now need: what is left is told by the failure. */
async function nothingLeft(count: number, recordsPerPod = 1): Promise<void> {
  let left: string[] = []
  const clean = eventually('nothing is left of pods that are gone', async () => {
    const alive = await pods()
    left = await leftovers(cluster, alive, seen, recordsPerPod)
    return alive.length === count && left.length === 0
  }, 60_000, 500)
  await ignore(clean, 'what is left says more than that the time is over')
  expect(left).toEqual([])
}

/** The agent speaks to the control plane, and has handled every pod it found: one made later runs. */
async function agentAtWork(): Promise<void> {
  await eventually('the node takes requests', async () => (await kubectl.try(['exec', 'deployment/thirty', '--', 'true'])).exitCode === 0, 90_000)
  await kubectl.run(['run', 'later', '--image', testImage, '--restart=Never', '--command', '--', 'sh', '-c', 'exec sleep 1000'])
  await kubectl.run(['wait', 'pod/later', '--for=condition=Ready', '--timeout=90s'], { timeout: 100_000 })
  await kubectl.run(['delete', 'pod', 'later', '--grace-period=1'])
}

it('completes a rollout of 30 replicas through kills, with exactly 30 containers and every acknowledged object', async () => {
  const acknowledged: string[] = []
  const note = async (i: number): Promise<void> => {
    const result = await kubectl.try(['create', 'configmap', `note-${i}`, `--from-literal=i=${i}`])
    if (result.exitCode === 0) acknowledged.push(`note-${i}`)
  }
  const images = await snapshots(cluster)
  await kubectl.apply([webDeployment('thirty', 30), service('thirty', 30082)])
  await note(0)
  await eventually('some pods are ready', async () => (await pods()).filter(isReady).length >= 5, 60_000)
  await cluster.controlPlane.kill('SIGKILL')
  await cluster.startControlPlane()
  await note(1)
  await eventually('more pods are ready', async () => (await pods()).filter(isReady).length >= 12, 60_000)
  await cluster.agent.kill('SIGKILL')
  await note(2)
  await cluster.startAgent()
  await eventually('half of the pods are ready', async () => (await pods()).filter(isReady).length >= 18, 60_000)
  await note(3)
  await Promise.all([cluster.controlPlane.kill('SIGKILL'), cluster.agent.kill('SIGKILL')])
  await Promise.all([cluster.startControlPlane(), cluster.startAgent()])
  await note(4)
  await kubectl.run(['rollout', 'status', 'deployment/thirty', '--timeout=120s'], { timeout: 130_000 })
  // A second generation, killed in its middle.
  await kubectl.run(['set', 'env', 'deployment/thirty', 'VERSION=2'])
  await eventually('the rollout is under way', async () => Number(await kubectl.run(['get', 'deployment', 'thirty', '-o', 'jsonpath={.status.updatedReplicas}'])) >= 8, 60_000)
  await cluster.controlPlane.kill('SIGKILL')
  await cluster.agent.kill('SIGKILL')
  await Promise.all([cluster.startControlPlane(), cluster.startAgent()])
  await note(5)
  await kubectl.run(['rollout', 'status', 'deployment/thirty', '--timeout=150s'], { timeout: 160_000 })

  await eventually('exactly 30 pods are left', async () => (await pods()).length === 30, 60_000)
  await eventually('exactly 30 containers run', async () => (await cluster.runningContainers()).length === 30, 30_000)
  const ids = (await pods()).map((p) => p.status.containerStatuses?.[0]?.containerID)
  expect(new Set(ids).size).toBe(30)
  expect((await pods()).every(isReady)).toBe(true)
  const stored = await kubectl.run(['get', 'configmaps', '-o', 'name'])
  expect(acknowledged.filter((name) => !stored.includes(`configmap/${name}`))).toEqual([])
  expect(acknowledged.length).toBeGreaterThanOrEqual(5)
  await nothingLeft(30)
  // One view a layer, however many containers.
  expect(await snapshots(cluster) - images).toBeLessThanOrEqual(1)
}, 600_000)

it('adopts running containers: an agent killed and started again restarts nothing', async () => {
  const before = (await cluster.runningContainers()).toSorted()
  await cluster.agent.kill('SIGKILL')
  await cluster.startAgent()
  await agentAtWork()
  expect((await cluster.runningContainers()).toSorted()).toEqual(before)
  expect((await pods()).map((p) => p.status.containerStatuses?.[0]?.restartCount)).toEqual(Array.from({ length: 30 }, () => 0))
})

it('brings pods and Service back with no control plane and every container killed', async () => {
  await kubectl.run(['scale', 'deployment/thirty', '--replicas=5'])
  await eventually('five pods are left', async () => (await pods()).length === 5 && (await cluster.runningContainers()).length === 5)
  const clusterIp = await kubectl.run(['get', 'svc', 'thirty', '-o', 'jsonpath={.spec.clusterIP}'])
  const names = (await pods()).map((p) => p.metadata.name).toSorted()
  await cluster.controlPlane.kill('SIGKILL')
  await cluster.agent.kill('SIGKILL')
  await cluster.powerCut()
  expect(await cluster.runningContainers()).toEqual([])
  await cluster.startAgent()
  await eventually('five containers run', async () => (await cluster.runningContainers()).length === 5)
  for (const url of [`http://${clusterIp}/`, `http://${cluster.nodeIp}:30082/`]) {
    const seen = new Set<string>()
    await eventually(`all five answer at ${url}`, async () => { seen.add((await cluster.curl(url)).trim()); return seen.size === 5 }, 60_000)
    expect([...seen].toSorted()).toEqual(names)
  }
  await cluster.startControlPlane()
  await cluster.nodeReady()
  await eventually('the control plane sees them ready', async () => (await pods()).filter(isReady).length === 5)
  expect((await pods()).map((p) => p.metadata.name).toSorted()).toEqual(names)
  await agentAtWork()
  await nothingLeft(5, 2)
})
