/** YAML as upstream's `sigs.k8s.io/yaml` reads it. Pure. */
import { LineCounter, parseDocument } from 'yaml'
import { messageOf } from '../../../shared/base/errors.ts'

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
  // Upstream reads YAML 1.1: `yes` and `on` are booleans, `0644` is octal.
  const document = parseDocument(text, { version: '1.1', uniqueKeys: true, lineCounter, prettyErrors: false })
  for (const e of document.errors) {
    const { line } = lineCounter.linePos(e.pos[0])
    if (e.code !== 'DUPLICATE_KEY') throw new YamlError(`yaml: line ${line}: ${e.message}`)
    const key = (text.slice(e.pos[0]).split(':', 1)[0] ?? '').trim().replace(/^"(.*)"$/, '$1')
    duplicates.push(`line ${line}: key ${JSON.stringify(key)} already set in map`)
  }
  // An alias bomb is refused by the parser's own limit on alias expansion.
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, duplicates }
  } catch (e) {
    throw new YamlError(`yaml: ${messageOf(e)}`)
  }
}
