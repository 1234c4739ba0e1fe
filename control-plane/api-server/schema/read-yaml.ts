/** YAML as upstream's `sigs.k8s.io/yaml` reads it. Pure. */
import { LineCounter, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import { messageOf } from '../../../shared/base/errors.ts'
import { isDeep } from './read-json.ts'

export interface ReadYaml {
  readonly value: unknown
  /** `line 10: key "paused" already set in map`, in document order; the last of them counts. */
  readonly duplicates: readonly string[]
}

/** The text is no YAML; the message begins with `yaml: `. */
export class YamlError extends Error {
  override readonly name = 'YamlError'
}

export function readYaml(text: string): ReadYaml {
  const lineCounter = new LineCounter()
  const duplicates: string[] = []
  const document = parsed(text, lineCounter)
  for (const e of document.errors) {
    if (e.message.startsWith('Maximum call stack')) throw tooDeep()
    const { line } = lineCounter.linePos(e.pos[0])
    if (e.code !== 'DUPLICATE_KEY') throw new YamlError(`yaml: line ${line}: ${e.message}`)
    const key = (text.slice(e.pos[0]).split(':', 1)[0] ?? '').trim().replace(/^"(.*)"$/, '$1')
    duplicates.push(`line ${line}: key ${JSON.stringify(key)} already set in map`)
  }
  // An alias bomb is refused by the parser's own limit on alias expansion.
  try {
    const value = document.toJS({ maxAliasCount: 100 }) as unknown
    if (isDeep(value)) throw tooDeep()
    return { value, duplicates }
  } catch (e) {
    if (e instanceof YamlError) throw e
    throw new YamlError(`yaml: ${messageOf(e)}`)
  }
}

const tooDeep = (): YamlError => new YamlError('yaml: exceeded max depth')

function parsed(text: string, lineCounter: LineCounter): Document.Parsed {
  try {
    // Upstream reads YAML 1.1: `yes` and `on` are booleans, `0644` is octal.
    return parseDocument(text, { version: '1.1', uniqueKeys: true, lineCounter, prettyErrors: false })
  } catch (e) {
    // The library composes nested collections by recursion, and reports the end of the stack as an error of the text or throws it.
    if (e instanceof RangeError) throw tooDeep()
    throw e
  }
}
