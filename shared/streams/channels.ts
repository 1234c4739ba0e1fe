/**
 * The channel protocol of exec, attach and logs: each message is one byte of channel and the payload. It is upstream's
 * `v5.channel.k8s.io` (`k8s.io/apimachinery/pkg/util/remotecommand`), spoken by kubectl to the API server and by our agent on
 * its dial-back, so that a WebSocket client's messages pass through unchanged.
 */
import type { Status } from '../api/meta-v1.ts'
import type { StatusError } from '../base/errors.ts'

export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const

/** One end of a session. Messages of one channel keep their order. */
export interface ChannelEnd {
  /** False: the far side is slow; send no more until `onDrain`. Messages to a closed end are dropped. */
  send(channel: number, data: Buffer): boolean
  onMessage(listener: (channel: number, data: Buffer) => void): void
  onDrain(listener: () => void): void
  /** Called once, when the far side is gone or the session ended in order; `error` where it broke. */
  onClose(listener: (error?: Error) => void): void
  /** Stops and restarts the delivery of messages: backpressure towards the far side. */
  pause(): void
  resume(): void
  /** Ends the session in order, after what was sent. Idempotent. */
  close(): void
}

/** Passes everything on, both ways, with backpressure; when one end closes the other is closed. Resolves when both are. */
export function join(a: ChannelEnd, b: ChannelEnd): Promise<void> {
  const pass = (from: ChannelEnd, to: ChannelEnd): Promise<void> => new Promise((resolve) => {
    from.onMessage((ch, data) => { if (!to.send(ch, data)) from.pause() })
    to.onDrain(() => from.resume())
    from.onClose(() => { to.close(); resolve() })
  })
  return Promise.all([pass(a, b), pass(b, a)]).then(() => undefined)
}

/** What the error channel says at the end (`remotecommand.V4` and later): success, or the exit code as a cause. */
export function exitStatus(exitCode: number): Status {
  if (exitCode === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {}, status: 'Failure', reason: 'NonZeroExitCode', message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

export const failureStatus = (error: StatusError): Status => error.toStatus()
export const encodeStatus = (status: Status): Buffer => Buffer.from(JSON.stringify(status))

/** A terminal size message: `{"Width":80,"Height":24}`. Undefined where it is not one. */
export function parseResize(data: Buffer): { columns: number; rows: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString()) as { Width?: unknown; Height?: unknown }
    return typeof Width === 'number' && typeof Height === 'number' && Width > 0 && Height > 0 ? { columns: Width, rows: Height } : undefined
  } catch {
    return undefined // Not JSON: a size nobody can set.
  }
}
