/** The output of `docker logs --timestamps`, line by line. */
import { ignore } from '../../../shared/base/ignore.ts'
import { start } from '../../../shared/host/exec.ts'
import { lastError } from '../containerd/parse.ts'
import { RuntimeError, type LogLine } from '../runtime.ts'

/** Ends with the command, or when `signal` aborts. A container that is not there (`missing` allows for it) is `not-found`. */
export async function* readLogs(command: readonly string[], request: { missing: boolean; signal: AbortSignal }): AsyncGenerator<LogLine> {
  const { missing, signal } = request
  const child = start(command, { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  const kill = (): void => { child.kill('SIGKILL') }
  signal.addEventListener('abort', kill, { once: true })
  const ended = new Promise<number>((resolve, reject) => { child.once('error', reject); child.once('close', (code) => resolve(code ?? 0)) })
  void ignore(ended, 'awaited after the lines are read')
  // The container's own stderr comes on ours; only of a container that is not there is it Docker's complaint.
  if (missing) child.stderr?.on('data', (d: Buffer) => { errors += d.toString() })
  try {
    for await (const line of mergedLines(child.stdout!, ...(missing ? [] : [child.stderr!]))) {
      if (signal.aborted) return
      const space = line.indexOf(32)
      yield { time: nanos(line.subarray(0, space).toString()), line: line.subarray(space + 1) }
    }
    if (await ended !== 0 && !signal.aborted && missing) throw new RuntimeError('not-found', lastError(errors))
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}

/** Docker leaves trailing zeros out. */
const nanos = (time: string): string => time.replace(/(?:\.(\d+))?Z$/, (_, f: string | undefined) => `.${(f ?? '').padEnd(9, '0')}Z`)

/** Whole lines of both streams as they come. */
async function* mergedLines(...streams: readonly NodeJS.ReadableStream[]): AsyncGenerator<Buffer> {
  const readers = streams.map((s) => linesOf(s))
  const next = readers.map((r, i) => r.next().then((result) => ({ i, result })))
  const open = new Set(readers.keys())
  while (open.size > 0) {
    const { i, result } = await Promise.race([...open].map((k) => next[k]!))
    if (result.done) { open.delete(i); continue }
    yield result.value
    next[i] = readers[i]!.next().then((r) => ({ i, result: r }))
  }
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : chunk as Buffer
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end + 1)
      rest = rest.subarray(end + 1)
    }
  }
  if (rest.length > 0) yield rest
}
