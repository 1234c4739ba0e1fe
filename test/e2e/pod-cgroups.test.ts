/**
 * The cgroups of a pod as the machine has them, by whoever keeps the tree: files of ours, or slices of systemd's, which Docker takes by itself on a machine with
 * systemd and cgroup v2.
 */
import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cgroupPath } from '../../shared/host/cgroup-names.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import type { Kubectl } from '../testbed/kubectl.ts'

const Mi = 2 ** 20
const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').then((text) => text.trim(), () => undefined)
/** One file of version 1, or the one of version 2 that says the same. */
const either = async (controller: string, v1: string, v2: string, at: string): Promise<string | undefined> => await read(`/sys/fs/cgroup/${controller}${at}/${v1}`) ?? await read(`/sys/fs/cgroup${at}/${v2}`)
const memory = async (at: string): Promise<number> => Number(await either('memory', 'memory.limit_in_bytes', 'memory.max', at))
const quota = async (at: string): Promise<number> => Number((await either('cpu', 'cpu.cfs_quota_us', 'cpu.max', at))?.split(' ')[0])
const folders = async (at: string): Promise<string[]> => {
  const list = (dir: string) => readdir(dir, { withFileTypes: true }).then((all) => all.filter((e) => e.isDirectory()).map((e) => `${at}/${e.name}`), () => undefined)
  return await list(`/sys/fs/cgroup/memory${at}`) ?? await list(`/sys/fs/cgroup${at}`) ?? []
}

describe.each(['containerd', 'docker'] as const)('on %s', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  let pod: string
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    kubectl = await cluster.kubectl()
    await makePod()
  })
  const isThere = async (): Promise<boolean> => await either('memory', 'cgroup.procs', 'cgroup.procs', pod) !== undefined
  const makePod = async (): Promise<void> => {
    const resources = { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '200m', memory: '32Mi' } }
    await kubectl.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'm', image: testImage, command: ['sleep', '1000000'], resources }] } }])
    await kubectl.run('wait --for=condition=Ready pod/p --timeout=120s')
    pod = cgroupPath(cluster.engine.cgroupDriver ?? 'cgroupfs', `/bramble/burstable/pod${await kubectl.run(['get', 'pod', 'p', '-o', 'jsonpath={.metadata.uid}'])}`)
  }
  let isOver = false
  afterAll(async () => { if (!isOver) await cluster?.stop() })
  /** Docker's pause process has room of its own. */
  const pause = runtime === 'docker' ? 8 * Mi : 0
  const containers = async (limit: number): Promise<string[]> => {
    const all = await folders(pod)
    const limits = await Promise.all(all.map(memory))
    return all.filter((_, i) => limits[i] === limit)
  }

  it('have the limits of the pod, and within them the container\'s', async () => {
    expect([await memory(pod), await quota(pod)]).toEqual([32 * Mi + pause, 20_000])
    const [container = '', ...others] = await containers(32 * Mi)
    expect(others).toEqual([])
    expect(await quota(container)).toBe(20_000)
    expect(await either('memory', 'cgroup.procs', 'cgroup.procs', container)).toMatch(/^\d+$/)
  })

  it('follow a resize in place', async () => {
    await kubectl.run(['patch', 'pod', 'p', '--subresource=resize', '-p', JSON.stringify({ spec: { containers: [{ name: 'm', resources: { limits: { cpu: '400m', memory: '48Mi' } } }] } })])
    await eventually('the limits are the new ones', async () => await memory(pod) === 48 * Mi + pause && await quota(pod) === 40_000)
    const [container = ''] = await containers(48 * Mi)
    expect(await quota(container)).toBe(40_000)
    expect(await kubectl.run(['get', 'pod', 'p', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'])).toBe('0')
  })

  it('are what is measured', async () => {
    await eventually('the pod has a reading', async () => { const said = await kubectl.said('top pod p'); return said.code === 0 && / \d+m +\d+Mi/.test(said.out) })
  })

  it('are taken over by the next agent, and go with the pod', async () => {
    await cluster.agent.kill('SIGKILL')
    await cluster.startAgent()
    await kubectl.run('delete pod p')
    await eventually('the cgroup is gone', async () => !await isThere())
  })

  it('go with what `clean` takes from the machine', async () => {
    await makePod()
    expect(await isThere()).toBe(true)
    isOver = true
    await cluster.stop()
    expect(await isThere()).toBe(false)
  })
})
