/** JSON of a request, not deeper than what walks it later can follow. Pure. */

/** Levels of objects and lists. Upstream's decoder stops at 10,000; no kind of object needs a tenth of ours, and each walk over one may recurse. */
export const MAX_DEPTH = 1000

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** `JSON.parse` that throws for what is nested more than `MAX_DEPTH` deep. */
export function readJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Each level needs a byte to open and one to close it.
  if (text.length > 2 * MAX_DEPTH && deepText(text)) throw new SyntaxError('exceeded max depth')
  return value
}

/** `text` is valid JSON. */
function deepText(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x5b || c === 0x7b) { if (++depth > MAX_DEPTH) return true }
    else if (c === 0x5d || c === 0x7d) depth--
    else if (c === QUOTE) i = pastString(text, i)
  }
  return false
}

function pastString(text: string, start: number): number {
  for (let i = start + 1; ; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) return i
    if (c === BACKSLASH) i++
  }
}

/** The same of a value, however it was made; does not recurse itself. */
export function isDeep(value: unknown): boolean {
  let level = [value].filter(nests)
  for (let depth = 1; level.length; depth++) {
    if (depth > MAX_DEPTH) return true
    level = level.flatMap((v) => Object.values(v).filter(nests))
  }
  return false
}

const nests = (value: unknown): value is object => typeof value === 'object' && value !== null
