/** What controllers make of StatefulSets, DaemonSets, Jobs and CronJobs on a real node, and a drain that respects a budget. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { isReady } from '../testbed/workloads.ts'
import type { PodList } from '../testbed/workloads.ts'

let cluster: Cluster
let kubectl: Kubectl
beforeAll(async () => {
  cluster = await Cluster.start({ runtime: 'containerd' })
  kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
})
afterAll(async () => { await cluster?.stop() })

const container = (command: string): object => ({ name: 'main', image: testImage, command: ['sh', '-c', command] })
const podSpec = (command: string, more: object = {}): object => ({ terminationGracePeriodSeconds: 0, containers: [container(command)], ...more })
const forever = 'trap "exit 0" TERM; sleep 1000000 & wait'
const pods = async (selector: string): Promise<PodList['items']> => (await kubectl.json<PodList>(['get', 'pods', '-l', selector])).items
const value = (path: string, ...of: string[]): Promise<string> => kubectl.run(['get', ...of, '-o', `jsonpath={${path}}`])

describe('a StatefulSet', () => {
  const set = (replicas: number, color: string): object => ({
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web' },
    spec: { replicas, serviceName: 'web', selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web', color } }, spec: podSpec(forever) } },
  })
  const names = async (): Promise<string[]> => (await pods('app=web')).filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name)

  /** By the events of their last making: two in one second are told apart by what the store wrote first. */
  const madeInOrder = async (): Promise<string[]> => {
    const { items } = await kubectl.json<{ items: { metadata: { resourceVersion: string }; message: string }[] }>(['get', 'events', '--field-selector', 'reason=SuccessfulCreate,involvedObject.kind=StatefulSet'])
    return items.toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion)).map((e) => /Pod (web-\d)/.exec(e.message)?.[1] ?? e.message)
  }

  it('makes its pods one after the other, each with its own name and host name', async () => {
    await kubectl.apply(set(3, 'blue'))
    expect(await kubectl.run(['rollout', 'status', 'sts/web', '--timeout=60s'])).toContain('roll out complete: 3 new pods have been updated')
    expect(await names()).toEqual(['web-0', 'web-1', 'web-2'])
    expect((await kubectl.run(['exec', 'web-1', '--', 'hostname'])).trim()).toBe('web-1')
    expect(await value('.items[*].metadata.labels.apps\\.kubernetes\\.io/pod-index', 'pods', '-l', 'app=web')).toBe('0 1 2')
    expect(await madeInOrder()).toEqual(['web-0', 'web-1', 'web-2'])
  })

  it('gives a lost pod its name again, and updates from the last to the first', async () => {
    const [, before] = await pods('app=web')
    await kubectl.run(['delete', 'pod', 'web-1'])
    await eventually('web-1 is back', async () => (await pods('app=web')).some((p) => p.metadata.name === 'web-1' && p.metadata.uid !== before?.metadata.uid && isReady(p)))
    await kubectl.apply(set(3, 'green'))
    await kubectl.run(['rollout', 'status', 'sts/web', '--timeout=60s'])
    expect(await value('.items[*].metadata.labels.color', 'pods', '-l', 'app=web')).toBe('green green green')
    expect(await madeInOrder()).toEqual(['web-2', 'web-1', 'web-0'])
    await kubectl.run(['rollout', 'undo', 'sts/web'])
    await kubectl.run(['rollout', 'status', 'sts/web', '--timeout=60s'])
    expect(await value('.items[*].metadata.labels.color', 'pods', '-l', 'app=web')).toBe('blue blue blue')
  })

  it('scales down from the end', async () => {
    await kubectl.run(['scale', 'sts/web', '--replicas=1'])
    await eventually('one is left', async () => (await names()).join() === 'web-0')
    await kubectl.run(['delete', 'sts', 'web'])
    await kubectl.run(['wait', '--for=delete', 'pod/web-0', '--timeout=30s'])
  })
})

it('a DaemonSet runs on the node, tolerating what nodes are tainted with', async () => {
  await kubectl.apply({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'each' }, spec: { selector: { matchLabels: { app: 'each' } }, template: { metadata: { labels: { app: 'each' } }, spec: podSpec(forever) } } })
  expect(await kubectl.run(['rollout', 'status', 'ds/each', '--timeout=60s'])).toContain('daemon set "each" successfully rolled out')
  expect((await pods('app=each')).map((p) => p.spec.nodeName)).toEqual([cluster.nodeName])
  await kubectl.run(['set', 'env', 'ds/each', 'COLOR=blue'])
  await kubectl.run(['rollout', 'status', 'ds/each', '--timeout=60s'])
})

