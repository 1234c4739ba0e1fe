/**
 * The rules of the layout, as findings over plain text: which way imports point, what a file may touch by its name, how long it
 * may be. Pure: `main.ts` reads the files.
 */

export interface SourceFile { /** From the root, `/` between folders. */ readonly path: string; readonly text: string }
export interface Finding { readonly path: string; readonly line: number; readonly message: string }

const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/')
/** Test support beside what it doubles: may not be imported by shipped code. */
const isSupport = (path: string): boolean => /(^|\/)(fake(-[^/]*)?|harness|conformance|tracer)\.ts$/.test(path)
const isPure = (path: string): boolean => !path.startsWith('test/') && /(^|\/)(plan|machine|rules)\.ts$/.test(path)

interface Import { readonly line: number; readonly from: string; readonly typeOnly: boolean }

function importsOf(text: string): Import[] {
  const found: Import[] = []
  for (const m of text.matchAll(/^(import|export)\s+(type\s+)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm)) {
    found.push({ line: text.slice(0, m.index).split('\n').length, from: m[3] ?? m[4] ?? m[5] ?? '', typeOnly: m[2] !== undefined })
  }
  return found
}

function resolved(path: string, from: string): string | undefined {
  if (!from.startsWith('.')) return undefined
  const parts = path.split('/').slice(0, -1)
  for (const part of from.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

const component = (path: string): string => (/^(control-plane|node-agent)\//.test(path) ? path.split('/').slice(0, 2).join('/') : top(path))
const top = (path: string): string => path.split('/')[0] ?? ''
const isMain = (path: string): boolean => /(^|\/)main\.ts$/.test(path) || /^(control-plane|node-agent)\/[^/]+\.ts$/.test(path)

/** Rank in the direction rule: imports point to the same or a lower one. */
const sharedRank: Readonly<Record<string, number>> = { base: 0, api: 1, values: 1, host: 2, pki: 3, mqtt: 3, client: 3, reconcile: 3, streams: 3 }

/** What a component may import of a sibling besides its interface: the interface file of each. */
const interfaces = new Set([
  'node-agent/host-ports.ts',
  'control-plane/store/store.ts', 'node-agent/runtime/runtime.ts', 'node-agent/link/link.ts', 'node-agent/network/network.ts', 'control-plane/api-server/streams.ts',
])

function direction(path: string, target: string, typeOnly: boolean): string | undefined {
  if (isTest(path) || isSupport(path)) return undefined
  if (isSupport(target)) return 'test support may be imported by tests only'
  const [a, b] = [top(path), top(target)]
  if (a === 'control-plane' && b === 'node-agent' || a === 'node-agent' && b === 'control-plane') return `${a} and ${b} never import each other`
  if (a === 'shared' && b !== 'shared') return 'shared knows nothing of either side'
  if (b === 'test') return 'shipped code does not import tests'
  if (a === 'shared') {
    const [x, y] = [sharedRank[path.split('/')[1] ?? ''], sharedRank[target.split('/')[1] ?? '']]
    // Errors carry a Status: the one type that base takes from api.
    if (x === 0 && y === 1 && typeOnly) return undefined
    return x !== undefined && y !== undefined && y > x ? `shared/${path.split('/')[1]} may not import shared/${target.split('/')[1]}` : undefined
  }
  if (a === b && component(path) !== component(target) && !isMain(path) && !typeOnly && !interfaces.has(target)) return `siblings meet through an interface file: ${component(path)} imports ${target}`
  return undefined
}

const impure = [
  [/\bawait\b|\basync\b/, 'await'], [/\bDate\b(?!\.(UTC|parse))/, 'Date'], [/\bMath\.random\b/, 'Math.random'], [/\bconsole\b/, 'console'], [/\bset(Timeout|Interval|Immediate)\b/, 'timers'], [/\bcrypto\b/, 'crypto'],
  [/\bprocess\./, 'process'],
] as const

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ' ')).replace(/(^|\s)\/\/[^\n]*/g, (c) => c.replace(/[^\n]/g, ' '))
const withoutStrings = (text: string): string => text.replace(/'(?:[^'\\\n]|\\.)*'/g, "''")

function lineOf(text: string, index: number): number { return text.slice(0, index).split('\n').length }

