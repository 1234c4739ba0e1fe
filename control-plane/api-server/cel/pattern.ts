/** Regular expressions with RE2's syntax and its promise: time linear in the text, whatever the pattern. */
import { RE2JS } from 're2js'
import { messageOf } from '../../../shared/base/errors.ts'
import { CelError } from './values.ts'

/** Patterns are written in rules, so few are in use; one made of data costs its own compilation. */
const MAX_KEPT = 128
const MAX_PATTERN = 10_000
/** Steps of the matcher (characters times instructions, some 20 ns each) for one unit of cost (50 ns upstream): a call within the limit takes less than half a second. */
const STEPS_PER_COST = 20

const kept = new Map<string, RE2JS>()

/** Throws a `CelError` in Go's words for a pattern that is none. */
export function patternOf(text: string): RE2JS {
  const known = kept.get(text)
  if (known) return known
  if (text.length > MAX_PATTERN) throw new CelError('error parsing regexp: expression too large')
  let pattern: RE2JS
  try {
    pattern = RE2JS.compile(text)
  } catch (e) {
    throw new CelError(messageOf(e))
  }
  if (kept.size >= MAX_KEPT) kept.clear()
  kept.set(text, pattern)
  return pattern
}

/** Cost of matching that the length of the pattern hides: `a{1000}` is short. */
export const costOfMatching = (text: string, pattern: string): number => Math.ceil((text.length * patternOf(pattern).programSize()) / STEPS_PER_COST)
