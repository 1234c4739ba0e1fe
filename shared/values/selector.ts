/** Label selectors: the query form (`app=x,tier in (a,b),!old`) and the `LabelSelector` object, read into requirements. Pure. */
import type { LabelSelector } from '../api/meta-v1.ts'
import { validateLabelValue, validateQualifiedName } from './names.ts'

export type Operator = 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt'

export interface Requirement {
  readonly key: string
  readonly operator: Operator
  /** Sorted, without repetition. */
  readonly values: readonly string[]
}

/** All requirements hold. An empty list selects everything. */
export type Selector = readonly Requirement[]

/** Thrown by {@link parseSelector} and {@link selectorOf}; messages are upstream's. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError'
}

const unique = (values: readonly string[]): string[] => [...new Set(values)].sort()

type Token = { readonly kind: 'word' | 'symbol' | 'end'; readonly text: string }

function tokenize(text: string): Token[] {
  const out: Token[] = []
  const pattern = /\s+|(==|!=|[=!,()<>])|([^\s=!,()<>]+)/gy
  for (let m = pattern.exec(text); m; m = pattern.exec(text)) {
    if (m[1] !== undefined) out.push({ kind: 'symbol', text: m[1] })
    else if (m[2] !== undefined) out.push({ kind: 'word', text: m[2] })
  }
  out.push({ kind: 'end', text: '' })
  return out
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  constructor(text: string) { this.#tokens = tokenize(text) }
  peek(): Token { return this.#tokens[this.#at] as Token }
  next(): Token { return this.#tokens[this.#at++] ?? (this.#tokens[this.#tokens.length - 1] as Token) }

  selector(): Requirement[] {
    const out: Requirement[] = []
    const first = this.peek()
    if (first.kind === 'end') return out
    if (first.kind !== 'word' && first.text !== '!') throw new SelectorError(`found '${first.text}', expected: !, identifier, or 'end of string'`)
    for (;;) {
      out.push(this.#parsed())
      const t = this.next()
      if (t.kind === 'end') return out
      if (t.text !== ',') throw new SelectorError(`found '${t.text}', expected: ',' or 'end of string'`)
      const after = this.peek()
      if (after.kind !== 'word' && after.text !== '!') throw new SelectorError(`found '${after.text}', expected: identifier after ','`)
    }
  }

  #parsed(): Requirement {
    try {
      return this.requirement()
    } catch (e) {
      throw e instanceof SelectorError ? new SelectorError(`unable to parse requirement: ${e.message}`) : e
    }
  }

  requirement(): Requirement {
    if (this.peek().text === '!') {
      this.next()
      return checked(this.key(), 'absent', [])
    }
    const key = this.key()
    const t = this.peek()
    if (t.kind === 'end' || t.text === ',') return checked(key, 'exists', [])
    this.next()
    switch (t.text) {
      case '=': case '==': return checked(key, 'in', [this.value()])
      case '!=': return checked(key, 'notin', [this.value()])
      case '>': return checked(key, 'gt', [this.value()])
      case '<': return checked(key, 'lt', [this.value()])
      case 'in': case 'notin': return checked(key, t.text, this.values())
      default: throw new SelectorError(`found '${t.text}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  key(): string {
    const t = this.next()
    if (t.kind !== 'word') throw new SelectorError(`found '${t.text}', expected: identifier`)
    const bad = validateQualifiedName(t.text)
    // Upstream's parser has no path to print.
    if (bad.length) throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(t.text)}: ${bad.join('; ')}`)
    return t.text
  }

  /** An exact value; nothing before `,` or the end is the empty value. */
  value(): string {
    const t = this.peek()
    if (t.kind === 'end' || t.text === ',') return ''
    if (t.kind !== 'word') throw new SelectorError(`found '${t.text}', expected: identifier`)
    return this.next().text
  }

  values(): string[] {
    const open = this.next()
    if (open.text !== '(') throw new SelectorError(`found '${open.text}', expected: '('`)
    const out: string[] = []
    for (;;) {
      const t = this.next()
      if (t.kind === 'word') {
        out.push(t.text)
        const after = this.next()
        if (after.text === ')') return out
        if (after.text !== ',') throw new SelectorError(`found '${after.text}', expected: ',' or ')'`)
        if (this.peek().text === ')') { this.next(); out.push(''); return out }
      } else if (t.text === ',') out.push('')
      else if (t.text === ')') { if (out.length === 0) out.push(''); return out }
      else throw new SelectorError(`found '${t.text}', expected: ',', ')' or identifier`)
    }
  }
}

