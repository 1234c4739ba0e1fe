/** What all pods together may have of a node: told by its allocatable, kept by their cgroup, and seen from inside. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

const Mi = 2 ** 20
const memory = 600 * Mi
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

describe.each(['containerd', 'docker'] as const)('a node on %s', (runtime) => {
  const root = `bramble-${runtime}-${process.pid}`
  let cluster: Cluster
  let kubectl: Kubectl
  beforeAll(async () => {
    const kept = Math.floor(totalmem() - memory)
    cluster = await Cluster.start({ runtime, agentFlags: ['--system-reserved', `memory=${Math.floor(kept / 2)},cpu=100m`, '--kube-reserved', `memory=${Math.ceil(kept / 2)},cpu=400m`, '--pod-max-pids', '40', '--cgroup-root', root, '--eviction-pressure-transition-period', '1s'] })
    kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
  })
  afterAll(async () => {
    await cluster?.stop()
    // Cgroups go the innermost first; those of pods are gone.
    await run(['find', '/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${root}*`, '-exec', 'rmdir', '{}', ';'])
  })
  const cgroup = async (controller: string, path: string, v1: string, v2: string): Promise<string> => (await readFile(isV2 ? `/sys/fs/cgroup/${root}${path}/${v2}` : `/sys/fs/cgroup/${controller}/${root}${path}/${v1}`, 'utf8')).trim()
  const pod = (name: string, command: string, requests: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, restartPolicy: 'Never', containers: [{ name: 'm', image: testImage, command: ['sh', '-c', command], resources: { requests }, volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] } })
  const of = async (name: string, path: string): Promise<string> => (await kubectl.said(['get', 'pod', name, '-o', `jsonpath=${path}`])).out

  it('keeps all pods together to its allocatable, one pod to its process ids, and ends the one that takes too much before the kernel does', async () => {
    await eventually('the limit of all pods', async () => Number(await cgroup('memory', '', 'memory.limit_in_bytes', 'memory.max')) <= memory + 4096)
    expect(await kubectl.run(['get', 'node', 'pi-1', '-o', 'jsonpath={.status.allocatable.memory}'])).toMatch(/^(500Mi|5\d{5}Ki)$/)
    await kubectl.apply([pod('modest', 'sleep 1000000', { cpu: '250m', memory: '64Mi' }), pod('many', '(i=0; while [ $i -lt 60 ]; do sleep 1000000 & i=$((i+1)); done); exec sleep 1000000', { cpu: '250m' })])
    await kubectl.run('wait --for=condition=Ready pod/modest --timeout=60s')
    await eventually('a fork is refused', async () => /can't fork|Resource temporarily unavailable/.test((await kubectl.said('logs many')).out))
    expect(Number(await cgroup('cpu', '/burstable', 'cpu.shares', 'cpu.weight'))).toBe(isV2 ? 20 : 512)
    await kubectl.run('delete pod many')
    await eventually('the class weighs less', async () => Number(await cgroup('cpu', '/burstable', 'cpu.shares', 'cpu.weight')) === (isV2 ? 10 : 256))
    await kubectl.apply([pod('greedy', 'dd if=/dev/zero of=/v/x bs=1M count=520; sleep 1000000', {})])
    await eventually('greedy is evicted', async () => (await of('greedy', '{.status.reason}')) === 'Evicted', 60_000)
    expect(await of('greedy', '{.status.message}')).toMatch(/^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+[KM]i\. Container m was using \d+[KM]i, request is 0, has larger consumption of memory\. ?$/)
    expect(await of('modest', '{.status.phase}')).toBe('Running')
    expect(await kubectl.run(['get', 'events', '--field-selector', 'reason=NodeAllocatableEnforced', '-o', 'jsonpath={.items[0].message}'])).toBe('Updated Node Allocatable limit across pods')
    await kubectl.run('delete pod modest greedy')
  })
})
