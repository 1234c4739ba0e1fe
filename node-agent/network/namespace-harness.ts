/**
 * Test support: a node made of a network namespace, an outside host joined to it by a veth pair, pods as further namespaces, and small TCP servers and clients
 * in any of them. Needs root on Linux. Everything made is removed by `[Symbol.asyncDispose]`.
 */
import { once } from 'node:events'
import { run, runOk, start } from '../../shared/host/exec.ts'
import type { Exec } from '../../shared/host/iptables.ts'
import type { AllocationStore } from './network.ts'

const server = `
const [name, port] = process.argv.slice(1)
require('net').createServer((s) => { s.on('error', () => {}); s.end(name + '|' + s.remoteAddress.replace('::ffff:', '')) }).listen(Number(port), () => console.log('listening'))
`
const client = `
const [host, port, count] = process.argv.slice(1)
const one = () => new Promise((resolve) => {
  let text = ''
  const s = require('net').connect({ host, port: Number(port), timeout: 3000 })
  s.on('data', (d) => { text += d }).on('close', () => resolve(text || 'closed')).on('error', (e) => resolve(e.code)).on('timeout', () => { resolve('timeout'); s.destroy() })
})
;(async () => { const all = []; for (let i = 0; i < Number(count); i++) all.push(await one()); console.log(JSON.stringify(all)) })()
`

export interface Namespace { readonly name: string; readonly path: string; readonly exec: Exec }

/** An {@link AllocationStore} that lives as long as the test. */
export function memoryAllocations(): AllocationStore & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    all: async () => [...entries].map(([uid, ip]) => ({ uid, ip })),
    put: async (uid, ip) => { entries.set(uid, ip) },
    remove: async (uid) => { entries.delete(uid) },
  }
}

export class NamespaceHarness {
  readonly node: Namespace
  readonly outside: Namespace
  readonly nodeIP = '192.168.77.1'
  readonly outsideIP = '192.168.77.2'
  readonly #prefix: string
  readonly #made: string[] = []
  readonly #children: ReturnType<typeof start>[] = []

  private constructor(prefix: string) {
    this.#prefix = prefix
    this.node = this.#namespace('node')
    this.outside = this.#namespace('outside')
  }

  static async create(prefix: string): Promise<NamespaceHarness> {
    const harness = new NamespaceHarness(`${prefix}${process.pid}`)
    await harness.#make(harness.node)
    await harness.#make(harness.outside)
    await harness.node.exec(['ip', '-batch', '-'], { input: [
      'link set lo up', `link add up0 type veth peer name up0 netns ${harness.outside.path}`, `addr add ${harness.nodeIP}/24 dev up0`, 'link set up0 up',
      `route add default via ${harness.outsideIP}`, '',
    ].join('\n') })
    await harness.outside.exec(['ip', '-batch', '-'], { input: ['link set lo up', `addr add ${harness.outsideIP}/24 dev up0`, 'link set up0 up', ''].join('\n') })
    return harness
  }

  async pod(name: string): Promise<Namespace> {
    const namespace = this.#namespace(name)
    await this.#make(namespace)
    return namespace
  }

  readonly writeSysctl = async (key: string, value: string): Promise<void> => {
    const result = await this.node.exec(['tee', `/proc/sys/${key}`], { input: value })
    if (result.exitCode !== 0) throw new Error(result.stderr.toString())
  }

  /** Answers each connection with `name|address of the client`. */
  async serve(where: Namespace, name: string, port: number): Promise<void> {
    const child = start(['nsenter', `--net=${where.path}`, process.execPath, '-e', server, name, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#children.push(child)
    if (child.stdout) await once(child.stdout, 'data')
  }

  /** What `count` connections, one after the other, were answered, or the error code of each. */
  async ask(where: Namespace, host: string, port: number, count = 1): Promise<string[]> {
    const result = await where.exec([process.execPath, '-e', client, host, String(port), String(count)])
    if (result.exitCode !== 0) throw new Error(result.stderr.toString())
    return JSON.parse(result.stdout.toString()) as string[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    }
    for (const name of this.#made) await run(['ip', 'netns', 'del', name])
  }

  #namespace(name: string): Namespace {
    const full = `${this.#prefix}-${name}`
    const path = `/run/netns/${full}`
    return { name: full, path, exec: (argv, options) => run(['nsenter', `--net=${path}`, ...argv], options) }
  }

  async #make(namespace: Namespace): Promise<void> {
    // Of an interrupted run whose process had this number.
    await run(['ip', 'netns', 'del', namespace.name])
    await runOk(['ip', 'netns', 'add', namespace.name])
    this.#made.push(namespace.name)
  }
}
