/** Sends a container's log lines over a channel, formatted as `kubectl logs` prints them. */
import { badRequest } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { ContainerTarget, LogParams } from '../../../shared/streams/requests.ts'
import { channel, encodeStatus, exitStatus, type ChannelEnd } from '../../../shared/streams/channels.ts'
import type { LogLine, Runtime } from '../../runtime/runtime.ts'
import type { ContainerFiles } from './container-files.ts'

export interface LogFormat { readonly timestamps: boolean; readonly limitBytes?: number; readonly clock: Clock }
export interface LogSource { readonly runtime: Pick<Runtime, 'logs'>; find(target: ContainerTarget): ContainerFiles; readonly params: LogParams }

/** The lines that are asked for. Throws a `StatusError` in upstream's words where there are none to be had. */
export function openLog({ runtime, find, params: p }: LogSource): (signal: AbortSignal) => AsyncIterable<LogLine> {
  const files = find(p)
  const container = p.previous ? files.previous : files.current
  if (!container && p.previous) throw badRequest(`previous terminated container "${p.container}" in pod "${p.pod}" not found`)
  if (!container) throw badRequest(`container "${p.container}" in pod "${p.pod}" is waiting to start: ${files.waiting}`)
  return (signal) => runtime.logs(container.id, files.logPath(container.attempt), { follow: p.follow, tailLines: p.tailLines, since: p.since }, signal)
}

/** Lines are sent together once there are this many bytes, or as soon as no more are at hand: a message for every line costs more than the line. */
const batch = 32 << 10

/**
 * Formats and cuts: the last line may be cut at `limitBytes`, as upstream cuts it. `write` resolves when more may come. A line longer than 16 KiB comes in pieces,
 * of which the first alone has the time (`pkg/kubelet/kuberuntime/logs`).
 */
async function format(lines: AsyncIterable<LogLine>, options: LogFormat, write: (data: Buffer) => Promise<void> | undefined): Promise<void> {
  let left = options.limitBytes ?? Infinity
  let begins = true
  let parts: Buffer[] = []
  let size = 0
  let timer: Disposable | undefined
  let written: Promise<void> | undefined
  const flush = (): void => {
    timer?.[Symbol.dispose]()
    timer = undefined
    if (size === 0) return
    const data = Buffer.concat(parts, size)
    parts = []
    size = 0
    // The timer's flush may find the one before still waiting.
    written = written ? written.then(() => write(data)) : write(data)
  }
  try {
    for await (const { time, line } of lines) {
      const text = options.timestamps && begins ? Buffer.concat([Buffer.from(`${time} `), line]) : line
      begins = line.at(-1) === 10
      const part = text.length > left ? text.subarray(0, left) : text
      left -= part.length
      parts.push(part)
      size += part.length
      if (size >= batch) flush()
      else timer ??= options.clock.after(0, flush)
      if (written) {
        await written
        written = undefined
      }
      if (left <= 0) break
    }
  } finally {
    flush()
  }
  await written
}

/** Stops when the far side closes, which the caller turns into an abort of `lines`. */
export async function sendLog(lines: AsyncIterable<LogLine>, end: ChannelEnd, options: LogFormat): Promise<void> {
  let resume: () => void = () => undefined
  let gone = false
  end.onDrain(() => resume())
  end.onClose(() => { gone = true; resume() })
  // The answer has begun, though a log that is followed may stay silent for long.
  end.send(channel.stdout, Buffer.alloc(0))
  await format(lines, options, (part) => (end.send(channel.stdout, part) || gone ? undefined : new Promise<void>((resolve) => { resume = resolve })))
  end.send(channel.error, encodeStatus(exitStatus(0)))
  end.close()
}

/** For the kubelet's own HTTP endpoint. */
export async function writeLog(source: Omit<LogSource, 'params'> & { readonly params: Omit<LogParams, 'uid'>; readonly clock: Clock; write(data: Buffer): Promise<void>; readonly signal: AbortSignal }): Promise<void> {
  const params: LogParams = { ...source.params, uid: '' }
  await format(openLog({ ...source, params })(source.signal), { ...params, clock: source.clock }, (data) => source.write(data))
}
