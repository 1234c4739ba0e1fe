/** How far a pull is, read from what `ctr images pull` and `docker pull` draw on a terminal. Pure. */
import type { PullProgress } from './runtime.ts'

interface Blob { readonly at: 'waiting' | 'downloading' | 'downloaded' | 'unpacking' | 'done'; readonly done: number; readonly total: number }
type Line = { readonly name: string } & Pick<Blob, 'at'> & Partial<Blob>

/** More blobs than any image has. */
const maxBlobs = 1000
const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }
const amount = '([\\d.]+) ?([KMGTk]?i?B)'
const ofTotal = new RegExp(`${amount}/${amount}`)
/** Colours and cursor moves of a terminal. */
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, 'g')

function sizes(text: string): { done: number; total: number } | undefined {
  const m = ofTotal.exec(text)
  return m ? { done: Math.round(Number(m[1]) * (units[m[2]!] ?? 1)), total: Math.round(Number(m[3]) * (units[m[4]!] ?? 1)) } : undefined
}

const ctrStates: Readonly<Record<string, Blob['at']>> = { waiting: 'waiting', resolving: 'waiting', resolved: 'done', downloading: 'downloading', committing: 'downloaded', done: 'done', exists: 'done' }

/** `layer-sha256:…: downloading |+++---| 3.0 MiB/12.0 MiB` */
export function ctrLine(line: string): Line | undefined {
  if (line.startsWith('unpacking ')) return { name: 'unpack', at: 'unpacking' }
  const m = /^((?:index|manifest|config|layer)-sha256:[0-9a-f]{64}): +([a-z]+)/.exec(line)
  const at = ctrStates[m?.[2] ?? '']
  return m && at ? { name: m[1]!, at, ...sizes(line) } : undefined
}

/** `a0bdb678439e: Downloading [=>  ]  3.2MB/64MB` */
export function dockerLine(line: string): Line | undefined {
  const m = /^([0-9a-f]{12}): (Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete|Already exists|Retrying)/.exec(line)
  if (!m) return undefined
  switch (m[2]) {
    case 'Downloading': return { name: m[1]!, at: 'downloading', ...sizes(line) }
    case 'Verifying Checksum': case 'Download complete': return { name: m[1]!, at: 'downloaded' }
    // What it counts while it extracts is what it read of the layer, all of which is here.
    case 'Extracting': { const s = sizes(line); return { name: m[1]!, at: 'unpacking', ...(s ? { done: s.done, total: s.total } : {}) } }
    case 'Pull complete': case 'Already exists': return { name: m[1]!, at: 'done' }
    default: return { name: m[1]!, at: 'waiting' }
  }
}

/** `ctr content active`: downloads under way, with their sizes. */
export function activeDownloads(output: string): readonly { readonly name: string; readonly done: number }[] {
  return [...output.matchAll(new RegExp(`^(\\S+)\\s+${amount}\\s`, 'gm'))].map(([, name = '', number = '', unit = '']) => ({ name, done: Math.round(Number(number) * (units[unit] ?? 1)) }))
}

export class PullMeter {
  readonly #parse: (line: string) => Line | undefined
  readonly #blobs = new Map<string, Blob>()
  #rest = ''

  constructor(parse: (line: string) => Line | undefined) { this.#parse = parse }

  /** Takes what was printed next, cut anywhere; true where something moved. */
  feed(chunk: string): boolean {
    const lines = (this.#rest + chunk.replace(ansi, '')).split(/[\r\n]+/)
    this.#rest = (lines.pop() ?? '').slice(-4096)
    let moved = false
    for (const line of lines) {
      const read = this.#parse(line.trim())
      if (read) moved = this.#note(read) || moved
    }
    return moved
  }

  /** A blob of which an earlier try knew, and this one has not spoken yet. */
  expect(name: string): void { if (!this.#blobs.has(name)) this.#note({ name, at: 'waiting' }) }

  /** How much is here of one that is known and still under way, by a better source than what was printed. */
  correct(name: string, done: number): boolean { return this.#blobs.has(name) && this.#note({ name, at: 'downloading', done }) }

  #note(read: Line): boolean {
    const before = this.#blobs.get(read.name)
    if (!before && this.#blobs.size >= maxBlobs) return false
    const total = read.total ?? before?.total ?? 0
    const next: Blob = { at: read.at, total, done: read.done ?? (read.at === 'done' || read.at === 'downloaded' ? total : before?.done ?? 0) }
    this.#blobs.set(read.name, next)
    return before?.at !== next.at || before.done !== next.done || before.total !== next.total
  }

  /** Names of what was seen, as the engine gives them. */
  get names(): readonly string[] { return [...this.#blobs.keys()] }

  get reading(): PullProgress {
    const blobs = [...this.#blobs.values()]
    // What is being unpacked is here whole, however much of it was read for that.
    const doneBytes = blobs.reduce((sum, b) => sum + (b.at === 'unpacking' ? b.total : b.done), 0)
    const unpacking = blobs.some((b) => b.at === 'unpacking') && !blobs.some((b) => b.at === 'waiting' || b.at === 'downloading')
    return { phase: unpacking ? 'unpacking' : 'downloading', doneBytes, totalBytes: blobs.reduce((sum, b) => sum + Math.max(b.total, b.done), 0) }
  }
}
