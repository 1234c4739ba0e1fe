/** Runs the table on one runtime: all pods at once, each row judged as soon as its pod shows it. */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core-v1.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { mismatch } from './match.ts'
import { deviceFlags, socketOf } from './rows/devices.ts'
import { onNode, patience, main, type Refused, type Row, type SeenEvent, type World } from './row.ts'
import { sections } from './table.ts'

/** Rows that start a pod with the others; the API server's refusals and stories that make their own are asked one by one. */
const podsOf = (rows: readonly Row[]): Pod[] => rows.flatMap((r) => (r.kind === 'refused' && r.by === 'api') || !r.pod ? [] : [r.pod])

class Watcher {
  readonly #kubectl: Kubectl
  #reading: Promise<void> | undefined
  #at = -Infinity
  #pods = new Map<string, Pod>()
  #events: SeenEvent[] = []
  constructor(kubectl: Kubectl) { this.#kubectl = kubectl }

  /** Not older than a quarter of a second; one reading for all who ask. */
  async read(): Promise<void> {
    if (performance.now() - this.#at < 250) return
    this.#reading ??= (async () => {
      const [pods, events] = await Promise.all([this.#kubectl.json<{ items: Pod[] }>('get pods'), this.#kubectl.json<{ items: SeenEvent[] }>('get events')])
      this.#pods = new Map(pods.items.map((p) => [p.metadata?.name ?? '', p]))
      this.#events = events.items
      this.#at = performance.now()
    })().finally(() => { this.#reading = undefined })
    await this.#reading
  }

  pod(name: string): Pod | undefined { return this.#pods.get(name) }
  events(name: string): SeenEvent[] { return this.#events.filter((e) => e.involvedObject.name === name) }
}

async function come(watcher: Watcher, id: string, problemOf: () => string | undefined): Promise<void> {
  let problem: string | undefined = 'nothing was seen'
  try {
    await eventually(id, async () => { await watcher.read(); problem = problemOf(); return problem === undefined }, patience, 250)
  } catch {
    throw new Error(`${problem}\n${JSON.stringify(watcher.pod(id)?.status, undefined, 1)}\n${watcher.events(id).map((e) => `${e.type} ${e.reason} ${e.message}`).join('\n')}`)
  }
}

const eventProblem = (events: readonly SeenEvent[], wanted: { reason?: string | undefined; message: string | RegExp }): string | undefined =>
  events.some((e) => (wanted.reason === undefined || e.reason === wanted.reason) && (typeof wanted.message === 'string' ? e.message === wanted.message : wanted.message.test(e.message)))
    ? undefined : `no event ${wanted.reason ?? ''} ${String(wanted.message)}`

async function judgeRefusal(world: World, watcher: Watcher, row: Refused): Promise<void> {
  if (row.by === 'api') {
    const said = await world.kubectl.said('create -f -', row.pod)
    expect(said.code).toBe(1)
    expect(said.err).toMatch(row.message)
    return
  }
  await come(watcher, row.id, () => {
    const { status } = watcher.pod(row.id) ?? {}
    if ([...status?.containerStatuses ?? []].some((c) => c.containerID)) return 'a container was started'
    const told = [...watcher.events(row.id), ...(status?.message ? [{ type: 'status', reason: status.reason ?? '', message: status.message, involvedObject: { name: row.id } }] : [])]
    return eventProblem(told, row)
  })
}

async function judge(world: World, watcher: Watcher, row: Row): Promise<void> {
  if (row.kind === 'story') return row.tell(world)
  if (row.kind === 'refused') return judgeRefusal(world, watcher, row)
  if (row.kind === 'inside') {
    return come(watcher, row.id, () => {
      const pod = watcher.pod(row.id)
      const ended = pod?.status?.containerStatuses?.find((c) => c.name === main)?.state?.terminated
      if (!pod || !ended) return 'the container has not ended'
      const sees = typeof row.sees === 'function' ? row.sees(world, pod) : row.sees
      const said = (ended.message ?? '').replace(/\n$/, '')
      return (typeof sees === 'string' ? said === sees : sees.test(said)) ? undefined : `saw ${JSON.stringify(said)}, expected ${JSON.stringify(String(sees))}`
    })
  }
  if (row.kind === 'kept') return come(watcher, row.id, () => mismatch(watcher.pod(row.id)?.status, { phase: 'Succeeded' }))
  return come(watcher, row.id, () => {
    const problem = mismatch(watcher.pod(row.id)?.status, row.status)
    return problem ?? row.events?.map((e) => eventProblem(watcher.events(row.id), e)).find((p) => p !== undefined)
  })
}

/** Declares the suite for one runtime. `only`: ids of rows, for work on one. */
export function podFieldSuite(runtime: World['runtime'], only: readonly string[] = []): void {
  const chosen = sections.map((s) => ({ ...s, rows: s.rows.filter((r) => only.length === 0 || only.includes(r.id)) })).filter((s) => s.rows.length > 0)
  describe(`pod fields on ${runtime}`, () => {
    let world: World
    let watcher: Watcher
    beforeAll(async () => {
      const cluster = await Cluster.start({ runtime, agentFlags: ['--cluster-dns', '10.96.0.10', ...deviceFlags(runtime)] })
      const kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
      world = { cluster, kubectl, runtime }
      watcher = new Watcher(kubectl)
      const all = chosen.flatMap((s) => s.rows)
      const objects = all.flatMap((r) => r.objects ?? [])
      if (objects.length > 0) await kubectl.apply(objects)
      const pods = podsOf(all)
      if (pods.length > 0) await kubectl.apply(pods)
    })
    afterAll(async () => {
      await world?.cluster.stop()
      await Promise.all([socketOf(runtime), onNode].map((path) => rm(path, { recursive: true, force: true })))
    })
    for (const section of chosen) {
      describe.concurrent(section.title, () => { it.each(section.rows.map((row) => [row.id, row.says, row] as const))('%s: %s', async (_id, _says, row) => { await judge(world, watcher, row) }, 2 * patience) })
    }
  })
}
