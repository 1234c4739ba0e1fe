/** Brings the kernel's rules to a ruleset. */
import { changedText, fullText, removalText } from './diff.ts'
import type { Iptables } from '../../shared/host/iptables.ts'
import type { Ruleset } from './rules.ts'

export interface Applied { readonly kind: 'full' | 'partial' | 'nothing'; readonly bytes: number }

/**
 * Remembers what it wrote last. The first call, and the first after a failure or `forget`, reads `iptables-save` and writes everything, which removes what an earlier agent
 * left; every other writes only what changed and reads nothing. One caller at a time.
 */
export class RuleApplier {
  readonly #iptables: Iptables
  readonly #prefix: string
  #last: Ruleset | undefined
  #forgotten = 0

  constructor(iptables: Iptables, chainPrefix: string) {
    this.#iptables = iptables
    this.#prefix = chainPrefix
  }

  /** Trust nothing: the next call writes everything. */
  forget(): void {
    this.#last = undefined
    this.#forgotten++
  }

  async apply(rules: Ruleset): Promise<Applied> {
    const before = this.#last
    const forgotten = this.#forgotten
    const text = before ? changedText(before, rules) : fullText(rules, await this.#iptables.save(), this.#prefix)
    if (text === undefined) return { kind: 'nothing', bytes: 0 }
    this.#last = undefined
    await this.#iptables.restore(text)
    // Not where `forget` was called while the write was under way.
    if (forgotten === this.#forgotten) this.#last = rules
    return { kind: before ? 'partial' : 'full', bytes: text.length }
  }

  /** Removes every rule and chain of ours, also those of an earlier process. */
  async removeAll(): Promise<void> {
    this.#last = undefined
    const text = removalText(await this.#iptables.save(), this.#prefix)
    if (text !== undefined) await this.#iptables.restore(text)
  }
}
