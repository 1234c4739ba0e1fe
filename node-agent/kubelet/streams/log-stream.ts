/** Sends a container's log lines over a channel, formatted as `kubectl logs` prints them. */
import type { LogLine } from '../../runtime/runtime.ts'
import { channel, encodeStatus, exitStatus, type ChannelEnd } from '../../../shared/streams/channels.ts'

/** Stops after `limitBytes` (the last line may be cut, as upstream cuts it) or when the far side closes, which the caller turns into an abort of `lines`. */
export async function sendLog(lines: AsyncIterable<LogLine>, end: ChannelEnd, options: { timestamps: boolean; limitBytes?: number }): Promise<void> {
  let left = options.limitBytes ?? Infinity
  let resume: () => void = () => undefined
  end.onDrain(() => resume())
  end.onClose(() => resume())
  for await (const { time, line } of lines) {
    const text = options.timestamps ? Buffer.concat([Buffer.from(`${time} `), line]) : line
    const part = text.length > left ? text.subarray(0, left) : text
    left -= part.length
    if (part.length && !end.send(channel.stdout, part)) await new Promise<void>((resolve) => { resume = resolve })
    if (left <= 0) break
  }
  end.send(channel.error, encodeStatus(exitStatus(0)))
  end.close()
}
