/** The node's half of logs, exec and attach: registered as RPC methods, answered by dialling back. */
import type { Duplex } from 'node:stream'
import { badRequest, isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { channel, encodeStatus, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { channelDuplex, joinDuplex, tunnelSides } from '../../../shared/streams/duplex-stream.ts'
import type { ContainerTarget, StreamMethods } from '../../../shared/streams/requests.ts'
import { RuntimeError, type Container, type Runtime, type Session } from '../../runtime/runtime.ts'
import { dial, type DialTarget } from './dial-client.ts'
import { connectPod, connectTcp, type PodEndpoint } from './tcp-connection.ts'
import type { ContainerFiles } from './container-files.ts'
import { openLog, sendLog } from './log-stream.ts'
import { serveSession } from './session.ts'

export interface StreamDeps {
  readonly runtime: Pick<Runtime, 'exec' | 'attach' | 'logs'>
  /** Throws a `StatusError` where the pod is not here. */
  find(target: ContainerTarget): ContainerFiles
  /** How the pod's network is reached. Throws a `StatusError` where the pod is not here. */
  endpoint(pod: { readonly namespace: string; readonly pod: string; readonly uid: string }): PodEndpoint
  /** Serves the kubelet's own HTTP endpoints on a connection. */
  kubelet(connection: Duplex): void
  readonly target: DialTarget
  readonly clock: Clock
  readonly log: Log
}

export type StreamServerMethods = { readonly [M in keyof StreamMethods]: (params: StreamMethods[M], path: string) => Promise<Record<string, never>> }

const asStatus = (e: unknown): StatusError =>
  isStatus(e) ? e : new StatusError(e instanceof RuntimeError && e.code === 'not-found' ? 'NotFound' : 'InternalError', messageOf(e))

/** Each method resolves once the request is accepted; what happens then goes over the stream that is dialled at `path`. */
export function createStreamServer(deps: StreamDeps): StreamServerMethods {
  const running = (target: ContainerTarget): { container: Container; files: ContainerFiles } => {
    const files = deps.find(target)
    if (files.current?.state !== 'running') {
      throw new StatusError('InternalError', files.current ? `cannot exec in a stopped container "${target.container}"` : `unable to upgrade connection: container not found ("${target.container}")`)
    }
    return { container: files.current, files }
  }
  /** The RPC was answered: from here failures are the stream's to tell. */
  const detach = (path: string, serve: (end: ChannelEnd) => Promise<void>): Record<string, never> => {
    dial(deps.target, path).then(async (end) => {
      await serve(end).catch((e: unknown) => {
        end.send(channel.error, encodeStatus(asStatus(e).toStatus()))
        end.close()
      })
    }).catch((e: unknown) => deps.log.warn('could not dial back', { error: messageOf(e) }))
    return {}
  }
  const session = (path: string, wanted: { stdout: boolean; stderr: boolean; starts: boolean }, open: () => Promise<Session>): Record<string, never> =>
    detach(path, async (end) => await serveSession(await open(), end, wanted))

  /** A byte stream between the far end and a connection that was opened before it is promised: a refusal is the call's. */
  const tunnel = (path: string, connection: Duplex): Record<string, never> => {
    dial(deps.target, path).then((end) => joinDuplex(channelDuplex(end, tunnelSides.node), connection))
      .then((failure) => { if (failure) deps.log.debug('forwarded connection broke', { error: failure }) }, (e: unknown) => { connection.destroy(); deps.log.warn('could not dial back', { error: messageOf(e) }) })
    return {}
  }

  return {
    async forward(p, path) { return tunnel(path, await connectPod(deps.endpoint(p), p.port, deps.clock)) },
    async connect(p, path) { return tunnel(path, await connectTcp(p, deps.clock)) },
    async kubelet(_p, path) {
      dial(deps.target, path).then((end) => deps.kubelet(channelDuplex(end, tunnelSides.node))).catch((e: unknown) => deps.log.warn('could not dial back', { error: messageOf(e) }))
      return {}
    },
    async exec(p, path) {
      const { container } = running(p)
      return session(path, { ...p, starts: true }, () => deps.runtime.exec(container.id, { argv: p.argv, stdin: p.stdin, tty: p.tty }))
    },
    async attach(p, path) {
      const { container, files } = running(p)
      if (p.tty && !files.tty) throw badRequest(`container "${p.container}" has no TTY`)
      // The container's end is none of the session's: its code is in the pod's status.
      return session(path, { ...p, starts: false }, async () => {
        const opened = await deps.runtime.attach(container.id, { stdin: p.stdin && files.stdin, tty: files.tty })
        return { ...opened, exit: opened.exit.then(() => 0) }
      })
    },
    async logs(p, path) {
      const open = openLog({ runtime: deps.runtime, find: deps.find, params: p })
      return detach(path, async (end) => {
        const abort = new AbortController()
        end.onClose(() => abort.abort())
        const lines = open(abort.signal)
        await sendLog(lines, end, { timestamps: p.timestamps, clock: deps.clock, ...(p.limitBytes === undefined ? {} : { limitBytes: p.limitBytes }) })
      })
    },
  }
}
