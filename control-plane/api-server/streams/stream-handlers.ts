/** What is answered by a node: logs, exec, attach, port-forward and proxies. Finds the target, asks its node, joins the client with the node's dial-back. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Status } from '../../../shared/api/meta-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { badRequest, isNotFound, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import { createMemoryReturn } from '../../../shared/host/memory-return.ts'
import { channel, encodeStatus, join, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { channelDuplex, tunnelSides } from '../../../shared/streams/duplex-stream.ts'
import type { NodeUsage } from '../../../shared/streams/usage.ts'
import { isProxy, type StreamHandlers, type StreamRequest } from '../streams.ts'
import { checkExecUpgrade, upgradeClient, type StreamFlags } from './client-upgrade.ts'
import { DialBacks, type NodeRpc } from './dial-back.ts'
import { parseLogOptions } from './log-options.ts'
import { serveLogSocket } from './log-socket.ts'
import { podTarget } from './pod-target.ts'
import { checkPortForward, servePortForward } from './port-forward.ts'
import { proxyRequest, proxyUpgrade, type OpenTarget } from './proxy-client.ts'
import { nodeProxyTarget, podName, podProxyTarget, serviceName, servicePort, serviceProxyTarget, type ProxyTarget } from './proxy-target.ts'

const truthy = (v: string | null): boolean => v !== null && v !== '0' && v !== 'false'

function streamFlags(query: URLSearchParams): StreamFlags {
  const flags = { stdin: truthy(query.get('stdin')), stdout: truthy(query.get('stdout')), stderr: truthy(query.get('stderr')), tty: truthy(query.get('tty')) }
  if (!flags.stdin && !flags.stdout && !flags.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  return flags
}

/** Milliseconds for which what a node said it uses is good enough. */
const usageLife = 10_000

/** The first message decides between an HTTP error and a 200: a log that cannot be opened says so in its status. */
function pipeLog(node: ChannelEnd, res: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = (): void => { if (!res.headersSent) { res.writeHead(200, { 'Content-Type': 'text/plain' }); res.flushHeaders() } }
    let refused: StatusError | undefined
    node.onMessage((ch, data) => {
      if (ch === channel.stdout) {
        begin()
        if (data.length && !res.write(data)) node.pause()
      } else if (ch === channel.error) {
        const status = JSON.parse(data.toString()) as Status
        if (status.status === 'Failure') refused = StatusError.from(status)
        else begin()
      }
    })
    res.on('drain', () => node.resume())
    res.on('close', () => node.close())
    node.onClose((error) => {
      if (refused && !res.headersSent) return reject(refused)
      if (error && !res.headersSent) return reject(new StatusError('ServiceUnavailable', `the stream from the node broke: ${error.message}`))
      begin()
      // A log cut short must not look complete: the missing last chunk is the only way HTTP can say so.
      if (error || refused) res.destroy(error)
      else res.end()
      resolve()
    })
  })
}

export interface StreamServer extends StreamHandlers {
  /** The dial-back of a node: see {@link DialBacks.accept}. */
  dial(path: string, node: string | undefined, req: IncomingMessage, socket: Duplex, head: Buffer): void
}

interface Upgrade { readonly request: StreamRequest; readonly req: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }

/** `client` reads pods with the rights of the system; the request itself was authorized before it comes here. */
class NodeStreams implements StreamServer {
  readonly #client: () => ApiClient
  readonly #host: Host
  readonly #dials: DialBacks
  readonly #rpc: NodeRpc
  readonly #usages = new Map<string, { readonly at: number; readonly usage: Promise<NodeUsage> }>()

  constructor(deps: { client: () => ApiClient; rpc: NodeRpc; host: Host }) {
    this.#client = deps.client
    this.#host = deps.host
    this.#rpc = deps.rpc
    this.#dials = new DialBacks({ rpc: deps.rpc, clock: deps.host.clock, random: deps.host.random, burst: createMemoryReturn(deps.host) })
  }

