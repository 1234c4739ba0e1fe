/** Joins a running exec or attach with its channels. */
import type { Session } from '../../runtime/runtime.ts'
import { isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import { channel, encodeStatus, exitStatus, parseResize, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { failureMessage, neverStarted, startFailure } from './start-failure.ts'

/** An engine's complaint in the place of the output of a program that it could not start: told in the status, not as output. */
class Complaint {
  reason: string | undefined
  #held: (() => void)[] = []
  /** True where `data` is one; `say` gives it out after all. */
  takes(data: Buffer, say: () => void): boolean {
    const reason = startFailure(data.toString())
    if (reason === undefined) return false
    this.reason ??= reason
    this.#held.push(say)
    return true
  }
  giveOut(): void { for (const say of this.#held.splice(0)) say() }
}

interface Output { readonly source: NodeJS.ReadableStream; readonly ch: number; readonly wanted: boolean; readonly complaint: Complaint | undefined }

/** Reads a source into its channel, at the pace of the far side. Resolves at its end. */
function pump({ source, ch, wanted, complaint }: Output, end: ChannelEnd): Promise<void> {
  return new Promise((resolve) => {
    let first = complaint !== undefined
    source.on('data', (data: Buffer) => {
      const held = first && complaint?.takes(data, () => { if (wanted) end.send(ch, data) })
      first = false
      if (!held && wanted && !end.send(ch, data)) source.pause()
    })
    source.on('end', resolve)
    source.on('error', () => resolve())
    source.on('close', () => resolve())
  })
}

/** Serves the session until the process ends or the client goes (then the process is killed). Sends the exit status last. `starts`: it starts a program, which may fail. */
export async function serveSession(session: Session, end: ChannelEnd, wanted: { stdout: boolean; stderr: boolean; starts: boolean }): Promise<void> {
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
  const complaint = wanted.starts ? new Complaint() : undefined
  const outputs = [{ source: session.stdout, ch: channel.stdout, wanted: wanted.stdout }, ...(session.stderr ? [{ source: session.stderr, ch: channel.stderr, wanted: wanted.stderr }] : [])]
  const read = outputs.map((output) => pump({ ...output, complaint }, end))
  try {
    const code = await session.exit
    await Promise.all(read)
    if (complaint?.reason !== undefined && neverStarted(code)) throw new StatusError('InternalError', failureMessage(complaint.reason))
    complaint?.giveOut()
    end.send(channel.error, encodeStatus(exitStatus(code)))
  } catch (e) {
    end.send(channel.error, encodeStatus((isStatus(e) ? e : new StatusError('InternalError', messageOf(e))).toStatus()))
  } finally {
    over = true
    end.close()
  }
}
