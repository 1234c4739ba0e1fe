/** The node's half of logs, exec and attach: registered as RPC methods, answered by dialling back. */
import { badRequest, isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { Log } from '../../../shared/base/host.ts'
import { channel, encodeStatus, type ChannelEnd } from '../../../shared/streams/channels.ts'
import type { ContainerTarget, StreamMethods } from '../../../shared/streams/requests.ts'
import { RuntimeError, type Container, type Runtime, type Session } from '../../runtime/runtime.ts'
import { dial, type DialTarget } from './dial-client.ts'
import { sendLog } from './log-stream.ts'
import { serveSession } from './session.ts'

/** What is known of a container of a pod on this node. */
export interface ContainerFiles {
  readonly current: Container | undefined
  readonly previous: Container | undefined
  /** Where the log of an attempt is. */
  logPath(attempt: number): string
  readonly tty: boolean
  readonly stdin: boolean
  /** Why there is no container: `ContainerCreating`, `ImagePullBackOff`. */
  readonly waiting: string
}

export interface StreamDeps {
  readonly runtime: Pick<Runtime, 'exec' | 'attach' | 'logs'>
  /** Throws a `StatusError` where the pod is not here. */
  find(target: ContainerTarget): ContainerFiles
  readonly target: DialTarget
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
  const session = (path: string, wanted: { stdout: boolean; stderr: boolean }, open: () => Promise<Session>): Record<string, never> =>
    detach(path, async (end) => await serveSession(await open(), end, wanted))

  return {
    async exec(p, path) {
      const { container } = running(p)
      return session(path, p, () => deps.runtime.exec(container.id, { argv: p.argv, stdin: p.stdin, tty: p.tty }))
    },
    async attach(p, path) {
      const { container, files } = running(p)
      if (p.tty && !files.tty) throw badRequest(`container "${p.container}" has no TTY`)
      return session(path, p, () => deps.runtime.attach(container.id, { stdin: p.stdin && files.stdin, tty: files.tty }))
    },
    async logs(p, path) {
      const files = deps.find(p)
      const container = p.previous ? files.previous : files.current
      if (!container && p.previous) throw badRequest(`previous terminated container "${p.container}" in pod "${p.pod}" not found`)
      if (!container) throw badRequest(`container "${p.container}" in pod "${p.pod}" is waiting to start: ${files.waiting}`)
      return detach(path, async (end) => {
        const abort = new AbortController()
        end.onClose(() => abort.abort())
        const lines = deps.runtime.logs(container.id, files.logPath(container.attempt), { follow: p.follow, tailLines: p.tailLines, since: p.since }, abort.signal)
        await sendLog(lines, end, { timestamps: p.timestamps, ...(p.limitBytes === undefined ? {} : { limitBytes: p.limitBytes }) })
      })
    },
  }
}
