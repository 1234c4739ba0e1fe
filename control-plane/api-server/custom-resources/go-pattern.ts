/** Regular expressions in Go's syntax (RE2) as JavaScript's. Pure. */

const classes: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9', alpha: 'a-zA-Z', ascii: '\\x00-\\x7F', blank: '\\t ', cntrl: '\\x00-\\x1F\\x7F', digit: '0-9', graph: '!-~', lower: 'a-z', print: ' -~',
  punct: '!-\\/:-@\\[-`{-~', space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '\\w', xdigit: '0-9A-Fa-f',
}

const compiled = new Map<string, RegExp>()
const KEPT = 500

/** Throws SyntaxError. Compiled once; back references and look-around are refused, as Go refuses them. */
export function goPattern(source: string): RegExp {
  const known = compiled.get(source)
  if (known) return known
  if (/\(\?(?:=|!|<=|<!)|\\[1-9]/.test(source)) throw new SyntaxError(`error parsing regexp: invalid or unsupported Perl syntax: \`${source}\``)
  let flags = ''
  let text = source.replace(/^\(\?([imsU]+)\)/, (_, given: string) => { flags = given.replace('U', ''); return '' })
  text = text.replaceAll(/\[:(\^?)(\w+):\]/g, (all, not: string, name: string) => (not ? all : classes[name] ?? all))
  text = text.replaceAll('\\A', '^').replaceAll('\\z', '$').replaceAll('(?P<', '(?<')
  let expression: RegExp
  try {
    expression = new RegExp(text, `${flags}u`)
  } catch {
    // Escapes that mean nothing are legal in Go and in the old syntax.
    expression = new RegExp(text, flags)
  }
  if (compiled.size >= KEPT) compiled.clear()
  compiled.set(source, expression)
  return expression
}