function checked(key: string, operator: Operator, values: readonly string[]): Requirement {
  if ((operator === 'gt' || operator === 'lt') && !/^[+-]?\d+$/.test(values[0] ?? '')) {
    throw new SelectorError(`values[0]: Invalid value: ${JSON.stringify(values[0] ?? '')}: for 'Gt', 'Lt' operators, the value must be an integer`)
  }
  values.forEach((v, i) => {
    const wrong = validateLabelValue(v)
    if (wrong.length) throw new SelectorError(`values[${i}][${key}]: Invalid value: ${JSON.stringify(v)}: ${wrong.join('; ')}`)
  })
  return { key, operator, values: unique(values) }
}

/** Reads the query form. Throws {@link SelectorError}. */
export const parseSelector = (text: string): Selector => new Parser(text).selector()

/**
 * The requirements of a `LabelSelector` object: an empty one selects everything, an absent one nothing (undefined). Throws
 * {@link SelectorError} for an unknown operator.
 */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined
  const out: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, operator: 'in', values: [value] }))
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const op = ({ In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: 'absent' } as const)[operator as 'In']
    if (op === undefined) throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`)
    out.push({ key, operator: op, values: unique(values ?? []) })
  }
  return out
}

/** A map of labels that must all be there, as a Service's selector. */
export const selectorOfLabels = (labels: Readonly<Record<string, string>>): Selector =>
  Object.keys(labels).sort().map((key) => ({ key, operator: 'in', values: [labels[key] as string] }))

/** Do the labels meet every requirement? */
export function matchesLabels(selector: Selector, labels: Readonly<Record<string, string>> | undefined): boolean {
  for (const r of selector) if (!meets(r, labels !== undefined && Object.hasOwn(labels, r.key) ? labels[r.key] : undefined)) return false
  return true
}

function meets(r: Requirement, value: string | undefined): boolean {
  switch (r.operator) {
    case 'in': return value !== undefined && r.values.includes(value)
    case 'notin': return value === undefined || !r.values.includes(value)
    case 'exists': return value !== undefined
    case 'absent': return value === undefined
    case 'gt': case 'lt': {
      if (value === undefined || !/^[+-]?\d+$/.test(value)) return false
      const [a, b] = [BigInt(value), BigInt(r.values[0] as string)]
      return r.operator === 'gt' ? a > b : a < b
    }
  }
}

/** The query form, sorted by key as upstream prints it: `app=x,tier in (a,b)`. */
export const formatSelector = (selector: Selector): string =>
  [...selector].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(formatRequirement).join(',')

function formatRequirement({ key, operator, values }: Requirement): string {
  const list = values.join(',')
  switch (operator) {
    case 'in': return values.length === 1 ? `${key}=${list}` : `${key} in (${list})`
    case 'notin': return values.length === 1 ? `${key}!=${list}` : `${key} notin (${list})`
    case 'exists': return key
    case 'absent': return `!${key}`
    case 'gt': return `${key}>${list}`
    case 'lt': return `${key}<${list}`
  }
}

/** kubectl's text of a `LabelSelector` object (`metav1.FormatLabelSelector`): `<none>` for one that selects everything. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  try {
    const text = formatSelector(selectorOf(selector) ?? [])
    return text === '' ? '<none>' : text
  } catch {
    return '<error>'
  }
}
