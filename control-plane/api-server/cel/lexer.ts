/** CEL text to tokens (`cel-go/parser/gen/CEL.g4`). Pure. */
import type { Constant, Issue } from './syntax.ts'

export interface Token {
  readonly type: 'ident' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'operator' | 'end'
  /** As written; `<EOF>` at the end. */
  readonly text: string
  readonly at: number
  readonly value?: Constant
}

/** Thrown for text that is no expression; the first issue found. */
export class SyntaxIssue extends Error {
  readonly issue: Issue
  constructor(at: number, message: string) {
    super(message)
    this.issue = { at, message }
  }
}

const operators = ['==', '!=', '<=', '>=', '&&', '||', '.?', '[?', '[', ']', '{', '}', '(', ')', '.', ',', '-', '!', '?', ':', '+', '*', '/', '%', '<', '>', '=']
const space = /[ \t\r\n\f]+|\/\/[^\n]*/y
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y
const number = /0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?/y
const stringStart = /(?:[rR]|[bB]|[rR][bB]|[bB][rR])?("""|'''|"|')/y

const MAX_INT = 2n ** 63n
const MAX_UINT = 2n ** 64n

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(source)
}

/** A minus before the digits is the parser's: it may make the largest magnitude legal. */
function numberToken(text: string, at: number): Token {
  if (/^0x/.test(text) ? /[uU]$/.test(text) : /^\d+[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1))
    if (value >= MAX_UINT) throw new SyntaxIssue(at, 'invalid uint literal')
    return { type: 'uint', text, at, value: { uint: value } }
  }
  if (/^0x|^\d+$/.test(text)) {
    const value = BigInt(text)
    if (value > MAX_INT) throw new SyntaxIssue(at, 'invalid int literal')
    return { type: 'int', text, at, value }
  }
  const value = Number(text)
  if (!Number.isFinite(value)) throw new SyntaxIssue(at, 'invalid double literal')
  return { type: 'double', text, at, value }
}

export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const blank = match(space, source, at)
    if (blank) {
      at += blank[0].length
      continue
    }
    const token = next(source, at)
    tokens.push(token)
    at += token.text.length
  }
  tokens.push({ type: 'end', text: '<EOF>', at: source.length })
  return tokens
}

function next(source: string, at: number): Token {
  const quoted = match(stringStart, source, at)
  if (quoted) return stringToken(source, at, quoted[0], quoted[1] ?? '"')
  const name = match(identifier, source, at)
  if (name) return { type: 'ident', text: name[0], at }
  const digits = match(number, source, at)
  if (digits) return numberToken(digits[0], at)
  const operator = operators.find((o) => source.startsWith(o, at))
  if (operator && operator !== '=') return { type: 'operator', text: operator, at }
  throw new SyntaxIssue(at, `Syntax error: token recognition error at: '${source.slice(at, at + (operator ? 2 : 1))}'`)
}

function stringToken(source: string, at: number, start: string, quote: string): Token {
  const prefix = start.slice(0, start.length - quote.length).toLowerCase()
  const raw = prefix.includes('r')
  const bytes = prefix.includes('b')
  let end = at + start.length
  for (;;) {
    const c = source[end]
    if (c === undefined || (quote.length === 1 && (c === '\n' || c === '\r'))) throw new SyntaxIssue(at, `Syntax error: token recognition error at: '${source.slice(at, end)}'`)
    if (source.startsWith(quote, end)) break
    end += c === '\\' && !raw ? 2 : 1
  }
  const body = source.slice(at + start.length, end)
  const text = source.slice(at, end + quote.length)
  if (bytes) return { type: 'bytes', text, at, value: unescapeBytes(body, raw, at) }
  return { type: 'string', text, at, value: raw ? body : unescapeText(body, at) }
}

const simpleEscapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '\'': '\'', '"': '"', '`': '`', '?': '?' }
const escape = /\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g

function escaped(m: RegExpMatchArray, at: number): { code: number; wide: boolean } | string {
  const hex = m[1] ?? m[2]
  if (hex !== undefined) return { code: Number.parseInt(hex, 16), wide: false }
  if (m[5] !== undefined) return { code: Number.parseInt(m[5], 8), wide: false }
  const unicode = m[3] ?? m[4]
  if (unicode !== undefined) {
    const code = Number.parseInt(unicode, 16)
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new SyntaxIssue(at, 'invalid unicode code point')
    return { code, wide: true }
  }
  const simple = simpleEscapes[m[6] ?? '']
  if (simple === undefined) throw new SyntaxIssue(at, `Syntax error: token recognition error at: '${m[0]}'`)
  return simple
}

function unescapeText(body: string, at: number): string {
  return body.includes('\\') ? [...segments(body, at)].map((s) => (typeof s === 'string' ? s : String.fromCodePoint(s.code))).join('') : body
}

function unescapeBytes(body: string, raw: boolean, at: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (const s of raw ? [body] : segments(body, at)) {
    if (typeof s === 'string') parts.push(Buffer.from(s))
    else if (s.wide) throw new SyntaxIssue(at, 'invalid bytes literal: unicode escapes are not allowed')
    else parts.push(Uint8Array.of(s.code))
  }
  return new Uint8Array(Buffer.concat(parts))
}

function* segments(body: string, at: number): Generator<string | { code: number; wide: boolean }> {
  let last = 0
  for (const m of body.matchAll(escape)) {
    if (m.index > last) yield body.slice(last, m.index)
    yield escaped(m, at)
    last = m.index + m[0].length
  }
  if (last < body.length) yield body.slice(last)
}
