/** Constants that would fail whenever the expression runs are refused when it is compiled (`cel-go/cel/validator.go`). Pure. */
import { messageOf } from '../../../shared/base/errors.ts'
import { durationOf, timestampOf } from './library/conversions.ts'
import { patternOf } from './pattern.ts'
import type { Expression, Issue } from './syntax.ts'
import { CelError } from './values.ts'

function children(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case 'select': return [e.operand]
    case 'call': return e.target ? [e.target, ...e.args] : e.args
    case 'list': return e.items
    case 'map': return e.entries.flatMap((entry) => [entry.key, entry.value])
    case 'struct': return e.fields.map((f) => f.value)
    case 'fold': return [e.range, e.init, e.condition, e.step, e.result]
    default: return []
  }
}

const fails = (read: () => unknown): boolean => {
  try {
    read()
    return false
  } catch (e) {
    if (e instanceof CelError) return true
    throw new Error(messageOf(e), { cause: e })
  }
}

const readers: Readonly<Record<string, (text: string) => unknown>> = { duration: durationOf, timestamp: timestampOf, matches: patternOf }

function issueOf(e: Expression): Issue | undefined {
  if (e.kind !== 'call') return undefined
  const read = Object.hasOwn(readers, e.name) ? readers[e.name] : undefined
  const arg = e.args.at(-1)
  if (!read || arg?.kind !== 'constant' || typeof arg.value !== 'string') return undefined
  const { value } = arg
  return fails(() => read(value)) ? { at: arg.at, message: `invalid ${e.name} argument` } : undefined
}

export function literalIssues(root: Expression): Issue[] {
  const issues: Issue[] = []
  const pending = [root]
  for (let e = pending.pop(); e; e = pending.pop()) {
    const issue = issueOf(e)
    if (issue) issues.push(issue)
    pending.push(...children(e))
  }
  return issues.sort((a, b) => a.at - b.at)
}