  readonly #open: OpenTarget = async ({ node, host, port, kubelet }) =>
    channelDuplex(await (kubelet ? this.#dials.request(node ?? '', 'kubelet', {}) : this.#dials.request(node ?? '', 'connect', { host, port })), tunnelSides.server)

  #pod({ namespace, name }: StreamRequest): Promise<Stored<Pod>> { return this.#client().get(refs.Pod, { namespace, name }) }

  async handle(request: StreamRequest, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const upgrade = { request, req, socket, head }
    if (isProxy(request)) return proxyUpgrade({ req, socket, head, target: await this.#proxyTarget(request), open: this.#open })
    if (request.subresource === 'portforward') return this.#forward(upgrade)
    if (request.subresource === 'log') return serveLogSocket({ req, socket, head, node: await this.#log(request) })
    return this.#session(upgrade)
  }

  async #session({ request, req, socket, head }: Upgrade): Promise<void> {
    checkExecUpgrade(req)
    const flags = streamFlags(request.query)
    const { node, ...target } = podTarget(await this.#pod(request), request.query.get('container') || undefined)
    const argv = request.query.getAll('command')
    if (request.subresource === 'exec' && argv.length === 0) throw badRequest('you must specify at least 1 command')
    const agent = request.subresource === 'exec' ? await this.#dials.request(node, 'exec', { ...target, ...flags, argv }) : await this.#dials.request(node, 'attach', { ...target, ...flags })
    let client: ChannelEnd
    try {
      client = await upgradeClient(req, socket, head, { flags, clock: this.#host.clock })
    } catch (e) {
      // The protocol was switched: there is no HTTP answer to give any more.
      agent.close()
      socket.destroy()
      this.#host.log.info('client went away before its streams were open', { pod: `${target.namespace}/${target.pod}`, error: messageOf(e) })
      return
    }
    // Whatever ends a session, the client is told: without a status it would take the end for success.
    let told = false
    const watched: ChannelEnd = { ...bound(agent), onMessage: (listener) => agent.onMessage((ch, data) => { told ||= ch === channel.error; listener(ch, data) }) }
    agent.onClose((error) => { if (!told) client.send(channel.error, encodeStatus(new StatusError('InternalError', `the stream from the node broke: ${error?.message ?? 'the node agent went away'}`).toStatus())) })
    await join(client, watched)
  }

  async #forward({ request, req, socket, head }: Upgrade): Promise<void> {
    checkPortForward(req, request.query)
    const { metadata, spec } = await this.#pod(request)
    const node = spec?.nodeName
    if (!node) throw badRequest(`pod ${metadata.name} does not have a host assigned`)
    const target = { namespace: metadata.namespace ?? '', pod: metadata.name, uid: metadata.uid }
    const open = async (port: number): Promise<Duplex> => channelDuplex(await this.#dials.request(node, 'forward', { ...target, port }), tunnelSides.server)
    await servePortForward({ req, socket, head, query: request.query, open, clock: this.#host.clock })
  }

  async #log(request: StreamRequest): Promise<ChannelEnd> {
    const { container, ...options } = parseLogOptions(request.query, this.#host.clock.now())
    const { node, ...target } = podTarget(await this.#pod(request), container)
    return this.#dials.request(node, 'logs', { ...target, ...options })
  }

  async logs(request: StreamRequest, _req: IncomingMessage, res: ServerResponse): Promise<void> { await pipeLog(await this.#log(request), res) }

  async proxy(request: StreamRequest, req: IncomingMessage, res: ServerResponse): Promise<void> {
    await proxyRequest(req, res, await this.#proxyTarget(request), this.#open)
  }

  async #proxyTarget(request: StreamRequest): Promise<ProxyTarget> {
    const { resource, namespace, name: id } = request
    if (resource === 'pods') {
      const asked = podName(id)
      return podProxyTarget(await this.#client().get(refs.Pod, { namespace, name: asked.name }), asked)
    }
    if (resource === 'nodes') {
      const target = nodeProxyTarget(id)
      await this.#client().get(refs.Node, { name: target.node ?? '' })
      return target
    }
    const asked = serviceName(id)
    const service = await this.#client().get(refs.Service, { namespace, name: asked.name })
    const slices = await this.#client().list(refs.EndpointSlice, { namespace, labelSelector: `kubernetes.io/service-name=${asked.name}` })
    const endpoints = slices.items.length ? undefined : await this.#client().get(refs.Endpoints, { namespace, name: asked.name }).catch((e: unknown) => { if (isNotFound(e)) return undefined; throw e })
    return serviceProxyTarget({ ...asked, id }, servicePort(service, asked), { slices: slices.items, endpoints }, this.#host.random.float())
  }

  async usage(node: string): Promise<NodeUsage> {
    const { clock } = this.#host
    for (const [name, { at }] of this.#usages) if (clock.monotonic() - at > usageLife) this.#usages.delete(name)
    const known = this.#usages.get(node)
    if (known) return known.usage
    const usage = this.#rpc.call(node, 'usage', {}) as Promise<NodeUsage>
    this.#usages.set(node, { at: clock.monotonic(), usage })
    // A node that did not answer is asked again by whoever comes next.
    usage.catch(() => this.#usages.delete(node))
    return usage
  }

  dial(path: string, node: string | undefined, req: IncomingMessage, socket: Duplex, head: Buffer): void { this.#dials.accept(path, node, req, socket, head) }
}

const bound = (end: ChannelEnd): ChannelEnd => ({
  send: (ch, data) => end.send(ch, data), onMessage: (l) => end.onMessage(l), onDrain: (l) => end.onDrain(l), onClose: (l) => end.onClose(l), pause: () => end.pause(), resume: () => end.resume(), close: () => end.close(),
})

export const createStreamHandlers = (deps: { client: () => ApiClient; rpc: NodeRpc; host: Host }): StreamServer => new NodeStreams({ ...deps, host: { ...deps.host, log: deps.host.log.child('streams') } })
