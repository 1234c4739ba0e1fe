/** Field selectors (`metadata.name=x,status.phase!=Running`): `k8s.io/apimachinery/pkg/fields`. Pure. */

export interface FieldTerm { readonly field: string; readonly operator: '=' | '!='; readonly value: string }
/** All terms hold. */
export type FieldSelector = readonly FieldTerm[]

/** Thrown by {@link parseFieldSelector}; messages are upstream's. */
export class FieldSelectorError extends Error {
  override readonly name = 'FieldSelectorError'
}

/** Splits at commas that are not escaped with a backslash. */
function terms(text: string): string[] {
  const out: string[] = []
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === ',') { out.push(text.slice(from, i)); from = i + 1 }
  }
  out.push(text.slice(from))
  return out.filter((t) => t !== '')
}

function unescapeValue(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (c === '\\') {
      const next = text[++i]
      if (next !== '\\' && next !== ',' && next !== '=') throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${next ?? ''}`)
      out += next
    } else if (c === ',' || c === '=') throw new FieldSelectorError(`invalid field selector: ${text}: unescaped character in value: ${c}`)
    else out += c
  }
  return out
}

/** Reads a field selector; `''` selects everything. Throws {@link FieldSelectorError}. */
export function parseFieldSelector(text: string): FieldSelector {
  return terms(text).map((term) => {
    const m = /^((?:[^=!\\]|\\.)*?)(!=|==|=)(.*)$/s.exec(term)
    if (!m) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`)
    return { field: m[1] as string, operator: m[2] === '!=' ? '!=' : '=', value: unescapeValue(m[3] as string) }
  })
}

const escapeValue = (value: string): string => value.replace(/[\\,=]/g, (c) => `\\${c}`)
export const formatFieldSelector = (selector: FieldSelector): string => selector.map((t) => `${t.field}${t.operator}${escapeValue(t.value)}`).join(',')

/** Does an object whose fields `valueOf` reads meet every term? */
export const matchesFields = (selector: FieldSelector, valueOf: (field: string) => string): boolean =>
  selector.every((t) => (valueOf(t.field) === t.value) === (t.operator === '='))
