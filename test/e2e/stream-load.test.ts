/** Two hundred streams through one control plane and one agent: nothing lost, nobody disturbed by who does not read, nothing left behind. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { heapFlags } from '../../scripts/bundle.ts'
import { Cluster } from '../testbed/cluster.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { StreamClient } from '../testbed/stream-client.ts'
import { echo, footing, loadPod, mixed, settled, stalled, type Footing } from '../testbed/stream-load.ts'

const root = join(import.meta.dirname, '../..')
const programs = {
  controlPlane: [process.execPath, ...heapFlags['bramble-control-plane'], join(root, 'control-plane/main.ts')],
  nodeAgent: [process.execPath, ...heapFlags['bramble-node-agent'], join(root, 'node-agent/main.ts')],
}
/** What either process may have taken besides, bytes: buffers of 200 streams, and what malloc keeps to give out again. */
const room = 200 << 20

describe.each(['containerd', 'docker'] as const)('streams under load on %s', (runtime) => {
  let cluster: Cluster
  let client: StreamClient
  let before: Footing
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime, programs })
    client = await StreamClient.of(cluster.kubeconfig)
    const [newest] = await kubectls(['1.33'])
    const kubectl = new Kubectl(newest!, cluster.kubeconfig)
    await kubectl.apply(loadPod(8 << 20))
    await kubectl.run(['wait', '--for=condition=Ready', 'pod/load', '--timeout=60s'])
    await (await client.exec('load', ['true'], { container: 'main' })).ended
    before = await footing(cluster)
  })
  afterAll(() => cluster?.stop())
  const bounded = (now: Footing): void => {
    expect(now.agent - before.agent, 'the agent').toBeLessThan(room)
    expect(now.controlPlane - before.controlPlane, 'the control plane').toBeLessThan(room)
  }

  it('200 at once, exec, attach, port-forward and followed logs, each both ways and unharmed', async () => {
    expect(await mixed(client, 200, 64 << 10)).toEqual([])
    bounded(await settled(cluster, before))
  })

  it('readers that do not read hold no memory and disturb nobody; their programs go with them', async () => {
    const silent = await stalled(client, 40)
    const session = await client.exec('load', ['cat'], { stdin: true, container: 'main' })
    expect(await echo(session, randomBytes(4 << 20), session.out)).toBe(true)
    session.close()
    bounded(await footing(cluster))
    silent.cut()
    bounded(await settled(cluster, before))
    const inside = await client.exec('load', ['ps', '-o', 'args'], { container: 'main' })
    await inside.ended
    expect(inside.out.tail).not.toContain('/dev/zero')
  })

  it('32 MB both ways at once, by exec and by port-forward', async () => {
    const data = randomBytes(32 << 20)
    const [exec, port] = [await client.exec('load', ['cat'], { stdin: true, container: 'main' }), await client.forward('load', 7000)]
    expect([await echo(exec, data, exec.out), await echo(port, data, port.data)]).toEqual([true, true])
    exec.close()
    port.close()
    bounded(await settled(cluster, before))
  })
})
