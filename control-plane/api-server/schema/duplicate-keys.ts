/** Finds keys said twice in one JSON object, which `JSON.parse` silently resolves to the last. Pure. */

const quote = 0x22
const backslash = 0x5c

interface Frame { readonly keys: string[] | undefined; set: Set<string> | undefined; key: string; index: number }

/** Paths of duplicate fields, `spec.x`, in document order. `text` must be valid JSON. */
export function duplicateFields(text: string): string[] {
  const found: string[] = []
  const stack: Frame[] = []
  let frame: Frame | undefined
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x7b: stack.push((frame = { keys: [], set: undefined, key: '', index: 0 })); break // {
      case 0x5b: stack.push((frame = { keys: undefined, set: undefined, key: '', index: 0 })); break // [
      case 0x7d: case 0x5d: stack.pop(); frame = stack[stack.length - 1]; break // } ]
      case 0x2c: if (frame && !frame.keys) frame.index++; break // ,
      case quote: {
        const end = endOfString(text, i)
        if (frame?.keys) {
          const after = skipSpace(text, end + 1)
          if (text.charCodeAt(after) === 0x3a) {
            enter(frame, keyOf(text, i, end), stack, found)
            i = after
            break
          }
        }
        i = end
      }
    }
  }
  return found
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0 && escaped(text, end)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end
}

function escaped(text: string, at: number): boolean {
  let n = 0
  while (text.charCodeAt(at - 1 - n) === backslash) n++
  return n % 2 === 1
}

function skipSpace(text: string, at: number): number {
  let i = at
  for (let c = text.charCodeAt(i); c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = text.charCodeAt(i)) i++
  return i
}

function keyOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
}

/** Up to this many keys a linear search beats a set. */
const linear = 24

function enter(frame: Frame, key: string, stack: readonly Frame[], found: string[]): void {
  const keys = frame.keys as string[]
  frame.key = key
  if (frame.set ? frame.set.has(key) : keys.includes(key)) {
    const path = pathOf(stack)
    if (!found.includes(path)) found.push(path)
    return
  }
  keys.push(key)
  if (frame.set) frame.set.add(key)
  else if (keys.length > linear) frame.set = new Set(keys)
}

const pathOf = (stack: readonly Frame[]): string =>
  stack.reduce((path, f) => (f.keys ? (path ? `${path}.${f.key}` : f.key) : `${path}[${f.index}]`), '')
