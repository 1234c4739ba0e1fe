/** A node that is full: 110 pods with probes, what they cost while nothing happens, what a deletion takes, and how an agent that starts anew takes them over. */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { openApi, type Api } from './api.ts'
import { costOf } from './process-cost.ts'

export interface NodeRow { readonly work: string; readonly kubernetes: string; readonly target: string; readonly here: string }

interface Pod { metadata: { name: string; uid: string }; status?: { conditions?: { type: string; status: string }[]; containerStatuses?: { restartCount: number }[] } }
const isReady = (pod: Pod): boolean => pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false

async function list(api: Api, app: string): Promise<Pod[]> {
  return (JSON.parse((await api.call('GET', `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`)).body.toString()) as { items: Pod[] }).items
}

async function deploy(api: Api, app: string, replicas: number, container: object): Promise<void> {
  const labels = { app }
  const { status, body } = await api.call('POST', '/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: app },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'm', image: testImage, ...container }] } } },
  })
  if (status !== 201) throw new Error(`POST: ${status} ${body.toString()}`)
}

const allReady = (api: Api, app: string, count: number): Promise<unknown> =>
  eventually(`${count} pods are Ready`, async () => (await list(api, app)).filter(isReady).length === count, 300_000, 250)

const web = { command: ['sh', '-c', 'echo ok > /www/index.html; exec httpd -f -p 8080 -h /www'] }
const cgroupOf = (uid: string): string => `/sys/fs/cgroup/memory/bramble/besteffort/pod${uid}`

/** CPU seconds of the agent and of what it started, over a span. */
async function cpuOver(cluster: Cluster, seconds: number): Promise<number> {
  const before = await costOf(cluster.agent.pid)
  await sleep(seconds * 1000)
  return (await costOf(cluster.agent.pid)).cpu - before.cpu
}

async function deletions(api: Api, app: string): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < 15; i++) {
    const pod = (await list(api, app)).find(isReady)
    if (!pod) throw new Error('no pod is Ready')
    const at = performance.now()
    await api.call('DELETE', `/api/v1/namespaces/default/pods/${pod.metadata.name}?gracePeriodSeconds=0`)
    while (await stat(cgroupOf(pod.metadata.uid)).then(() => true, () => false)) await sleep(5)
    times.push(performance.now() - at)
    await eventually('another has come', async () => (await list(api, app)).filter(isReady).length === 20, 60_000)
  }
  return times.toSorted((a, b) => a - b)
}

export async function nodeRows(options: { runtime: 'containerd' | 'docker'; programs: NonNullable<Parameters<typeof Cluster.start>[0]['programs']>; idleSeconds: number; say(text: string): void }): Promise<NodeRow[]> {
  const cluster = await Cluster.start({ runtime: options.runtime, programs: options.programs })
  const rows: NodeRow[] = []
  const row = (work: string, kubernetes: string, target: string, here: string): void => { rows.push({ work: `${work} (${options.runtime})`, kubernetes, target, here }) }
  try {
    const api = await openApi(cluster.kubeconfig, 4)
    await deploy(api, 'short', 20, web)
    await allReady(api, 'short', 20)
    const times = await deletions(api, 'short')
    row('pod deleted with grace 0, until nothing of it is on the node, p50 / p95', '', '0.5 s', `${(times[7]! / 1000).toFixed(2)} / ${(times[14]! / 1000).toFixed(2)} s`)

    // The price of one exec probe: twenty a second, against the same pods without.
    const span = 30
    const without = await cpuOver(cluster, span)
    await api.call('PATCH', '/apis/apps/v1/namespaces/default/deployments/short', { spec: { template: { spec: { containers: [{ name: 'm', livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }] } } } }, 'application/strategic-merge-patch+json')
    await eventually('the new ones are there', async () => { const pods = await list(api, 'short'); return pods.length === 20 && pods.every(isReady) }, 120_000)
    await sleep(5000)
    const with_ = await cpuOver(cluster, span)
    row('an exec probe: CPU of agent and runtime CLI', '', '', `${(1000 * (with_ - without) / (20 * span)).toFixed(0)} ms`)
    await api.call('DELETE', '/apis/apps/v1/namespaces/default/deployments/short?propagationPolicy=Background')
    await eventually('they are gone', async () => (await list(api, 'short')).length === 0, 120_000)

    const at = performance.now()
    await deploy(api, 'full', 110, { ...web, livenessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 10 } })
    await allReady(api, 'full', 110)
    row('110 pods, applied to all Ready', '', '', `${((performance.now() - at) / 1000).toFixed(1)} s`)
    await sleep(45_000)
    options.say(`110 pods idle for ${options.idleSeconds} s`)
    const cpu = await cpuOver(cluster, options.idleSeconds)
    const cost = await costOf(cluster.agent.pid)
    row('agent with 110 pods and their http liveness probes (10 s): memory anonymous / PSS, CPU', '', '60 MB, 1 %', `${(cost.anonymous / 1e6).toFixed(0)} / ${(cost.pss / 1e6).toFixed(0)} MB, ${(100 * cpu / options.idleSeconds).toFixed(2)} %`)

    await cluster.agent.kill('SIGKILL')
    const mark = (await cluster.agent.log()).length
    const again = performance.now()
    await cluster.startAgent()
    await eventually('all are taken over', async () => /pods taken over/.test((await cluster.agent.log()).slice(mark)), 60_000, 20)
    const took = performance.now() - again
    await cluster.nodeReady()
    const restarted = (await list(api, 'full')).filter((p) => !isReady(p) || (p.status?.containerStatuses ?? []).some((c) => c.restartCount > 0)).length
    row('agent killed and started with 110 pods: all adopted; restarted or unready', '', '3 s; 0', `${(took / 1000).toFixed(2)} s; ${restarted}`)
    api.close()
  } finally {
    await cluster.stop()
  }
  return rows
}
