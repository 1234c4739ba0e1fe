/** `$(NAME)` in env values, command and args. Pure. Source: upstream `third_party/forked/golang/expansion`. */

/** `$$` is a literal `$`; a name that is unknown, or a `$(` that never closes, stays as written. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes('$')) return text
  let out = ''
  let i = 0
  while (i < text.length) {
    const c = text[i]!
    const next = text[i + 1]
    if (c !== '$' || next === undefined) { out += c; i++; continue }
    if (next === '$') { out += '$'; i += 2; continue }
    const end = next === '(' ? text.indexOf(')', i + 2) : -1
    if (end < 0) { out += c; i++; continue }
    const name = text.slice(i + 2, end)
    out += lookup(name) ?? `$(${name})`
    i = end + 1
  }
  return out
}
