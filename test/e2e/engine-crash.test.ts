/** dockerd and containerd killed under running pods and started again: containers live on, what ended meanwhile is found, what is not ours is not touched. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runOk } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

describe.each(['containerd', 'docker'] as const)('%s killed under running pods', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
  })
  afterAll(async () => { await cluster?.stop() })

  const pod = (name: string, command: string, restartPolicy: string, more: object = {}): object => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { restartPolicy, terminationGracePeriodSeconds: 0, containers: [{ name: 'm', image: testImage, command: ['sh', '-c', command], ...more }] },
  })
  const of = (name: string, path: string): Promise<string> => kubectl.run(['get', 'pod', name, '-o', `jsonpath=${path}`])
  const ready = (): Promise<string> => kubectl.run(['get', 'node', 'pi-1', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}'])
  const last = async (): Promise<number> => Number((await kubectl.said('logs steady --tail=1')).out)
  const engine = (...args: string[]): Promise<Buffer> => runOk(runtime === 'docker' ? ['docker', '-H', cluster.engine.address, ...args] : ['ctr', '--address', cluster.engine.address, '-n', 'user', ...args])

  it('goes on with them, tells the node is not Ready meanwhile, and leaves a user\'s own container alone', async () => {
    // runc's state of a container is the machine's, whatever daemon started it: the name is of this run alone.
    const name = `mine-${randomUUID()}`
    if (runtime === 'docker') await engine('run', '--detach', `--name=${name}`, '--network=none', testImage, 'sleep', '1000000')
    else {
      await engine('images', 'import', `${cluster.dir}/agent/images/test.tar`)
      await engine('run', '--detach', testImage, name, 'sleep', '1000000')
    }
    const own = (): Promise<string> => engine(...(runtime === 'docker' ? ['ps', `--filter=name=${name}`, '--format={{.ID}} {{.State}}'] : ['tasks', 'ls'])).then((b) => b.toString())
    const mine = await own()
    await kubectl.apply([
      pod('steady', 'i=0; while true; do i=$((i+1)); echo $i; sleep 0.2; done', 'Always', { livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 30 } }),
      pod('brief', 'until [ -e /go ]; do sleep 0.1; done; sleep 3; exit 7', 'Never'),
    ])
    await kubectl.run('wait --for=condition=Ready pod/steady pod/brief --timeout=60s')
    const container = await of('steady', '{.status.containerStatuses[0].containerID}')
    const before = await last()

    await kubectl.run('exec brief -- touch /go')
    await cluster.engine.kill()
    await eventually('the node is told not Ready', async () => (await ready()) === 'False container runtime is down', 40_000)
    await cluster.engine.restart()
    await eventually('the node is Ready again', async () => (await ready()).startsWith('True'), 40_000)

    await eventually('the end of brief was found', async () => (await of('brief', '{.status.phase}')) === 'Failed', 40_000)
    expect(await of('brief', '{.status.containerStatuses[0].state.terminated.exitCode}')).toBe('7')
    expect([await of('steady', '{.status.containerStatuses[0].containerID}'), await of('steady', '{.status.containerStatuses[0].restartCount}')]).toEqual([container, '0'])
    await eventually('its log goes on', async () => (await last()) > before + 20)
    expect((await kubectl.run('exec steady -- echo here')).trim()).toBe('here')
    expect((await cluster.runningContainers()).length).toBe(1)
    expect(await own()).toBe(mine)
    await kubectl.run('delete pod steady brief')
    await eventually('both are gone', async () => (await cluster.runningContainers()).length === 0)
    expect(await own()).toBe(mine)
  })
})
