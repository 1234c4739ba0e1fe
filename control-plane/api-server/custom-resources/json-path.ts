/**
 * JSON paths of printer columns, scales and selectable fields: the part of kubectl's template language that has meaning for one object
 * (`k8s.io/client-go/util/jsonpath`): fields, quoted keys, indices and slices, `[*]`, `..` and filters that compare with a literal. Pure.
 */
import type { FieldError } from '../resources/definition.ts'
import { invalidValue } from '../resources/findings.ts'
import { isObject } from './schema.ts'

type Step =
  | { readonly do: 'field'; readonly name: string }
  | { readonly do: 'all' }
  | { readonly do: 'deep' }
  | { readonly do: 'slice'; readonly from: number | undefined; readonly to: number | undefined; readonly step: number }
  | { readonly do: 'index'; readonly at: number }
  | { readonly do: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown }

/** Throws SyntaxError. `.spec.list[?(@.type=="Ready")].status`; the surrounding braces of a template are optional. */
export function parsePath(source: string): readonly Step[] {
  let text = source.trim()
  if (text.startsWith('{') && text.endsWith('}')) text = text.slice(1, -1).trim()
  if (text.startsWith('$') || text.startsWith('@')) text = text.slice(1)
  const steps: Step[] = []
  let at = 0
  while (at < text.length) {
    if (text.startsWith('..', at)) {
      steps.push({ do: 'deep' })
      at += 1
    } else if (text[at] === '[') {
      const end = closing(text, at)
      steps.push(bracket(text.slice(at + 1, end)))
      at = end + 1
    } else if (text[at] === '.' || at === 0) {
      const from = text[at] === '.' ? at + 1 : at
      const { name, end } = fieldName(text, from)
      if (name === '*') steps.push({ do: 'all' })
      else if (name) steps.push({ do: 'field', name })
      else if (text[end] !== '[' && text.length > 1) throw new SyntaxError(`unexpected ${JSON.stringify(text.slice(end, end + 1) || 'end')} in ${source}`)
      at = end
    } else throw new SyntaxError(`unexpected ${JSON.stringify(text[at])} in ${source}`)
  }
  return steps
}

function fieldName(text: string, from: number): { name: string; end: number } {
  let name = ''
  let at = from
  for (; at < text.length && text[at] !== '.' && text[at] !== '['; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++
    else if (/[\s{}()]/.test(text[at] ?? '')) throw new SyntaxError(`unexpected ${JSON.stringify(text[at])} in ${text}`)
    name += text[at]
  }
  return { name, end: at }
}

function closing(text: string, open: number): number {
  let quote = ''
  for (let at = open + 1; at < text.length; at++) {
    const c = text[at] ?? ''
    if (quote) { if (c === quote && text[at - 1] !== '\\') quote = '' }
    else if (c === '"' || c === "'") quote = c
    else if (c === ']') return at
  }
  throw new SyntaxError('unterminated array')
}

function bracket(inside: string): Step {
  const text = inside.trim()
  if (text === '*') return { do: 'all' }
  const quoted = /^'((?:[^'\\]|\\.)*)'$|^"((?:[^"\\]|\\.)*)"$/.exec(text)
  if (quoted) return { do: 'field', name: (quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(.)/g, '$1') }
  if (/^-?\d+$/.test(text)) return { do: 'index', at: Number(text) }
  const slice = /^(-?\d+)?:(-?\d+)?(?::(\d+))?$/.exec(text)
  if (slice) return { do: 'slice', from: slice[1] === undefined ? undefined : Number(slice[1]), to: slice[2] === undefined ? undefined : Number(slice[2]), step: Number(slice[3] ?? 1) || 1 }
  const filter = /^\?\(\s*@([^=!<>\s]*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)$/s.exec(text)
  if (filter) return { do: 'filter', path: parsePath(filter[1] ?? ''), operator: filter[2] ?? 'exists', value: filter[3] === undefined ? undefined : literal(filter[3]) }
  throw new SyntaxError(`invalid array index ${text}`)
}

function literal(text: string): unknown {
  const quoted = /^'(.*)'$|^"(.*)"$/s.exec(text)
  if (quoted) return quoted[1] ?? quoted[2]
  if (text === 'true' || text === 'false') return text === 'true'
  const n = Number(text)
  if (Number.isNaN(n)) throw new SyntaxError(`unrecognized literal ${text}`)
  return n
}

/** Every value the path leads to, in order; none where a field is missing. */
export function valuesAt(object: unknown, path: readonly Step[]): unknown[] {
  let values: unknown[] = [object]
  for (const step of path) values = values.flatMap((v) => take(v, step))
  return values
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.do) {
    case 'field': return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []
    case 'all': return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []
    case 'deep': return everything(value)
    case 'index': return Array.isArray(value) && value.at(step.at) !== undefined ? [value.at(step.at)] : []
    case 'slice': return Array.isArray(value) ? value.slice(step.from ?? 0, step.to).filter((_, i) => i % step.step === 0) : []
    case 'filter': return Array.isArray(value) ? value.filter((item) => holds(item, step)) : []
  }
}

const everything = (value: unknown): unknown[] => [value, ...(Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []).flatMap(everything)]

function holds(item: unknown, { path, operator, value }: Extract<Step, { do: 'filter' }>): boolean {
  const [found] = valuesAt(item, path)
  if (operator === 'exists') return found !== undefined
  if (found === undefined) return false
  if (operator === '==') return found === value
  if (operator === '!=') return found !== value
  if (typeof found !== typeof value || (typeof found !== 'number' && typeof found !== 'string')) return false
  const [a, b] = [found as number, value as number]
  return operator === '<' ? a < b : operator === '>' ? a > b : operator === '<=' ? a <= b : a >= b
}

export function validateColumnPath(path: string, field: string): FieldError[] {
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')]
  try {
    parsePath(path)
    return []
  } catch (e) {
    return [invalidValue(field, path, `is an invalid JSONPath: ${(e as Error).message}`)]
  }
}
