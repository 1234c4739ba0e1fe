/** From what is in the kernel and what shall be, the smallest `iptables-restore --noflush` input. Pure. */
import { isOurs, type Chains, type Ruleset, type Table } from './rules.ts'

const tables: readonly Table[] = ['filter', 'nat']
const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean => a !== undefined && a.length === b.length && a.every((rule, i) => rule === b[i])

function tableText(table: Table, change: { write: Chains; remove: readonly string[]; hooks: readonly string[] }): string {
  if (change.write.size === 0 && change.remove.length === 0 && change.hooks.length === 0) return ''
  const lines = [`*${table}`]
  // Naming a chain makes it, or empties it: a chain to be removed must be empty, and nothing may lead to it.
  for (const chain of change.write.keys()) lines.push(`:${chain} - [0:0]`)
  for (const chain of change.remove) lines.push(`:${chain} - [0:0]`)
  for (const [chain, rules] of change.write) for (const rule of rules) lines.push(`-A ${chain} ${rule}`)
  lines.push(...change.hooks)
  for (const chain of change.remove) lines.push(`-X ${chain}`)
  lines.push('COMMIT', '')
  return lines.join('\n')
}

/** The change from one ruleset to another, chain by chain; undefined where nothing changed. */
export function changedText(before: Ruleset, after: Ruleset): string | undefined {
  const text = tables.map((table) => tableText(table, {
    write: new Map([...after[table]].filter(([chain, rules]) => !sameRules(before[table].get(chain), rules))),
    remove: [...before[table].keys()].filter((chain) => !after[table].has(chain)),
    hooks: [],
  })).join('')
  return text === '' ? undefined : text
}

/** What `iptables-save` shows of ours. */
interface Found { readonly chains: readonly string[]; readonly hooks: readonly string[] }

function foundIn(saved: string, table: Table, prefix: string): Found {
  const body = new RegExp(`^\\*${table}\\n([^]*?)^COMMIT`, 'm').exec(saved)?.[1] ?? ''
  const chains: string[] = []
  const hooks: string[] = []
  for (const line of body.split('\n')) {
    const declared = /^:(\S+) /.exec(line)?.[1]
    if (declared !== undefined && isOurs(declared, prefix)) chains.push(declared)
    const [, from, target] = /^-A (\S+) .*-j (\S+)$/.exec(line) ?? []
    if (from !== undefined && target !== undefined && isOurs(target, prefix) && !isOurs(from, prefix)) hooks.push(line)
  }
  return { chains, hooks }
}

/**
 * Everything written anew, whatever is there: stale chains of ours removed, and the hooks (deleted first where found) at the head of their chains, in order. One transaction
 * a table, so no packet sees a state between.
 */
export function fullText(after: Ruleset, saved: string, prefix: string): string {
  return tables.map((table) => {
    const found = foundIn(saved, table, prefix)
    const positions = new Map<string, number>()
    const inserts = after.hooks.filter((hook) => hook.table === table).map((hook) => {
      const position = (positions.get(hook.from) ?? 0) + 1
      positions.set(hook.from, position)
      return `-I ${hook.from} ${position} ${hook.rule}`
    })
    return tableText(table, {
      write: after[table],
      remove: found.chains.filter((chain) => !after[table].has(chain)),
      hooks: [...found.hooks.map((line) => line.replace('-A', '-D')), ...inserts],
    })
  }).join('')
}

/** Removes all that `saved` shows of ours; undefined where there is nothing. */
export function removalText(saved: string, prefix: string): string | undefined {
  const text = tables.map((table) => {
    const found = foundIn(saved, table, prefix)
    return tableText(table, { write: new Map(), remove: found.chains, hooks: found.hooks.map((line) => line.replace('-A', '-D')) })
  }).join('')
  return text === '' ? undefined : text
}
