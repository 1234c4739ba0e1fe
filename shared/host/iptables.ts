/**
 * The edge to the kernel's packet filter: `iptables-save` and `iptables-restore` of the backend this machine uses. Shared by the proxy and the pod network.
 */
import { ExecError, type ExecOptions, type ExecResult } from './exec.ts'

/** `run` of shared/host/exec.ts, or one that runs elsewhere (another network namespace). */
export type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<ExecResult>

export type Backend = 'nft' | 'legacy'

export interface Iptables {
  readonly backend: Backend
  /** All tables, as text. */
  save(): Promise<string>
  /** One transaction per table in `text`; what it does not name stays. Waits for the lock that other programs hold. */
  restore(text: string): Promise<void>
}

/** Runs and throws {@link ExecError} unless the exit code is 0. */
export async function runOkWith(exec: Exec, argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await exec(argv, options)
  if (result.exitCode !== 0 || result.timedOut) throw new ExecError(argv, result)
  return result.stdout.toString()
}

const hasRules = (saved: string): boolean => /^-A /m.test(saved)

/**
 * Which backend: the one that `iptables` itself is linked to, except where that is nft and only legacy tables hold rules (a dockerd or a firewall that was set up
 * with legacy): a packet passes both, so an accept in one does not undo a drop in the other. Also legacy where the kernel has no nf_tables.
 * `legacyTables` is what /proc/net/ip_tables_names holds; asking `iptables-legacy-save` would create the tables.
 */
export async function detectBackend(exec: Exec, legacyTables: string): Promise<Backend> {
  const version = await runOkWith(exec, ['iptables', '--version'])
  if (!version.includes('nf_tables')) return 'legacy'
  const nft = await exec(['iptables-nft-save'])
  if (nft.exitCode !== 0) return 'legacy'
  if (legacyTables.trim() === '' || hasRules(nft.stdout.toString())) return 'nft'
  return hasRules(await runOkWith(exec, ['iptables-legacy-save'])) ? 'legacy' : 'nft'
}

export function iptablesOf(exec: Exec, backend: Backend): Iptables {
  return {
    backend,
    save: () => runOkWith(exec, [`iptables-${backend}-save`]),
    // --wait: seconds that a held xtables lock is waited for (legacy; nft has no lock and takes the option).
    restore: async (input) => { await runOkWith(exec, [`iptables-${backend}-restore`, '--noflush', '--wait', '5'], { input }) },
  }
}
