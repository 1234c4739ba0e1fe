/** Real kubectl, several versions: an old one speaks SPDY and old validation, a new one WebSocket and new. */
import { realpath, stat } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { run, type ExecOptions, type ExecResult } from '../../shared/host/exec.ts'

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

/** kubectl binaries on this machine: the one on PATH and versioned ones beside its real file. Throws where there is none. */
export async function kubectls(versions: readonly string[] = ['1.27', '1.33']): Promise<readonly { version: string; path: string }[]> {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir, 'kubectl')
    if (!await exists(path)) continue
    const folder = dirname(await realpath(path))
    const found = []
    for (const version of versions) if (await exists(join(folder, `kubectl.${version}`))) found.push({ version, path: join(folder, `kubectl.${version}`) })
    return found.length ? found : [{ version: 'PATH', path }]
  }
  throw new Error('no kubectl on PATH: install one (Debian: kubernetes-client)')
}

/** A command's arguments: one line that is split at blanks, or a list where one of them holds a blank. */
export type Args = string | readonly string[]
const listOf = (args: Args): readonly string[] => typeof args === 'string' ? args.split(' ') : args

/** What a command said and how it ended, without the end of the last line. */
export interface Said { readonly code: number; readonly out: string; readonly err: string }

/** One kubectl of one user, in the kubeconfig's namespace unless `in` gives another. */
export class Kubectl {
  readonly version: string
  readonly path: string
  readonly #kubeconfig: string
  readonly #flags: readonly string[]
  constructor(binary: { version: string; path: string }, kubeconfig: string, flags: readonly string[] = []) {
    this.version = binary.version
    this.path = binary.path
    this.#kubeconfig = kubeconfig
    this.#flags = flags
  }

  in(namespace: string): Kubectl { return new Kubectl(this, this.#kubeconfig, [...this.#flags, `--namespace=${namespace}`]) }

  argv(args: Args): string[] { return [this.path, `--kubeconfig=${this.#kubeconfig}`, ...this.#flags, ...listOf(args)] }

  /** Runs it to the end, whatever its exit code. Longer than what its own `--timeout` is in any test. */
  try(args: Args, options: ExecOptions = {}): Promise<ExecResult> {
    return run(this.argv(args), { timeout: 200_000, ...options, env: { ...this.env(), ...options.env } })
  }

  /** A cache folder of its own: versions must not read each other's discovery. */
  env(): NodeJS.ProcessEnv { return { ...process.env, KUBECACHEDIR: `${this.#kubeconfig}.cache-${this.version}` } }

  /** Like `try`, as text. `input` that is an object is sent as JSON. */
  async said(args: Args, input?: string | object, options: ExecOptions = {}): Promise<Said> {
    const text = input === undefined || typeof input === 'string' ? input : JSON.stringify(input)
    const { exitCode, stdout, stderr } = await this.try(args, { ...options, ...text === undefined ? {} : { input: text } })
    return { code: exitCode, out: stdout.toString().trimEnd(), err: stderr.toString().trimEnd() }
  }

  /** Runs it and returns its output; an exit code other than 0 is an error that carries what it said. */
  async run(args: Args, options: ExecOptions = {}): Promise<string> {
    const result = await this.try(args, options)
    if (result.exitCode !== 0) throw new Error(`kubectl ${listOf(args).join(' ')} (${this.version}): exit code ${result.exitCode}\n${result.stderr.toString()}${result.stdout.toString()}`)
    return result.stdout.toString()
  }

  async json<T>(args: Args): Promise<T> { return JSON.parse(await this.run([...listOf(args), '-o', 'json'])) as T }

  apply(manifest: object | readonly object[]): Promise<string> {
    const items = Array.isArray(manifest) ? manifest : [manifest]
    return this.run(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  }
}
