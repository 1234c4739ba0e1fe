/** The syntax tree of a CEL expression, after macros were expanded. Pure. */

interface Node {
  /** Unique within the expression. */
  readonly id: number
  /** Offset of the first character that says what this is: of a call its operator or parenthesis, as upstream's errors point at. */
  readonly at: number
}

/** A constant: int as bigint, uint as `{ uint }`, double as number. */
export type Constant = null | boolean | bigint | number | string | Uint8Array | { readonly uint: bigint }

export interface ConstantNode extends Node { readonly kind: 'constant'; readonly value: Constant }
export interface IdentNode extends Node { readonly kind: 'ident'; readonly name: string }
export interface SelectNode extends Node {
  readonly kind: 'select'
  readonly operand: Expression
  readonly field: string
  /** `has(a.b)`. */
  readonly test: boolean
}
export interface CallNode extends Node {
  readonly kind: 'call'
  readonly name: string
  /** The receiver of a member call. */
  readonly target: Expression | undefined
  readonly args: readonly Expression[]
}
export interface ListNode extends Node { readonly kind: 'list'; readonly items: readonly Expression[]; /** Indexes of items written `?x`. */ readonly optional: ReadonlySet<number> }
export interface MapEntry { readonly key: Expression; readonly value: Expression; readonly optional: boolean }
export interface MapNode extends Node { readonly kind: 'map'; readonly entries: readonly MapEntry[] }
/** `Type{field: value}`: a message. */
export interface StructNode extends Node { readonly kind: 'struct'; readonly name: string; readonly fields: readonly { readonly field: string; readonly value: Expression; readonly optional: boolean }[] }
/** What `all`, `exists`, `map`, `filter` and their like become: a fold over a list or a map. */
export interface FoldNode extends Node {
  readonly kind: 'fold'
  readonly range: Expression
  readonly variable: string
  /** The second variable of a two-variable macro. */
  readonly second: string | undefined
  readonly accumulator: string
  readonly init: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

export type Expression = ConstantNode | IdentNode | SelectNode | CallNode | ListNode | MapNode | StructNode | FoldNode

/** Name of the accumulator of upstream's own macros: no identifier can be spelt so. */
export const ACCUMULATOR = '@result'

/** An expression that is refused, at an offset of its text. */
export interface Issue { readonly at: number; readonly message: string }

/** As cel-go prints issues: `ERROR: <input>:1:6: undeclared reference to 'x' (in container '')`, the line and a mark below it. */
export function formatIssues(source: string, issues: readonly Issue[]): string {
  return issues.map(({ at, message }) => {
    const before = source.slice(0, at)
    const line = before.split('\n').length
    const start = before.lastIndexOf('\n') + 1
    const end = source.indexOf('\n', at)
    const text = source.slice(start, end < 0 ? undefined : end).replaceAll('\t', ' ')
    const column = [...before.slice(start)].length
    return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text}\n | ${'.'.repeat(column)}^`
  }).join('\n')
}
