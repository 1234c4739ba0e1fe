/** `pods/log`, `pods/exec` and `pods/attach`: finds the container, asks its node, joins the client with the node's dial-back. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { Status } from '../../../shared/api/meta-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { badRequest, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import { channel, encodeStatus, join, type ChannelEnd } from '../../../shared/streams/channels.ts'
import type { StreamHandlers, StreamRequest } from '../streams.ts'
import { checkUpgrade, upgradeClient, type StreamFlags } from './client-upgrade.ts'
import { DialBacks, type NodeRpc } from './dial-back.ts'
import { parseLogOptions } from './log-options.ts'
import { podTarget } from './pod-target.ts'

const truthy = (v: string | null): boolean => v !== null && v !== '0' && v !== 'false'

function streamFlags(query: URLSearchParams): StreamFlags {
  const flags = { stdin: truthy(query.get('stdin')), stdout: truthy(query.get('stdout')), stderr: truthy(query.get('stderr')), tty: truthy(query.get('tty')) }
  if (!flags.stdin && !flags.stdout && !flags.stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  return flags
}

/** The first message decides between an HTTP error and a 200: a log that cannot be opened says so in its status. */
function pipeLog(node: ChannelEnd, res: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = (): void => { if (!res.headersSent) { res.writeHead(200, { 'Content-Type': 'text/plain' }); res.flushHeaders() } }
    let refused: StatusError | undefined
    node.onMessage((ch, data) => {
      if (ch === channel.stdout) {
        begin()
        if (!res.write(data)) node.pause()
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

/** `client` reads pods with the rights of the system; the request itself was authorized before it comes here. */
export function createStreamHandlers(deps: { client: () => ApiClient; rpc: NodeRpc; host: Host }): StreamServer {
  const { clock, random } = deps.host
  const log = deps.host.log.child('streams')
  const dials = new DialBacks({ rpc: deps.rpc, clock, random })
  const find = async (request: StreamRequest, container: string | undefined) =>
    podTarget(await deps.client().get(refs.Pod, { namespace: request.namespace, name: request.name }), container)

  return {
    async handle(request, req, socket, head) {
      if (request.subresource !== 'exec' && request.subresource !== 'attach') throw new StatusError('MethodNotAllowed', `pods/${request.subresource} is not supported by this version`)
      checkUpgrade(req)
      const flags = streamFlags(request.query)
      const { node, ...target } = await find(request, request.query.get('container') || undefined)
      const argv = request.query.getAll('command')
      if (request.subresource === 'exec' && argv.length === 0) throw badRequest('you must specify at least 1 command')
      const agent = request.subresource === 'exec' ? await dials.request(node, 'exec', { ...target, ...flags, argv }) : await dials.request(node, 'attach', { ...target, ...flags })
      let client: ChannelEnd
      try {
        client = await upgradeClient(req, socket, head, flags)
      } catch (e) {
        // The protocol was switched: there is no HTTP answer to give any more.
        agent.close()
        socket.destroy()
        log.info('client went away before its streams were open', { pod: `${target.namespace}/${target.pod}`, error: messageOf(e) })
        return
      }
      agent.onClose((error) => { if (error) client.send(channel.error, encodeStatus(new StatusError('InternalError', `the stream from the node broke: ${error.message}`).toStatus())) })
      await join(client, agent)
    },

    async logs(request, _req, res) {
      const { container, ...options } = parseLogOptions(request.query, clock.now())
      const { node, ...target } = await find(request, container)
      await pipeLog(await dials.request(node, 'logs', { ...target, ...options }), res)
    },

    dial: (path, node, req, socket, head) => dials.accept(path, node, req, socket, head),
  }
}
