/** A node that runs short of memory, or of process ids: the pod that uses more goes, the other stays, the node says so. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

const Mi = 2 ** 20
const kb = (text: string, name: string): number => 1024 * Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0)
/** As the agent reckons it. */
async function available(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8')
  return kb(text, 'MemFree') + kb(text, 'Inactive\\(file\\)')
}

/** Ids that are free, as the agent reckons them. */
async function freePids(): Promise<number> {
  const [max, load] = await Promise.all(['/proc/sys/kernel/pid_max', '/proc/loadavg'].map((file) => readFile(file, 'utf8')))
  return Number(max) - Number(/\/(\d+)/.exec(load as string)?.[1])
}
/** More than all else on this machine starts and ends meanwhile. */
const many = 1500

let cluster: Cluster
let kubectl: Kubectl
beforeAll(async () => {
  // So much below what is there now that only the greedy pod can bring the node there.
  const threshold = Math.floor((await available()) / Mi) - 1500
  const ids = await freePids() - many
  cluster = await Cluster.start({ runtime: 'containerd', agentFlags: ['--eviction-hard', `memory.available<${threshold}Mi,pid.available<${ids}`, '--eviction-pressure-transition-period', '15s'] })
  kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
})
afterAll(async () => { await cluster?.stop() })

const pod = (name: string, command: string, request: string): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'm', image: testImage, command: ['sh', '-c', command], resources: { requests: { memory: request } }, volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] },
})
const node = (path: string): Promise<string> => kubectl.run(['get', 'node', 'pi-1', '-o', `jsonpath=${path}`])
const pressure = (type: string): string => `{.status.conditions[?(@.type=="${type}")].status}`

it('evicts the greedy pod alone', async () => {
  await kubectl.apply([pod('modest', 'sleep 1000000', '64Mi'), pod('greedy', 'dd if=/dev/zero of=/v/x bs=1M count=3000; sleep 1000000', '16Mi')])
  await kubectl.run('wait --for=condition=Ready pod/modest --timeout=60s')
  await eventually('greedy is evicted', async () => (await kubectl.said(['get', 'pod', 'greedy', '-o', 'jsonpath={.status.reason}'])).out === 'Evicted', 90_000)
  expect(await kubectl.run(['get', 'pod', 'greedy', '-o', 'jsonpath={.status.message}'])).toMatch(/^The node was low on resource: memory\. Threshold quantity: \d+Mi, available: .*Container m was using \d+[KM]i, request is 16Mi, has larger consumption of memory\. $/)
  expect(await kubectl.run(['get', 'pod', 'greedy', '-o', 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].reason}'])).toBe('TerminationByKubelet')
  expect(await node(pressure('MemoryPressure'))).toBe('True')
  await eventually('the node is tainted', async () => (await node('{.spec.taints[*].key}')).includes('node.kubernetes.io/memory-pressure'))
  expect(await kubectl.run(['get', 'events', '--field-selector', 'involvedObject.name=greedy,reason=Evicted', '-o', 'jsonpath={.items[*].type}'])).toBe('Warning')
  expect(await kubectl.run(['get', 'pod', 'modest', '-o', 'jsonpath={.status.phase}'])).toBe('Running')
  await eventually('the shortage is over', async () => (await node(pressure('MemoryPressure'))) === 'False' && !(await node('{.spec.taints[*].key}')).includes('memory-pressure'), 60_000)
  await kubectl.run('delete pod modest greedy')
})

it('evicts the pod with the most processes alone', async () => {
  await kubectl.apply([pod('few', 'sleep 1000000', '1Mi'), pod('forks', `i=0; while [ $i -lt ${2 * many} ]; do sleep 1000000 & i=$((i+1)); done; wait`, '1Mi')])
  await eventually('the one that forks is evicted', async () => (await kubectl.said(['get', 'pod', 'forks', '-o', 'jsonpath={.status.reason}'])).out === 'Evicted', 90_000)
  expect(await kubectl.run(['get', 'pod', 'forks', '-o', 'jsonpath={.status.message}'])).toMatch(/^The node was low on resource: pids\. Threshold quantity: \d+, available: \d+\. /)
  expect(await node(pressure('PIDPressure'))).toBe('True')
  await eventually('the node is tainted', async () => (await node('{.spec.taints[*].key}')).includes('node.kubernetes.io/pid-pressure'))
  expect(await kubectl.run(['get', 'pod', 'few', '-o', 'jsonpath={.status.phase}'])).toBe('Running')
  await eventually('the shortage is over', async () => (await node(pressure('PIDPressure'))) === 'False' && !(await node('{.spec.taints[*].key}')).includes('pid-pressure'), 60_000)
  await kubectl.run('delete pod few forks')
})
