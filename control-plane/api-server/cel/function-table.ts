/** What a function is: its overloads, what each does and what each costs. Libraries make tables of these; the checker and the evaluator read them. Pure. */
import type { Signature } from './cel-type.ts'
import { parseSignature } from './cel-type.ts'
import type { CostRule } from './cost-rules.ts'
import type { Value } from './values.ts'

/** May throw a `CelError`. The receiver of a member function comes first. */
// What an implementation takes is what its signature says: the evaluator checks it before the call.
export type Implementation = (...args: never[]) => Value

export interface Overload extends Signature {
  readonly name: string
  readonly cost: CostRule
  readonly call: (args: readonly Value[]) => Value
}

export interface FunctionTable { readonly get: (name: string) => readonly Overload[] | undefined }

/** Signature text (see `parseSignature`) to implementation. `cost` holds for all of them unless a rule stands beside the implementation. */
export type Overloads = Readonly<Record<string, Implementation | readonly [Implementation, CostRule]>>

export interface FunctionEntry { readonly name: string; readonly cost: CostRule; readonly overloads: Overloads }

export const fn = (name: string, overloads: Overloads, cost: CostRule = 'one'): FunctionEntry => ({ name, cost, overloads })

function overloadsOf({ name, cost, overloads }: FunctionEntry): Overload[] {
  return Object.entries(overloads).map(([text, given]) => {
    const [implementation, rule] = typeof given === 'function' ? [given, cost] : given
    return { name, ...parseSignature(text), cost: rule, call: (args) => implementation(...args as never[]) }
  })
}

/** Entries of one name add up. Signatures are read when a name is first asked for. */
export function tableOf(entries: readonly FunctionEntry[]): FunctionTable {
  const byName = new Map<string, FunctionEntry[]>()
  for (const entry of entries) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry])
  const known = new Map<string, readonly Overload[]>()
  return {
    get(name) {
      let overloads = known.get(name)
      const found = byName.get(name)
      if (!overloads && found) known.set(name, overloads = found.flatMap(overloadsOf))
      return overloads
    },
  }
}
