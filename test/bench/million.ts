/** `--only million`: does the memory of the control plane stay where it is over a million requests? */
import { setTimeout as sleep } from 'node:timers/promises'
import { startControlPlane } from '../testbed/control-plane.ts'
import type { LoneControlPlane } from '../testbed/control-plane.ts'
import type { ApiRow } from './api-rows.ts'
import { openConnections } from './load-client.ts'
import type { LoadConnection } from './load-client.ts'
import { costOf } from './process-cost.ts'

const connections = 32
const MAPS = '/api/v1/namespaces/default/configmaps'
const PODS = '/api/v1/namespaces/default/pods'
const merge = 'application/merge-patch+json'
const pod = (name: string): string => JSON.stringify({ metadata: { name, labels: { app: 'million' } }, spec: { schedulerName: 'none', containers: [{ name: 'main', image: 'registry.example.com/app:1' }] } })
const map = (name: string, text: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } })

type Step = readonly [method: string, path: string, body?: string, type?: string]

/** What clients do all day to objects of one name each, ending where it began: 20 requests, a few of them mistakes. */
const round = (name: string, n: number): readonly Step[] => [
  ['POST', MAPS, map(name, 'x'.repeat(500 + (n % 500)))], ['GET', `${MAPS}/${name}`], ['POST', MAPS, map(name, 'again')], ['PUT', `${MAPS}/${name}`, map(name, String(n))],
  ['PATCH', `${MAPS}/${name}`, JSON.stringify({ data: { n: String(n) } }), merge], ['PATCH', `${MAPS}/${name}?fieldManager=million&force=true`, map(name, 'applied'), 'application/apply-patch+yaml'],
  ['GET', `${MAPS}?limit=10`], ['GET', `${MAPS}?fieldSelector=metadata.name%3D${name}`], ['DELETE', `${MAPS}/${name}`], ['GET', `${MAPS}/${name}`],
  ['POST', PODS, pod(name)], ['PATCH', `${PODS}/${name}/status`, JSON.stringify({ status: { message: String(n) } }), merge], ['GET', `${PODS}?labelSelector=app%3Dmillion&limit=5`],
  ['PATCH', `${PODS}/${name}`, JSON.stringify([{ op: 'test', path: '/metadata/name', value: 'other' }]), 'application/json-patch+json'], ['GET', `${PODS}/${name}`],
  ['POST', `${PODS}/${name}/eviction`, JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } })], ['GET', `${PODS}/${name}/log`], ['DELETE', `${PODS}/${name}`],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', JSON.stringify({ spec: { resourceAttributes: { verb: 'get', resource: 'pods', name } } })], ['GET', '/apis/nope.example.com/v1/nothing'],
]

async function work(kubeconfig: string, requests: number, offset: number): Promise<void> {
  const open = await openConnections(kubeconfig, connections)
  let left = requests
  await Promise.all(open.map(async (connection: LoadConnection, c) => {
    for (let n = offset; left > 0; n++) {
      for (const [method, path, body, type] of round(`m${c}`, n)) {
        left--
        const { status } = await connection.call(method, path, { body, ...(type ? { type } : {}) })
        if (status >= 500) throw new Error(`${status} to ${method} ${path}`)
      }
    }
    connection.close()
  }))
}

/** Two looks: what is in use, and what the system counts once V8 has given back what it kept for the next burst. */
async function look(server: LoneControlPlane): Promise<{ held: number; anonymous: number }> {
  await server.held()
  await sleep(10_000)
  return { held: await server.held(), anonymous: (await costOf(server.pid)).anonymous }
}

/** Starts a control plane of this program, sends `total` requests, ends it. */
export async function millionRows(argv: readonly string[], say: (text: string) => void, total = 1_000_000): Promise<ApiRow[]> {
  const server = await startControlPlane({ argv, counting: true })
  try {
    const looks: { held: number; anonymous: number }[] = []
    const at = performance.now()
    for (let tenth = 0; tenth < 10; tenth++) {
      await work(server.kubeconfig, total / 10, tenth * total)
      looks.push(await look(server))
      say(`${((tenth + 1) * total) / 10} requests in ${((performance.now() - at) / 1000).toFixed(0)} s: in use ${((looks.at(-1)?.held ?? 0) / 1e6).toFixed(1)} MB, anonymous ${((looks.at(-1)?.anonymous ?? 0) / 1e6).toFixed(1)} MB`)
    }
    const shown = (of: 'held' | 'anonymous'): string => [1, 4, 9].map((i) => ((looks[i]?.[of] ?? NaN) / 1e6).toFixed(0)).join(' / ')
    const counts = [0.2, 0.5, 1].map((part) => (part * total).toLocaleString('en')).join(' / ')
    return [
      { work: `memory in use after ${counts} requests`, kubernetes: '', target: 'flat', here: `${shown('held')} MB` },
      { work: 'anonymous memory after them', kubernetes: '', target: 'flat', here: `${shown('anonymous')} MB` },
    ]
  } finally {
    await server.stop()
  }
}
