/** The output of `docker logs --timestamps`, line by line. */
import { ignore } from '../../../shared/base/ignore.ts'
import { start } from '../../../shared/host/exec.ts'
import { lastError } from '../containerd/parse.ts'
import { RuntimeError, type LogLine, type LogOptions } from '../runtime.ts'
import * as argv from './argv.ts'
import { DockerLogParser } from './log-parser.ts'

/** Ends with the command, or when `signal` aborts. A container that is not there (`missing` allows for it) is `not-found`. */
async function* readLogs(command: readonly string[], request: { missing: boolean; signal: AbortSignal }): AsyncGenerator<LogLine> {
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
      yield line
    }
    if (await ended !== 0 && !signal.aborted && missing) throw new RuntimeError('not-found', lastError(errors))
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}

/** Bytes of lines that wait for whoever reads them, above which Docker is not read on. */
const held = 256 << 10

/** Lines of both streams in the order in which they came. Nothing is kept of what was given out, however long the other stream is silent. */
async function* mergedLines(...streams: readonly NodeJS.ReadableStream[]): AsyncGenerator<LogLine> {
  let lines: LogLine[] = []
  let waiting = 0
  let open = streams.length
  let failure: Error | undefined
  let wake: () => void = () => undefined
  const add = (more: readonly LogLine[]): void => {
    for (const line of more) { lines.push(line); waiting += line.line.length }
    if (waiting > held) for (const s of streams) s.pause()
    wake()
  }
  for (const stream of streams) {
    const parser = new DockerLogParser()
    stream.on('data', (data: Buffer) => add(parser.push(data)))
    stream.on('error', (e: Error) => { failure = e; wake() })
    stream.on('end', () => { open--; add(parser.end()) })
  }
  for (;;) {
    const taken = lines
    lines = []
    waiting = 0
    for (const s of streams) s.resume()
    yield* taken
    if (failure) throw failure
    if (lines.length > 0) continue
    if (open === 0) return
    await new Promise<void>((resolve) => { wake = resolve })
  }
}

/** What a container has written, as {@link LogOptions} asks. */
export async function* containerLogs(engine: argv.Engine, id: string, options: LogOptions, request: { readonly missing: boolean; readonly signal: AbortSignal }): AsyncIterable<LogLine> {
  if (options.tailLines === 0 && !options.follow) return
  const since = options.since === undefined ? undefined : new Date(options.since).toISOString()
  if (!options.follow) { yield* readLogs(argv.logs(engine, id, { follow: false, tail: options.tailLines, since }), request); return }
  let last = ''
  let atLast = 0
  for await (const line of readLogs(argv.logs(engine, id, { follow: true, tail: options.tailLines, since }), request)) {
    atLast = line.time === last ? atLast + 1 : 1
    last = line.time
    yield line
  }
  if (request.signal.aborted || (options.tailLines === 0 && last === '')) return
  // Docker ends the stream when the container ends and may lose what came last: the rest is read from the file.
  for await (const line of readLogs(argv.logs(engine, id, { follow: false, tail: last === '' ? options.tailLines : undefined, since: last === '' ? since : last }), request)) {
    if (line.time < last || (line.time === last && atLast-- > 0)) continue
    yield line
  }
}
