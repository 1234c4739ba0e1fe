/** The kubelet's own HTTP endpoints, as far as this agent has the data. They are reached through `nodes/NAME/proxy` alone: nothing listens. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { LogParams } from '../../../shared/streams/requests.ts'
import type { NodeUsage } from '../../../shared/streams/usage.ts'

export interface KubeletFacts {
  pods(): readonly Pod[]
  /** Wall clock, milliseconds. */
  now(): number
  /** Writes the log to `write`, which says when more may come; ends when it does or `signal` aborts. */
  log(params: Omit<LogParams, 'uid'>, write: (data: Buffer) => Promise<void>, signal: AbortSignal): Promise<void>
  usage(): Promise<NodeUsage>
  readonly config: Readonly<Record<string, unknown>>
}

const json = (res: ServerResponse, body: unknown): void => {
  const text = JSON.stringify(body)
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text)
}
const plain = (res: ServerResponse, body: string, type = 'text/plain; charset=utf-8'): void => void res.writeHead(200, { 'Content-Type': type }).end(body)

async function containerLog(facts: KubeletFacts, url: URL, parts: readonly string[], res: ServerResponse): Promise<void> {
  const [namespace = '', pod = '', container = ''] = parts
  const number = (name: string): number | undefined => (url.searchParams.get(name) ? Number(url.searchParams.get(name)) : undefined)
  const on = (name: string): boolean => ['1', 'true'].includes(url.searchParams.get(name) ?? '')
  const [tailLines, limitBytes, seconds] = [number('tailLines'), number('limitBytes'), number('sinceSeconds')]
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  await facts.log({
    namespace, pod, container, follow: on('follow'), previous: on('previous'), timestamps: on('timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }), ...(limitBytes === undefined ? {} : { limitBytes }), ...(seconds === undefined ? {} : { since: facts.now() - seconds * 1000 }),
  }, (data) => new Promise((resolve) => {
    if (!res.headersSent) res.writeHead(200, { 'Content-Type': 'text/plain' })
    if (res.write(data)) resolve()
    else { res.once('drain', resolve); res.once('close', resolve) }
  }), gone.signal)
  if (!res.headersSent) res.writeHead(200, { 'Content-Type': 'text/plain' })
  res.end()
}

/** Prometheus text; the names are the kubelet's. */
function resourceMetrics(usage: NodeUsage): string {
  const line = (name: string, labels: Record<string, string>, value: number): string => {
    const text = Object.entries(labels).map(([k, v]) => `${k}="${v.replace(/[\\"\n]/g, '\\$&')}"`).join(',')
    return `${name}${text ? `{${text}}` : ''} ${value}\n`
  }
  const family = (name: string, help: string, kind: string, rows: readonly string[]): string => `# HELP ${name} [STABLE] ${help}\n# TYPE ${name} ${kind}\n${rows.join('')}`
  const each = (name: string, of: (c: NodeUsage['containers'][number]) => number): string[] =>
    usage.containers.map((c) => line(name, { container: c.container, namespace: c.namespace, pod: c.pod }, of(c)))
  return [
    family('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the container in core-seconds', 'counter', each('container_cpu_usage_seconds_total', (c) => c.cpuNanos / 1e9)),
    family('container_memory_working_set_bytes', 'Current working set of the container in bytes', 'gauge', each('container_memory_working_set_bytes', (c) => c.workingSetBytes)),
    family('node_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the node in core-seconds', 'counter', [line('node_cpu_usage_seconds_total', {}, usage.cpuNanos / 1e9)]),
    family('node_memory_working_set_bytes', 'Current working set of the node in bytes', 'gauge', [line('node_memory_working_set_bytes', {}, usage.workingSetBytes)]),
  ].join('')
}

/** `stats.v1alpha1` Summary of what is measured. */
function summary(usage: NodeUsage): object {
  const part = (u: { cpuNanos: number; usageNanoCores: number; workingSetBytes: number; memoryBytes: number }): object => ({
    cpu: { time: usage.time, usageNanoCores: u.usageNanoCores, usageCoreNanoSeconds: u.cpuNanos }, memory: { time: usage.time, usageBytes: u.memoryBytes, workingSetBytes: u.workingSetBytes },
  })
  const pods = Map.groupBy(usage.containers, (c) => c.uid)
  return {
    node: { nodeName: usage.node, startTime: usage.startTime, ...part(usage) },
    pods: [...pods.values()].map((list) => {
      const sum = (of: (c: NodeUsage['containers'][number]) => number): number => list.reduce((n, c) => n + of(c), 0)
      const { pod: name = '', namespace = '', uid = '' } = list[0] ?? {}
      return {
        podRef: { name, namespace, uid }, startTime: list[0]?.startTime, containers: list.map((c) => ({ name: c.container, startTime: c.startTime, ...part(c) })),
        ...part({ cpuNanos: sum((c) => c.cpuNanos), usageNanoCores: sum((c) => c.usageNanoCores), workingSetBytes: sum((c) => c.workingSetBytes), memoryBytes: sum((c) => c.memoryBytes) }),
      }
    }),
  }
}

async function answer(facts: KubeletFacts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://kubelet')
  const [, first = '', ...rest] = url.pathname.replace(/\/$/, '').split('/').map(decodeURIComponent)
  if (req.method !== 'GET' && req.method !== 'HEAD') throw new StatusError('MethodNotAllowed', 'Method Not Allowed')
  switch (`${first}${rest.length && first !== 'containerLogs' ? `/${rest.join('/')}` : ''}`) {
    case 'healthz': case 'healthz/ping': case 'healthz/log': return plain(res, 'ok')
    case 'pods': case 'runningpods': return json(res, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: facts.pods() })
    case 'configz': return json(res, { kubeletconfig: facts.config })
    case 'stats/summary': return json(res, summary(await facts.usage()))
    case 'metrics/resource': return plain(res, resourceMetrics(await facts.usage()), 'text/plain; version=0.0.4; charset=utf-8')
    case 'metrics': return plain(res, `# HELP kubelet_running_pods [ALPHA] Number of pods that have a running pod sandbox\n# TYPE kubelet_running_pods gauge\nkubelet_running_pods ${facts.pods().length}\n`, 'text/plain; version=0.0.4; charset=utf-8')
    case 'containerLogs': return containerLog(facts, url, rest, res)
    default: throw new StatusError('NotFound', '404 page not found')
  }
}

/** Serves connections handed to it. */
export function createKubeletServer(facts: KubeletFacts): (connection: Duplex) => void {
  let server: Server | undefined
  return (connection) => {
    server ??= createServer((req, res) => {
      answer(facts, req, res).catch((e: unknown) => {
        if (res.headersSent) { res.destroy(); return }
        res.writeHead(isStatus(e) ? e.code : 500, { 'Content-Type': 'text/plain; charset=utf-8' }).end(messageOf(e))
      })
    })
    server.emit('connection', connection)
  }
}
