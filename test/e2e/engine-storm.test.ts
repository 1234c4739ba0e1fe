/** The engine killed in the midst of its work, twenty pods at a time: while they start, while they stop, under open streams, while it is asked for more; and containers taken away by hand. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, runOk } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { leftovers } from '../testbed/leftovers.ts'

interface Pods { readonly items: { metadata: { name: string; uid: string }; status: { podIP?: string; containerStatuses?: { ready: boolean; restartCount: number; containerID?: string }[] } }[] }
const count = 20

describe.each(['containerd', 'docker'] as const)('%s killed at work', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  const seen = new Set<string>()
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
  })
  afterAll(async () => { await cluster?.stop() })

  const pods = async (): Promise<Pods['items']> => {
    const { items } = await kubectl.json<Pods>(['get', 'pods'])
    for (const p of items) seen.add(p.metadata.uid)
    return items
  }
  const isReady = (p: Pods['items'][number]): boolean => p.status.containerStatuses?.every((c) => c.ready) ?? false
  const pod = (name: string, spec: object = {}): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...spec, terminationGracePeriodSeconds: 1, containers: [{ name: 'm', image: testImage, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'] }] } })
  const crash = async (): Promise<void> => { await cluster.engine.kill(); await cluster.engine.restart() }
  /** What is to be known of those that are not as they should be. */
  const lookAt = async (all: Pods['items']): Promise<string> => {
    const odd = all.filter((p) => !isReady(p)).map((p) => p.metadata.name)
    return `${(await cluster.runningContainers()).length} run; not ready: ${odd.join(' ')}\n${odd.length > 0 ? (await kubectl.said(['describe', 'pod', ...odd.slice(0, 3)])).out : ''}`
  }
  /** Exactly these run, one container each. */
  const settled = (what: string, wanted: number): Promise<unknown> => eventually(what, async () => {
    const all = await pods()
    return all.length === wanted && all.every(isReady) && (await cluster.runningContainers()).length === wanted
  }, 90_000, 300).catch(async (e: Error) => { throw new Error(`${e.message}\n${await lookAt(await pods())}`) })
  const ids = async (): Promise<string[]> => (await cluster.runningContainers()).toSorted()
  const clean = async (): Promise<void> => {
    if (runtime !== 'containerd') return
    let left: string[] = []
    await eventually('nothing is left of pods that are gone', async () => { left = await leftovers(cluster, await pods(), seen); return left.length === 0 }, 60_000, 500).catch((e: Error) => { throw new Error(`${e.message}: ${left.join('; ')}`) })
  }

  it('brings every pod up once, whenever it is killed', async () => {
    await kubectl.apply(Array.from({ length: count }, (_, i) => pod(`p${i}`)))
    for (const some of [1, 8]) {
      await eventually(`${some} are ready`, async () => (await pods()).filter(isReady).length >= some, 60_000)
      await crash()
    }
    await settled('all run', count)
    const session = kubectl.try(['exec', 'p0', '--', 'sh', '-c', 'while [ ! -e /end ]; do sleep 0.2; done'])
    await eventually('the exec runs', async () => (await kubectl.said('exec p0 -- ps -o args')).out.includes('! -e /end'))
    const before = await ids()
    await crash()
    await eventually('exec works again', async () => (await kubectl.said('exec p0 -- echo here')).out === 'here', 60_000)
    expect(await ids()).toEqual(before)
    await kubectl.run('exec p0 -- touch /end')
    await session
    await settled('all run still', count)
  })

  it('notices a container that was taken away by hand, and starts it again', async () => {
    const of = async (name: string) => (await pods()).find((p) => p.metadata.name === name)?.status.containerStatuses?.[0]
    const before = await of('p1')
    const id = before?.containerID?.split('//')[1] ?? ''
    if (runtime === 'docker') await runOk(['docker', '-H', cluster.engine.address, 'rm', '--force', id])
    else {
      await runOk(['ctr', '--address', cluster.engine.address, '-n', 'bramble', 'tasks', 'kill', '-s', 'SIGKILL', id])
      await run(['ctr', '--address', cluster.engine.address, '-n', 'bramble', 'containers', 'delete', id])
    }
    await eventually('another runs', async () => { const c = await of('p1'); return c?.ready === true && c.containerID !== before?.containerID }, 60_000)
    expect((await of('p1'))?.restartCount).toBe((before?.restartCount ?? 0) + 1)
    await settled('as many as before', count)
  })

  it('does what was asked for while it was away', async () => {
    await cluster.engine.kill()
    // Bound by name: the scheduler gives a node nothing that has been without its engine for a while.
    await kubectl.apply(['n1', 'n2', 'n3'].map((name) => pod(name, { nodeName: 'pi-1' })))
    await kubectl.run('delete pod p1 p2 p3 --wait=false')
    await cluster.engine.restart()
    await settled('the new run and the others are gone', count)
    expect((await pods()).map((p) => p.metadata.name).filter((n) => /^(n\d|p[123])$/.test(n)).toSorted()).toEqual(['n1', 'n2', 'n3'])
    await clean()
  })

  it('takes every pod down once', async () => {
    await kubectl.run('delete pod --all --wait=false')
    await eventually('some are gone', async () => (await pods()).length < count - 2, 60_000)
    await crash()
    await settled('none is left', 0)
    if (runtime === 'docker') expect((await runOk(['docker', '-H', cluster.engine.address, 'ps', '--all', '-q'])).toString()).toBe('')
    await clean()
  })
})
