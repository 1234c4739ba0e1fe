/** Joins a running exec or attach with its channels. */
import type { Session } from '../../runtime/runtime.ts'
import { messageOf, StatusError } from '../../../shared/base/errors.ts'
import { channel, encodeStatus, exitStatus, parseResize, type ChannelEnd } from '../../../shared/streams/channels.ts'

/** Reads `source` into `ch`, at the pace of the far side. Resolves at its end. */
function pump(source: NodeJS.ReadableStream, end: ChannelEnd, ch: number, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    source.on('data', (data: Buffer) => { if (wanted && !end.send(ch, data)) source.pause() })
    source.on('end', resolve)
    source.on('error', () => resolve())
    source.on('close', () => resolve())
  })
}

/** Serves the session until the process ends or the client goes (then the process is killed). Sends the exit status last. */
export async function serveSession(session: Session, end: ChannelEnd, wanted: { stdout: boolean; stderr: boolean }): Promise<void> {
  let over = false
  end.onMessage((ch, data) => {
    if (ch === channel.stdin && session.stdin && !over) {
      if (!session.stdin.write(data)) { end.pause(); session.stdin.once('drain', () => end.resume()) }
    } else if (ch === channel.close && data[0] === channel.stdin) {
      session.stdin?.end()
    } else if (ch === channel.resize) {
      const size = parseResize(data)
      if (size) session.resize(size.columns, size.rows)
    }
  })
  // A process may end or close its input while the client still types: that is not an error of the session.
  session.stdin?.on('error', () => end.resume())
  end.onDrain(() => { session.stdout.resume(); session.stderr?.resume() })
  end.onClose(() => {
    if (over) return
    session.kill()
    // What is left of the output is nobody's: unread it would keep the program's pipes, and so the session, for good.
    for (const output of [session.stdout, session.stderr]) output?.resume()
  })
  const outputs = [pump(session.stdout, end, channel.stdout, wanted.stdout), ...(session.stderr ? [pump(session.stderr, end, channel.stderr, wanted.stderr)] : [])]
  try {
    const code = await session.exit
    await Promise.all(outputs)
    end.send(channel.error, encodeStatus(exitStatus(code)))
  } catch (e) {
    end.send(channel.error, encodeStatus(new StatusError('InternalError', messageOf(e)).toStatus()))
  } finally {
    over = true
    end.close()
  }
}