describe('a Job', () => {
  it('gives each of its pods an index, and is complete when all have ended well', async () => {
    await kubectl.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'parts' }, spec: { completions: 3, parallelism: 2, completionMode: 'Indexed', template: { spec: podSpec('echo part $JOB_COMPLETION_INDEX', { restartPolicy: 'Never' }) } } })
    await kubectl.run(['wait', '--for=condition=Complete', 'job/parts', '--timeout=60s'])
    expect(await value('.status.completedIndexes', 'job', 'parts')).toBe('0-2')
    expect((await kubectl.run(['logs', '-l', 'job-name=parts', '--tail=-1'])).trim().split('\n').sort()).toEqual(['part 0', 'part 1', 'part 2'])
  })

  it('fails at once where its policy says that an exit code is final', async () => {
    await kubectl.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'final' }, spec: {
      backoffLimit: 6, podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'In', values: [42] } }] }, template: { spec: podSpec('exit 42', { restartPolicy: 'Never' }) },
    } })
    await kubectl.run(['wait', '--for=condition=Failed', 'job/final', '--timeout=60s'])
    expect(await value('.status.conditions[?(@.type=="Failed")].reason', 'job', 'final')).toBe('PodFailurePolicy')
    expect(await pods('job-name=final')).toHaveLength(1)
  })
})

it('a CronJob makes its Job when the minute comes, and keeps what its history says', async () => {
  await kubectl.apply({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'minutely' }, spec: { schedule: '* * * * *', successfulJobsHistoryLimit: 1, jobTemplate: { spec: { template: { metadata: { labels: { app: 'minutely' } }, spec: podSpec('date', { restartPolicy: 'Never' }) } } } } })
  await kubectl.run(['create', 'job', 'by-hand', '--from=cronjob/minutely'])
  await kubectl.run(['wait', '--for=condition=Complete', 'job/by-hand', '--timeout=60s'])
  const made = await eventually('the minute has come', async () => (await kubectl.run(['get', 'jobs', '-o', 'name'])).match(/job\.batch\/minutely-\d+/)?.[0], 75_000)
  await kubectl.run(['wait', '--for=condition=Complete', made, '--timeout=60s'])
  // Made at the minute's beginning, by its scheduled time in the name: minutes since 1970.
  expect(await value('.metadata.annotations.batch\\.kubernetes\\.io/cronjob-scheduled-timestamp', made)).toBe(new Date(Number(made.split('-').at(-1)) * 60_000).toISOString().replace('.000', ''))
  await eventually('it is in the status', async () => await value('.status.lastSuccessfulTime', 'cronjob', 'minutely') !== '')
  // The one made by hand counts as its own.
  await eventually('one successful Job is kept', async () => (await kubectl.run(['get', 'jobs', '-o', 'name'])).split('\n').filter((l) => /minutely|by-hand/.test(l)).length === 1)
  await kubectl.run(['delete', 'cronjob', 'minutely'])
})

it('a drain waits for what a budget allows', async () => {
  const labels = { app: 'kept' }
  await kubectl.apply([
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'kept' }, spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec(forever) } } },
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'kept' }, spec: { minAvailable: 2, selector: { matchLabels: labels } } },
  ])
  await kubectl.run(['rollout', 'status', 'deploy/kept', '--timeout=60s'])
  await eventually('the budget has counted', async () => await value('.status.currentHealthy', 'pdb', 'kept') === '2')
  const refused = await kubectl.try(['drain', cluster.nodeName, '--ignore-daemonsets', '--timeout=4s', '--pod-selector=app=kept'])
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr.toString()).toContain('Cannot evict pod as it would violate the pod\'s disruption budget.')
  expect(await value('.spec.unschedulable', 'node', cluster.nodeName)).toBe('true')
  expect((await pods('app=kept')).filter((p) => !p.metadata.deletionTimestamp)).toHaveLength(2)
  await kubectl.run(['patch', 'pdb', 'kept', '--type=merge', '-p', '{"spec":{"minAvailable":0}}'])
  expect(await kubectl.run(['drain', cluster.nodeName, '--ignore-daemonsets', '--timeout=60s', '--pod-selector=app=kept'])).toContain('drained')
  expect((await pods('app=each')).length).toBe(1)
  await kubectl.run(['uncordon', cluster.nodeName])
  await kubectl.run(['rollout', 'status', 'deploy/kept', '--timeout=60s'])
})