function contents(file: SourceFile): Finding[] {
  // The rules and their test name what they look for.
  if (file.path.startsWith('test/lint/rules')) return []
  const findings: Finding[] = []
  const code = withoutStrings(withoutComments(file.text))
  const say = (index: number, message: string): void => { findings.push({ path: file.path, line: lineOf(code, index), message }) }
  const each = (pattern: RegExp, message: string): void => { for (const m of code.matchAll(pattern)) say(m.index, message) }
  each(/\bas any\b|: any\b|<any>/g, 'no any: decode what comes from outside')
  each(/\benum\s+\w+\s*\{/g, 'a union says it better than an enum')
  each(/catch\s*(\([^)]*\))?\s*\{\s*\}/g, 'an error is swallowed')
  each(/\.catch\(\(\) => (undefined|null|\{\s*\})\)/g, 'an error is swallowed')
  each(/\bshell:\s*true\b/g, 'argv only, never a shell')
  for (const m of file.text.matchAll(/^import \{[^}]*\b(execSync|spawnSync|execFileSync)\b[^}]*\} from 'node:child_process'/gm)) if (!isTest(file.path)) say(m.index, 'never synchronous: it stops everything else')
  if (!isTest(file.path)) {
    if (!file.path.startsWith('shared/host/') && !file.path.startsWith('scripts/')) {
      each(/(?<![.\w])set(Timeout|Interval)\(/g, 'timers come from the Clock (shared/host)')
      each(/\bDate\.now\(\)|\bperformance\.now\(\)|\bnew Date\(\)/g, 'time comes from the Clock (shared/host)')
      each(/\bMath\.random\(/g, 'randomness comes from Random (shared/host)')
      for (const i of importsOf(file.text)) if (/^node:child_process$/.test(i.from) && !i.typeOnly) findings.push({ path: file.path, line: i.line, message: 'processes are started through shared/host/exec.ts' })
    }
    each(/\bTODO\b|\bFIXME\b|\bXXX\b/g, 'unfinished')
  } else {
    each(/\b(it|test|describe)\.(skip|only|todo|fails)\b/g, 'a test that does not run')
  }
  if (isPure(file.path)) {
    for (const [pattern, what] of impure) { const m = pattern.exec(code); if (m) say(m.index, `${file.path.split('/').pop()} is pure by its name: no ${what}`) }
    for (const i of importsOf(file.text)) if (i.from.startsWith('node:') && !i.typeOnly) findings.push({ path: file.path, line: i.line, message: `pure by its name: no ${i.from}` })
  }
  return findings
}

/** Files above this need a reason; it is given here. */
const longFiles: Readonly<Record<string, string>> = {}

function size(file: SourceFile): Finding[] {
  if (file.path.startsWith('shared/api/')) return []
  const lines = file.text.split('\n').length - 1
  const limit = isTest(file.path) ? 800 : 600
  return lines > limit && !longFiles[file.path] ? [{ path: file.path, line: 1, message: `${lines} lines, over the limit of ${limit}: split it by concern` }] : []
}

/** Value-import cycles, each once, as the path around. */
function cycles(files: readonly SourceFile[]): Finding[] {
  const edges = new Map(files.map((f) => [f.path, importsOf(f.text).filter((i) => !i.typeOnly).map((i) => resolved(f.path, i.from)).filter((p): p is string => p !== undefined)]))
  const state = new Map<string, 'open' | 'done'>()
  const findings: Finding[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      findings.push({ path, line: 1, message: `import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}` })
      return
    }
    state.set(path, 'open')
    for (const next of edges.get(path) ?? []) if (edges.has(next)) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const f of files) visit(f.path, [])
  return findings
}

/** Every finding, sorted by file and line. */
export function lint(files: readonly SourceFile[]): Finding[] {
  const findings = files.flatMap((file) => [
    ...contents(file), ...size(file),
    ...importsOf(file.text).flatMap((i) => {
      const target = resolved(file.path, i.from)
      const message = target === undefined ? undefined : direction(file.path, target, i.typeOnly)
      return message ? [{ path: file.path, line: i.line, message }] : []
    }),
  ])
  return [...findings, ...cycles(files)].sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line)
}
