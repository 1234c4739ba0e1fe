/** What a node's streams carry: bytes a second each way, two hundred at once, and what readers cost who do not read. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from '../testbed/cluster.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { StreamClient, type Session } from '../testbed/stream-client.ts'
import { echo, footing, loadPod, mixed, settled, stalled, type Footing } from '../testbed/stream-load.ts'
import { costAlone } from './process-cost.ts'

export interface StreamRow { readonly work: string; readonly kubernetes: string; readonly target: string; readonly here: string }

const total = 100_000_000
/** What a burst has left is given back two seconds after its end. */
const afterwards = 5000
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)

/** Megabytes a second of one direction; throws where a byte is lost. */
async function rate(work: () => Promise<void>): Promise<string> {
  const at = performance.now()
  await work()
  return (total / 1e6 / ((performance.now() - at) / 1000)).toFixed(0)
}

async function downward(client: StreamClient): Promise<void> {
  const session = await client.exec('load', ['head', '-c', String(total), '/dev/zero'], { container: 'main' })
  await session.ended
  if (session.out.bytes !== total) throw new Error(`exec gave ${session.out.bytes} bytes`)
}

async function upward(client: StreamClient, data: Buffer): Promise<void> {
  const session = await client.exec('load', ['wc', '-c'], { stdin: true, container: 'main' })
  for (let at = 0; at < data.length; at += 65_536) await session.type(data.subarray(at, at + 65_536))
  await session.endInput()
  await session.ended
  if (session.out.tail.trim() !== String(total)) throw new Error(`exec took ${session.out.tail} bytes`)
}

const both = async (session: Session, data: Buffer, port: boolean): Promise<void> => {
  if (!await echo(session, data, port ? session.data : session.out)) throw new Error('what came back is not what was sent')
  session.close()
}

/** Until nothing moves any more: readers that stopped first fill what the kernel keeps for them. */
async function quiet(cluster: Cluster): Promise<void> {
  for (let before = -1, i = 0; i < 120; i++) {
    await sleep(500)
    const { cpu } = await costAlone(cluster.agent.pid)
    if (cpu - before < 0.03) return
    before = cpu
  }
}

export async function streamRows(options: { runtime: 'containerd' | 'docker'; programs: NonNullable<Parameters<typeof Cluster.start>[0]['programs']>; say(text: string): void }): Promise<StreamRow[]> {
  const cluster = await Cluster.start({ runtime: options.runtime, programs: options.programs })
  const rows: StreamRow[] = []
  const row = (work: string, target: string, here: string): void => { rows.push({ work: `${work} (${options.runtime})`, kubernetes: '', target, here }) }
  const memory = (f: Footing): string => `${megabytes(f.agent)} / ${megabytes(f.controlPlane)} MB`
  try {
    const client = await StreamClient.of(cluster.kubeconfig)
    const [newest] = await kubectls(['1.33'])
    const kubectl = new Kubectl(newest!, cluster.kubeconfig)
    await kubectl.apply(loadPod(32 << 20))
    await kubectl.run(['wait', '--for=condition=Ready', 'pod/load', '--timeout=60s'])
    const before = await footing(cluster)
    const data = randomBytes(total)
    row('exec, 100 MB from the container / to it / both ways at once, MB/s', '', [await rate(() => downward(client)), await rate(() => upward(client, data)), await rate(async () => both(await client.exec('load', ['cat'], { stdin: true, container: 'main' }), data, false))].join(' / '))
    row('port-forward, 100 MB both ways at once, MB/s', '', await rate(async () => both(await client.forward('load', 7000), data, true)))
    await settled(cluster, before)
    await sleep(afterwards)
    const carried = await footing(cluster)
    options.say(`100 MB each: ${JSON.stringify(carried)}`)
    const at = performance.now()
    const problems = await mixed(client, 200, 512 << 10)
    row('200 streams at once, 512 KiB each way, harmed / seconds', '0', `${problems.length} / ${((performance.now() - at) / 1000).toFixed(1)}`)
    await settled(cluster, before)
    const silent = await stalled(client, 200)
    await quiet(cluster)
    const during = await footing(cluster)
    silent.cut()
    await settled(cluster, before, 60_000)
    await sleep(afterwards)
    const after = await footing(cluster)
    row('anonymous memory of agent / control plane before', '', memory(before))
    row('with 200 readers that do not read', '', memory(during))
    row('after all of it', '', memory(after))
    row('handles of agent and control plane, programs of the agent: before / during / after', '', [before, during, after].map((f) => `${f.agentHandles}+${f.controlPlaneHandles}, ${f.children}`).join(' / '))
  } finally {
    await cluster.stop()
  }
  return rows
}
