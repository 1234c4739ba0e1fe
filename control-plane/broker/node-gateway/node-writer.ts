/** Makes and updates the Node objects of connected nodes: level-triggered, from what is known of each node now. */
import type { Node, NodeStatus } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { Informer } from '../../../shared/reconcile/informer.ts'
import { createWorkQueue } from '../../../shared/reconcile/work-queue.ts'
import { missingLabels, ownLabels, reported, silent } from './node-status/rules.ts'

interface Known {
  /** It greeted and has no Node object yet, as far as we know. */
  register: Readonly<Record<string, string>> | undefined
  report: { readonly status: NodeStatus; readonly labels: Readonly<Record<string, string>> } | undefined
  silent: boolean
}

export class NodeWriter {
  readonly #options: { readonly host: Host; readonly client: ApiClient; readonly nodes: Pick<Informer<Node>, 'get'> }
  readonly #known = new Map<string, Known>()
  readonly #queue

  constructor(options: { host: Host; client: ApiClient; nodes: Pick<Informer<Node>, 'get'> }) {
    this.#options = options
    this.#queue = createWorkQueue({ name: 'nodes', clock: options.host.clock, log: options.host.log.child('nodes'), baseDelay: 50, maxDelay: 30_000 })
  }

  run(signal: AbortSignal): Promise<void> { return this.#queue.run(8, (node) => this.#sync(node), signal) }

  /** The node is there. Its Node object is made where it is missing, once per greeting: one that a person deletes stays deleted until the agent greets again. */
  greeted(node: string, labels: Readonly<Record<string, string>>): void {
    const known = this.#of(node)
    known.register = labels
    known.silent = false
    this.#queue.add(node)
  }

  markSilent(node: string): void {
    this.#of(node).silent = true
    this.#queue.add(node)
  }

  /** Resolves when the report is written; rejects where it should be tried again. */
  async report(node: string, report: { status: NodeStatus; labels: Readonly<Record<string, string>> }): Promise<void> {
    this.#of(node).report = report
    await this.#sync(node)
  }

  forget(node: string): void { this.#known.delete(node) }

  #of(node: string): Known {
    let known = this.#known.get(node)
    if (!known) this.#known.set(node, known = { register: undefined, report: undefined, silent: false })
    return known
  }

  async #sync(name: string): Promise<void> {
    const known = this.#known.get(name)
    if (!known) return
    for (let attempt = 0; ; attempt++) {
      const node = await this.#node(name, attempt > 0, known)
      if (!node) return
      try {
        await this.#write(node, known)
        return
      } catch (error) {
        if (isNotFound(error)) return
        if (!isConflict(error) || attempt >= 3) throw error
      }
    }
  }

  async #node(name: string, fresh: boolean, known: Known): Promise<Stored<Node> | undefined> {
    const { client, nodes, host } = this.#options
    const found = (fresh ? undefined : nodes.get(undefined, name)) ?? await client.get(refs.Node, { name }).catch((e: unknown) => { if (isNotFound(e)) return undefined; throw e })
    const labels = known.register
    if (found || !labels) { known.register = undefined; return found }
    const created = await client.create(refs.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { ...ownLabels(labels), 'kubernetes.io/hostname': labels['kubernetes.io/hostname'] ?? name } }, spec: {} })
      .catch((e: unknown) => { if (isAlreadyExists(e)) return client.get(refs.Node, { name }); throw e })
    known.register = undefined
    host.log.info('node registered', { node: name })
    return created
  }

  async #write(before: Stored<Node>, known: Known): Promise<void> {
    const { client, host } = this.#options
    const now = `${new Date(host.clock.now()).toISOString().slice(0, 19)}Z`
    let node = before
    const labels = known.report && missingLabels(node, known.report.labels)
    if (labels) node = await client.patch(refs.Node, { name: node.metadata.name }, 'application/merge-patch+json', { metadata: { labels } })
    const status = known.silent ? silent(node, now) : known.report && reported(node, known.report.status, now)
    if (status) await client.update(refs.Node, { ...node, status }, { subresource: 'status', fieldManager: 'kubelet' })
  }
}
