/** CEL text to a syntax tree: precedence climbing over the tokens, macros expanded as they are met. Pure. */
import type { Token } from './lexer.ts'
import { SyntaxIssue, tokenize } from './lexer.ts'
import type { NodeMaker } from './macros.ts'
import { expandMacro } from './macros.ts'
import type { Constant, Expression, MapEntry } from './syntax.ts'

/** cel-go's limits: code points of an expression and depth of its tree. */
const MAX_LENGTH = 100_000
const MAX_DEPTH = 250

const reserved = new Set([
  'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'in', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while',
])
const relations: Readonly<Record<string, string>> = { '<': '_<_', '<=': '_<=_', '>': '_>_', '>=': '_>=_', '==': '_==_', '!=': '_!=_' }
const sums: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' }
const products: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' }
const PRIMARY = '{\'[\', \'{\', \'(\', \'.\', \'-\', \'!\', \'true\', \'false\', \'null\', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}'

/** Throws {@link SyntaxIssue}. */
export function parseExpression(source: string): Expression {
  if (source.length > MAX_LENGTH) throw new SyntaxIssue(0, `expression code point size exceeds limit: size: ${source.length}, limit ${MAX_LENGTH}`)
  return new Parser(tokenize(source)).parse()
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0
  #ids = 0
  #depth = 0

  constructor(tokens: readonly Token[]) { this.#tokens = tokens }

  parse(): Expression {
    const e = this.#expression()
    const left = this.#peek()
    if (left.type !== 'end') this.#unexpected(left, '<EOF>')
    return e
  }

  #peek(): Token { return this.#tokens[this.#next] as Token }
  #take(): Token { return this.#tokens[this.#next++] as Token }
  #id(): number { return ++this.#ids }

  #accept(...texts: string[]): Token | undefined {
    const token = this.#peek()
    return token.type === 'operator' && texts.includes(token.text) ? this.#take() : undefined
  }

  #expect(text: string): Token {
    const token = this.#accept(text)
    return token ?? this.#unexpected(this.#peek(), `'${text}'`)
  }

  #unexpected(token: Token, expected: string): never {
    const [what, how] = expected === PRIMARY || expected === '<EOF>' || token.type !== 'end' ? ['mismatched input', 'expecting'] : ['missing', 'at']
    throw new SyntaxIssue(token.at, what === 'missing' ? `Syntax error: missing ${expected} ${how} '${token.text}'` : `Syntax error: ${what} '${token.text}' ${how} ${expected}`)
  }

  #expression(): Expression {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxIssue(this.#peek().at, `expression recursion limit exceeded: ${MAX_DEPTH}`)
    const condition = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()))
    const mark = this.#accept('?')
    let result = condition
    if (mark) {
      const id = this.#id()
      const yes = this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()))
      this.#expect(':')
      result = { kind: 'call', id, at: mark.at, name: '_?_:_', target: undefined, args: [condition, yes, this.#expression()] }
    }
    this.#depth--
    return result
  }

  /** A chain of one operator becomes a balanced tree: its depth does not grow with its length. */
  #logical(operator: string, name: string, operand: () => Expression): Expression {
    const terms = [operand()]
    const marks: Token[] = []
    for (let mark = this.#accept(operator); mark; mark = this.#accept(operator)) {
      marks.push(mark)
      terms.push(operand())
    }
    const balance = (from: number, to: number): Expression => {
      if (from === to) return terms[from] as Expression
      const middle = (from + to) >> 1
      return { kind: 'call', id: this.#id(), at: (marks[middle] as Token).at, name, target: undefined, args: [balance(from, middle), balance(middle + 1, to)] }
    }
    return balance(0, terms.length - 1)
  }

  #binary(table: Readonly<Record<string, string>>, operand: () => Expression): Expression {
    let left = operand()
    for (let n = 0; ; n++) {
      const token = this.#peek()
      const name = token.type === 'operator' ? table[token.text] : table === relations && token.type === 'ident' && token.text === 'in' ? '@in' : undefined
      if (!name) return left
      if (n > MAX_DEPTH * 8) throw new SyntaxIssue(token.at, `expression recursion limit exceeded: ${MAX_DEPTH}`)
      this.#take()
      left = { kind: 'call', id: this.#id(), at: token.at, name, target: undefined, args: [left, operand()] }
    }
  }

  #relation(): Expression { return this.#binary(relations, () => this.#binary(sums, () => this.#binary(products, () => this.#unary()))) }

  #unary(): Expression {
    const mark = this.#peek()
    if (mark.type !== 'operator' || (mark.text !== '!' && mark.text !== '-')) return this.#member()
    let count = 0
    while (this.#accept(mark.text)) count++
    const following = this.#peek()
    if (mark.text === '-' && count === 1 && (following.type === 'int' || following.type === 'double')) {
      const value = following.value as bigint | number
      this.#take()
      return this.#postfix({ kind: 'constant', id: this.#id(), at: mark.at, value: -value })
    }
    const operand = this.#member()
    if (count % 2 === 0) return operand
    return { kind: 'call', id: this.#id(), at: mark.at, name: mark.text === '!' ? '!_' : '-_', target: undefined, args: [operand] }
  }

  #member(): Expression { return this.#postfix(this.#primary()) }

  #postfix(start: Expression): Expression {
    let e = start
    for (;;) {
      const mark = this.#accept('.', '.?', '[', '[?')
      if (!mark) return e
      if (mark.text === '[' || mark.text === '[?') {
        const id = this.#id()
        const index = this.#expression()
        this.#expect(']')
        e = { kind: 'call', id, at: mark.at, name: mark.text === '[' ? '_[_]' : '_[?_]', target: undefined, args: [e, index] }
      } else e = this.#select(e, mark)
    }
  }

  #select(operand: Expression, mark: Token): Expression {
    const name = this.#peek()
    if (name.type !== 'ident') this.#unexpected(name, 'IDENTIFIER')
    this.#take()
    if (mark.text === '.?') {
      const field: Expression = { kind: 'constant', id: this.#id(), at: name.at, value: name.text }
      return { kind: 'call', id: this.#id(), at: mark.at, name: '_?._', target: undefined, args: [operand, field] }
    }
    const open = this.#accept('(')
    if (open) return this.#call(name.text, operand, open)
    // In `a.true` the grammar has no keyword: only names that are reserved everywhere are refused.
    return { kind: 'select', id: this.#id(), at: mark.at, operand, field: name.text, test: false }
  }

  #call(name: string, target: Expression | undefined, open: Token): Expression {
    const id = this.#id()
    const args = this.#sequence(')', () => this.#expression())
    // A qualified name of a function looks like a member call: the checker tells them apart.
    return expandMacro(this.#maker(open.at), name, target, args) ?? { kind: 'call', id, at: open.at, name, target, args }
  }

  #sequence<T>(end: string, item: () => T, trailing = false): T[] {
    const items: T[] = []
    if (this.#accept(end)) return items
    for (;;) {
      items.push(item())
      if (this.#accept(end)) return items
      if (!this.#accept(',')) this.#unexpected(this.#peek(), `'${end}'`)
      if (trailing && this.#accept(end)) return items
    }
  }

  #primary(): Expression {
    const token = this.#take()
    switch (token.type) {
      case 'int':
        if (token.value === 2n ** 63n) throw new SyntaxIssue(token.at, 'invalid int literal')
        return this.#constant(token)
      case 'uint': case 'double': case 'string': case 'bytes': return this.#constant(token)
      case 'ident': return this.#identifier(token, '')
      case 'operator': break
      default: return this.#unexpected(token, PRIMARY)
    }
    switch (token.text) {
      case '(': {
        const e = this.#expression()
        this.#expect(')')
        return e
      }
      case '[': case '[?': return this.#list(token)
      case '{': return { kind: 'map', id: this.#id(), at: token.at, entries: this.#entries() }
      case '.': {
        const name = this.#take()
        if (name.type !== 'ident') this.#unexpected(name, 'IDENTIFIER')
        return this.#identifier(name, '.')
      }
      default: return this.#unexpected(token, PRIMARY)
    }
  }

  #constant(token: Token): Expression { return { kind: 'constant', id: this.#id(), at: token.at, value: token.value as Constant } }

  #identifier(token: Token, dot: '' | '.'): Expression {
    if (dot === '' && (token.text === 'true' || token.text === 'false' || token.text === 'null')) {
      return { kind: 'constant', id: this.#id(), at: token.at, value: token.text === 'null' ? null : token.text === 'true' }
    }
    if (token.text === 'in') this.#unexpected(token, PRIMARY)
    const open = this.#accept('(')
    if (open) return this.#call(dot + token.text, undefined, open)
    if (reserved.has(token.text)) throw new SyntaxIssue(token.at, `reserved identifier: ${token.text}`)
    const brace = this.#structName(token)
    if (brace !== undefined) return this.#struct(dot + brace, token)
    return { kind: 'ident', id: this.#id(), at: token.at, name: dot + token.text }
  }

  /** `a.b.Type{`: the whole name, where a brace follows it; nothing is consumed else. */
  #structName(first: Token): string | undefined {
    let name = first.text
    let at = this.#next
    const isDot = (t: Token | undefined): boolean => t?.type === 'operator' && t.text === '.'
    while (isDot(this.#tokens[at]) && this.#tokens[at + 1]?.type === 'ident') {
      name += `.${(this.#tokens[at + 1] as Token).text}`
      at += 2
    }
    const brace = this.#tokens[at]
    if (brace?.type !== 'operator' || brace.text !== '{') return undefined
    this.#next = at + 1
    return name
  }

  #struct(name: string, token: Token): Expression {
    const id = this.#id()
    const fields = this.#sequence('}', () => {
      const optional = this.#accept('?') !== undefined
      const field = this.#take()
      if (field.type !== 'ident') this.#unexpected(field, 'IDENTIFIER')
      this.#expect(':')
      return { field: field.text, value: this.#expression(), optional }
    }, true)
    return { kind: 'struct', id, at: token.at, name, fields }
  }

  #list(open: Token): Expression {
    const id = this.#id()
    const optional = new Set<number>()
    let index = 0
    const item = (): Expression => {
      if ((index === 0 && open.text === '[?') || this.#accept('?')) optional.add(index)
      index++
      return this.#expression()
    }
    return { kind: 'list', id, at: open.at, items: this.#sequence(']', item, true), optional }
  }

  #entries(): MapEntry[] {
    return this.#sequence('}', () => {
      const optional = this.#accept('?') !== undefined
      const key = this.#expression()
      this.#expect(':')
      return { key, value: this.#expression(), optional }
    }, true)
  }

  /** Nodes of an expansion are where the macro was called. */
  #maker(at: number): NodeMaker {
    const node = () => ({ id: this.#id(), at })
    const nothing: ReadonlySet<number> = new Set()
    return {
      constant: (value) => ({ kind: 'constant', ...node(), value }),
      ident: (name) => ({ kind: 'ident', ...node(), name }),
      call: (name, ...args) => ({ kind: 'call', ...node(), name, target: undefined, args }),
      member: (target, name, ...args) => ({ kind: 'call', ...node(), name, target, args }),
      list: (...items) => ({ kind: 'list', ...node(), items, optional: nothing }),
      map: (...entries) => ({ kind: 'map', ...node(), entries: entries.map(([key, value]) => ({ key, value, optional: false })) }),
      fold: (fold) => ({ kind: 'fold', ...node(), ...fold }),
      test: (of) => (of.kind === 'select' ? { ...of, ...node(), test: true } : of),
    }
  }
}
