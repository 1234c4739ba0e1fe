/**
 * Labels of a stored object without parsing it: a list by label looks at every object of a kind and wants few of them. Pure.
 */
import type { Selector } from '../../../shared/values/selector.ts'
import { matchesLabels } from '../../../shared/values/selector.ts'

const METADATA = Buffer.from('"metadata":{')
const LABELS = Buffer.from('"labels":{')
const [QUOTE, ESCAPE, OPEN, CLOSE, LIST, LIST_END] = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d]

/** Index after the string that begins at `at`. */
function afterString(bytes: Buffer, at: number): number {
  for (let i = at + 1; i < bytes.length; i++) {
    if (bytes[i] === ESCAPE) i++
    else if (bytes[i] === QUOTE) return i + 1
  }
  return bytes.length
}

/** The labels of an object in stored form (`JSON.stringify` without spaces, the object's metadata first among those in it). */
export function labelsIn(bytes: Buffer): Readonly<Record<string, string>> {
  const start = bytes.indexOf(METADATA)
  if (start < 0) return {}
  let depth = 1
  for (let i = start + METADATA.length; i < bytes.length && depth > 0;) {
    const c = bytes[i]
    if (c === QUOTE) {
      const end = afterString(bytes, i)
      // A key of metadata itself, not of something in it.
      if (depth === 1 && bytes[end - 1] === QUOTE && bytes[i + 1] === LABELS[1] && bytes.subarray(i, i + LABELS.length).equals(LABELS)) return labelsAt(bytes, i + LABELS.length - 1)
      i = end
      continue
    }
    if (c === OPEN || c === LIST) depth++
    else if (c === CLOSE || c === LIST_END) depth--
    i++
  }
  return {}
}

/** A flat object of strings: it ends at the first brace outside of a string. */
function labelsAt(bytes: Buffer, open: number): Readonly<Record<string, string>> {
  for (let i = open; i < bytes.length;) {
    if (bytes[i] === QUOTE) i = afterString(bytes, i)
    else if (bytes[i++] === CLOSE) return JSON.parse(bytes.toString('utf8', open, i)) as Record<string, string>
  }
  return {}
}

/** A test of stored bytes. What must be in them whatever else is looked for first, which is faster than any parsing. */
export function labelTest(selector: Selector): (bytes: Buffer) => boolean {
  const needles = selector.flatMap(({ key, operator, values }) => {
    const name = `${JSON.stringify(key)}:`
    if (operator === 'exists' || operator === 'gt' || operator === 'lt' || (operator === 'in' && values.length !== 1)) return [Buffer.from(name)]
    return operator === 'in' ? [Buffer.from(name + JSON.stringify(values[0] ?? ''))] : []
  })
  return (bytes) => needles.every((needle) => bytes.includes(needle)) && matchesLabels(selector, labelsIn(bytes))
}
