/**
 * Test support: takes `iptables-restore --noflush` input as the kernel would and walks packets through the nat and filter tables, so that tests judge where packets go
 * and how they spread, never strings. All branches of a random choice are followed, each with its probability. Knows what our rules use and throws on anything else.
 */
export interface Packet {
  readonly from: 'outside' | 'pod' | 'node'
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly source: string
  readonly dest: string
  readonly port: number
}

export interface Outcome {
  readonly probability: number
  /** `ip:port`, or what ended it. */
  readonly to: string
  readonly masqueraded: boolean
}

interface Rule { readonly text: string; readonly tokens: readonly string[] }
interface Walk { packet: Packet; mark: number; probability: number; dnat: string | undefined; recent: string | undefined }
type End = { kind: 'return' | 'leave' | 'accept' | 'drop' | 'reject' | 'dnat' | 'masquerade'; walk: Walk }

const builtins = { nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'], filter: ['INPUT', 'FORWARD', 'OUTPUT'] } as const

const toNumber = (ip: string): number => ip.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
function inNet(ip: string, net: string): boolean {
  const [base = '', bits = '32'] = net.split('/')
  const size = 2 ** (32 - Number(bits))
  return Math.floor(toNumber(ip) / size) === Math.floor(toNumber(base) / size)
}

function tokenize(rule: string): string[] {
  return [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '')
}

export class Tracer {
  readonly #tables: Record<'nat' | 'filter', Map<string, Rule[]>>
  readonly #local: ReadonlySet<string>
  /** Affinity: `chain` to the sources it has seen. */
  readonly #recent = new Map<string, Set<string>>()

  constructor(options: { nodeAddresses: readonly string[] }) {
    const empty = (names: readonly string[]): Map<string, Rule[]> => new Map(names.map((name) => [name, []]))
    this.#tables = { nat: empty(builtins.nat), filter: empty(builtins.filter) }
    this.#local = new Set(options.nodeAddresses)
  }

  /** Each table in `text` as one transaction; throws where the kernel would refuse it (unknown chain, chain still used). */
  restore(text: string): void {
    let table: Map<string, Rule[]> | undefined
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      if (line.startsWith('*')) table = this.#tables[line.slice(1) as 'nat' | 'filter']
      else if (line === 'COMMIT') {
        if (table) this.#verify(table)
        table = undefined
      } else if (table) this.#edit(table, line)
      else throw new Error(`outside a table: ${line}`)
    }
    if (table) throw new Error('no COMMIT')
  }

  #edit(table: Map<string, Rule[]>, line: string): void {
    const [verb = '', chain = ''] = line.split(' ')
    if (verb.startsWith(':')) {
      if (verb.length - 1 > 28) throw new Error(`chain name too long: ${verb}`)
      table.set(verb.slice(1), [])
      return
    }
    const rules = table.get(chain)
    if (!rules) throw new Error(`no chain ${chain}: ${line}`)
    const insert = /^-I \S+ (\d+) (.*)$/.exec(line)
    if (insert) rules.splice(Number(insert[1]) - 1, 0, { text: insert[2] ?? '', tokens: tokenize(insert[2] ?? '') })
    else if (verb === '-A') {
      const text = line.slice(4 + chain.length)
      rules.push({ text, tokens: tokenize(text) })
    } else if (verb === '-D') {
      const at = rules.findIndex((rule) => rule.text === line.slice(4 + chain.length))
      if (at < 0) throw new Error(`no such rule: ${line}`)
      rules.splice(at, 1)
    } else if (verb === '-X') {
      if (rules.length > 0) throw new Error(`chain ${chain} is not empty`)
      table.delete(chain)
    } else throw new Error(`unknown: ${line}`)
  }

  #verify(table: Map<string, Rule[]>): void {
    const targets = new Set(['ACCEPT', 'DROP', 'REJECT', 'RETURN', 'MARK', 'DNAT', 'MASQUERADE'])
    for (const [chain, rules] of table) {
      for (const { tokens, text } of rules) {
        const target = tokens[tokens.indexOf('-j') + 1] ?? ''
        if (!targets.has(target) && !table.has(target)) throw new Error(`${chain} leads to ${target}, which is not there: ${text}`)
      }
    }
  }

  /** As `iptables-save`. */
  save(): string {
    return (['filter', 'nat'] as const).map((name) => [
      `*${name}`,
      ...[...this.#tables[name].keys()].map((chain) => `:${chain} ${(builtins[name] as readonly string[]).includes(chain) ? 'ACCEPT' : '-'} [0:0]`),
      ...[...this.#tables[name]].flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule.text}`)),
      'COMMIT', '',
    ].join('\n')).join('')
  }

  /** Chain names and rules, sorted by chain: to compare two tracers. */
  contents(): string {
    const of = (table: Map<string, Rule[]>): string[] => [...table].sort(([a], [b]) => (a < b ? -1 : 1)).map(([chain, rules]) => `${chain}\n${rules.map((r) => `  ${r.text}`).join('\n')}`)
    return JSON.stringify([of(this.#tables.filter), of(this.#tables.nat)])
  }

  /** Where a new connection ends, with what probability; equal ends added up, most likely first. */
  trace(packet: Packet): Outcome[] {
    const outcomes = new Map<string, Outcome>()
    const start: Walk = { packet, mark: 0, probability: 1, dnat: undefined, recent: undefined }
    for (const { walk } of this.#run('nat', packet.from === 'node' ? 'OUTPUT' : 'PREROUTING', start)) {
      for (const end of this.#filter(walk)) {
        const key = `${end.to} ${end.masqueraded}`
        const had = outcomes.get(key)
        outcomes.set(key, { ...end, probability: end.probability + (had?.probability ?? 0) })
      }
    }
    return [...outcomes.values()].sort((a, b) => b.probability - a.probability || (a.to < b.to ? -1 : 1))
  }

  /** Notes a connection for session affinity: as if it had been given to `to`. */
  remember(packet: Packet, to: string): void {
    for (const { walk } of this.#run('nat', packet.from === 'node' ? 'OUTPUT' : 'PREROUTING', { packet, mark: 0, probability: 1, dnat: undefined, recent: undefined })) {
      if (walk.dnat !== to || walk.recent === undefined) continue
      const seen = this.#recent.get(walk.recent) ?? new Set()
      this.#recent.set(walk.recent, seen.add(packet.source))
    }
  }

  *#filter(walk: Walk): Generator<Outcome> {
    const [dest = '', port = ''] = (walk.dnat ?? `${walk.packet.dest}:${walk.packet.port}`).split(':')
    const packet = { ...walk.packet, dest, port: Number(port) }
    const chain = walk.packet.from === 'node' ? 'OUTPUT' : this.#local.has(dest) ? 'INPUT' : 'FORWARD'
    for (const { kind, walk: after } of this.#run('filter', chain, { ...walk, packet })) {
      if (kind === 'drop' || kind === 'reject') {
        yield { probability: after.probability, to: kind.toUpperCase(), masqueraded: false }
        continue
      }
      const masqueraded = chain !== 'INPUT' && [...this.#run('nat', 'POSTROUTING', after)].some((end) => end.kind === 'masquerade')
      yield { probability: after.probability, to: walk.dnat ?? 'UNTRANSLATED', masqueraded }
    }
  }

  *#run(table: 'nat' | 'filter', chain: string, walk: Walk, depth = 0): Generator<End> {
    if (depth > 16) throw new Error(`chains go in a circle at ${chain}`)
    const rules = this.#tables[table].get(chain)
    if (!rules) throw new Error(`no chain ${chain}`)
    let open: Walk[] = [walk]
    for (const rule of rules) {
      const next: Walk[] = []
      for (const at of open) {
        const chance = this.#match(rule, at)
        if (chance < 1) next.push({ ...at, probability: at.probability * (1 - chance) })
        if (chance > 0) {
          for (const end of this.#target(table, rule, { ...at, probability: at.probability * chance }, depth)) {
            if (end.kind === 'return') next.push(end.walk)
            else if (end.kind === 'leave') yield { kind: 'return', walk: end.walk }
            else yield end
          }
        }
      }
      open = next
    }
    for (const at of open) yield { kind: 'return', walk: at }
  }

  *#target(table: 'nat' | 'filter', rule: Rule, walk: Walk, depth: number): Generator<End> {
    const { tokens } = rule
    const value = (flag: string): string => tokens[tokens.indexOf(flag) + 1] ?? ''
    const target = value('-j')
    switch (target) {
      case 'MARK': {
        const mark = tokens.includes('--or-mark') ? walk.mark | Number(value('--or-mark')) : walk.mark ^ Number(value('--xor-mark'))
        yield { kind: 'return', walk: { ...walk, mark } }
        return
      }
      case 'DNAT': yield { kind: 'dnat', walk: { ...walk, dnat: value('--to-destination'), recent: tokens.includes('--set') ? value('--name') : undefined } }; return
      case 'MASQUERADE': yield { kind: 'masquerade', walk }; return
      case 'ACCEPT': yield { kind: 'accept', walk }; return
      case 'DROP': yield { kind: 'drop', walk }; return
      case 'REJECT': yield { kind: 'reject', walk }; return
      // Leaves the chain it stands in; the caller of that chain goes on.
      case 'RETURN': yield { kind: 'leave', walk }; return
      default: yield* this.#run(table, target, walk, depth + 1)
    }
  }

  /** The probability that a rule matches: 0, 1, or that of its random match. */
  #match(rule: Rule, walk: Walk): number {
    const { tokens } = rule
    const { packet } = walk
    let chance = 1
    let negated = false
    for (let i = 0; i < tokens.length; i++) {
      const flag = tokens[i] ?? ''
      if (flag === '!') { negated = true; continue }
      const argument = tokens[i + 1] ?? ''
      const held = this.#test(flag, argument, packet, walk)
      if (held === 'target') return chance
      if (flag === '--rcheck' && held === 0) return 0
      if (held !== 'flag') {
        i++
        if (typeof held === 'number') chance *= held
        else if (held !== 'skip' && held === negated) return 0
      }
      negated = false
    }
    throw new Error(`no target: ${rule.text}`)
  }

  #test(flag: string, argument: string, packet: Packet, walk: Walk): boolean | number | 'skip' | 'flag' | 'target' {
    switch (flag) {
      case '-j': return 'target'
      case '--rcheck': return this.#recent.get(this.#name(walk))?.has(packet.source) ?? false ? 'flag' : 0
      case '--name': this.#names.set(walk, argument); return 'skip'
      case '--set': case '--reap': case '--rsource': return 'flag'
      case '-m': case '--comment': case '--mode': case '--seconds': case '--mask': return 'skip'
      case '-p': return packet.protocol === argument
      case '-d': return inNet(packet.dest, argument)
      case '-s': return inNet(packet.source, argument)
      case '--dport': return packet.port === Number(argument)
      case '--dst-type': return this.#local.has(packet.dest) || inNet(packet.dest, '127.0.0.0/8')
      case '--src-type': return packet.from === 'node'
      case '--probability': return Number(argument)
      case '--mark': return (walk.mark & Number(argument.split('/')[1])) === Number(argument.split('/')[0])
      case '--ctstate': return argument.split(',').includes('NEW') || (walk.dnat !== undefined && argument.split(',').includes('DNAT'))
      default: throw new Error(`unknown match ${flag}`)
    }
  }

  readonly #names = new WeakMap<Walk, string>()
  #name(walk: Walk): string { return this.#names.get(walk) ?? '' }
}
