/** Pods and streams that put a load on both ends of a node's streams, and what that load leaves behind. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { costAlone } from '../bench/process-cost.ts'
import { eventually, type Cluster } from './cluster.ts'
import { testImage } from './images.ts'
import type { Received, Session, StreamClient } from './stream-client.ts'

const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
/** What the container `talk` prints once it is told to. */
const spoken = Buffer.from(`${Array.from({ length: 20_000 }, (_, i) => `line ${i + 1}`).join('\n')}\ndone\n`)

/** busybox' `nc` listens with as many connections waiting as it is given `-l`. */
const backlog = 128

/** One pod: an echo server, a printer that waits for a word, a `cat` to attach to, and one with a log of `logBytes`. */
export const loadPod = (logBytes: number): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'load', namespace: 'default', annotations: { 'kubectl.kubernetes.io/default-container': 'main' } },
  spec: {
    terminationGracePeriodSeconds: 0, containers: [
      { name: 'main', image: testImage, command: ['nc', `-${'l'.repeat(backlog)}`, '-p', '7000', '-e', 'cat'], readinessProbe: { tcpSocket: { port: 7000 }, periodSeconds: 1 } },
      { name: 'talk', image: testImage, command: ['sh', '-c', 'until [ -e /tmp/go ]; do sleep 0.1; done; seq -f "line %.0f" 20000 2>/dev/null || seq 20000 | sed "s/^/line /"; echo done; exec sleep 1000000'] },
      { name: 'input', image: testImage, command: ['cat'], stdin: true },
      { name: 'full', image: testImage, command: ['sh', '-c', `yes 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde | head -c ${logBytes}; exec sleep 1000000`] },
    ],
  },
})

export interface Footing { readonly agent: number; readonly controlPlane: number; readonly agentHandles: number; readonly controlPlaneHandles: number; readonly children: number }
const handles = async (pid: number): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length

/** Anonymous memory of both, bytes; their open handles; the agent's processes. */
export async function footing(cluster: Cluster): Promise<Footing> {
  const [agent, cp] = [cluster.agent.pid, cluster.controlPlane.pid]
  const [a, c, agentHandles, controlPlaneHandles, children] = await Promise.all([costAlone(agent), costAlone(cp), handles(agent), handles(cp), cluster.childrenOfAgent()])
  return { agent: a.anonymous, controlPlane: c.anonymous, agentHandles, controlPlaneHandles, children: children.length }
}

/** Resolves when no handle or process is left that was not there before. */
export const settled = (cluster: Cluster, before: Footing, patience = 60_000): Promise<Footing> => eventually('handles and processes are as before', async () => {
  const now = await footing(cluster)
  return now.children <= before.children && now.agentHandles <= before.agentHandles + 2 && now.controlPlaneHandles <= before.controlPlaneHandles + 2 ? now : undefined
}, patience, 250).catch(async (e: unknown) => { throw new Error(`${(e as Error).message}: ${JSON.stringify({ before, now: await footing(cluster) })}`, { cause: e }) })

/** Sends `data` in pieces and waits until as much has come back; true where it is the same. */
export async function echo(session: Session, data: Buffer, back: Received): Promise<boolean> {
  const all = session.until(() => back.bytes >= data.length)
  const piece = 64 << 10
  for (let at = 0; at < data.length; at += piece) await session.type(data.subarray(at, at + piece))
  await all
  return back.bytes === data.length && back.sha256 === sha(data)
}

const collect = async (log: IncomingMessage, until: string): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of log) {
    parts.push(part as Buffer)
    if ((part as Buffer).toString('latin1').endsWith(until)) break
  }
  return Buffer.concat(parts)
}

/** A stream that stands still must not hold the test up until it is killed. */
const within = <T>(work: Promise<T>): Promise<T> => Promise.race([work, sleep(120_000, undefined, { ref: false }).then(() => { throw new Error('still under way after 120 s') })])

/** `count` streams at once, a quarter each exec, port-forward, attach and followed log; all open before any moves data. Returns what went wrong, nothing where all is well. */
export async function mixed(client: StreamClient, count: number, bytes: number): Promise<string[]> {
  const each = Array.from({ length: count / 4 }, (_, i) => i)
  const [execs, ports, attached, logs] = await Promise.all([
    Promise.all(each.map(() => client.exec('load', ['cat'], { stdin: true, container: 'main' }))),
    Promise.all(each.map(() => client.forward('load', 7000))),
    Promise.all(each.map(() => client.attach('load', { stdin: true, container: 'input' }))),
    Promise.all(each.map(() => client.logs('load', 'container=talk&follow=true'))),
  ])
  const problems: string[] = []
  const lines = each.map((i) => `${i}:${randomBytes(1500).toString('hex')}\n`)
  const check = (what: string, work: () => Promise<boolean>): Promise<void> => within(work()).then((ok) => { if (!ok) problems.push(what) }, (e: unknown) => { problems.push(`${what}: ${String(e)}`) })
  await Promise.all([
    check('start', async () => (await (await client.exec('load', ['touch', '/tmp/go'], { container: 'talk' })).ended)?.status === 'Success'),
    ...execs.map((session, i) => check(`exec ${i}`, async () => {
      const same = await echo(session, randomBytes(bytes), session.out)
      await session.endInput()
      return same && (await session.ended)?.status === 'Success'
    })),
    ...ports.map((session, i) => check(`port ${i}`, () => echo(session, randomBytes(bytes), session.data))),
    ...logs.map((log, i) => check(`log ${i}`, async () => (await collect(log, 'done\n')).equals(spoken))),
    // All see what any of them types.
    ...attached.map((session, i) => check(`attach ${i}`, async () => {
      const seen = session.until(() => session.out.tail.includes(lines[i] ?? '?'))
      await session.type(lines[i] ?? '')
      await seen
      return true
    })),
  ])
  for (const session of [...execs, ...ports, ...attached]) session.close()
  for (const log of logs) log.destroy()
  return problems
}

/** `count` readers that stop reading at once, half of them of programs without end, half of long logs. */
export async function stalled(client: StreamClient, count: number): Promise<{ cut(): void }> {
  const half = Array.from({ length: count / 2 }, () => 0)
  const [execs, logs] = await Promise.all([
    Promise.all(half.map(async () => { const s = await client.exec('load', ['cat', '/dev/zero'], { container: 'main' }); s.pause(); return s })),
    Promise.all(half.map(async () => { const log = await client.logs('load', 'container=full&follow=true'); log.pause(); return log })),
  ])
  return { cut() { for (const s of execs) s.cut(); for (const log of logs) log.destroy() } }
}
