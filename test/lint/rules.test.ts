import { describe, expect, it } from 'vitest'
import { lint } from './rules.ts'

const messages = (...files: [string, string][]): string[] => lint(files.map(([path, text]) => ({ path, text }))).map((f) => f.message)

describe('layout rules', () => {
  it('keeps the two sides apart and shared below both', () => {
    expect(messages(['node-agent/a.ts', "import { x } from '../control-plane/b.ts'"])).toEqual(['node-agent and control-plane never import each other'])
    expect(messages(['shared/base/a.ts', "import { x } from '../host/b.ts'"])).toEqual(['shared/base may not import shared/host'])
    expect(messages(['shared/host/a.ts', "import { x } from '../base/b.ts'"])).toEqual([])
    expect(messages(['control-plane/scheduler/a.ts', "import { x } from '../controllers/b.ts'"])).toEqual(['siblings meet through an interface file: control-plane/scheduler imports control-plane/controllers/b.ts'])
    expect(messages(['control-plane/api-server/a.ts', "import { x } from '../store/store.ts'"])).toEqual([])
  })
  it('keeps pure files pure', () => {
    expect(messages(['node-agent/kubelet/plan.ts', 'export const f = () => Date.now()'])).toContain('plan.ts is pure by its name: no Date')
    expect(messages(['node-agent/kubelet/plan.ts', '// Date and await in a comment\nexport const f = (now: number) => now'])).toEqual([])
  })
  it('finds cycles of values, not of types', () => {
    expect(messages(['shared/base/a.ts', "import { b } from './b.ts'"], ['shared/base/b.ts', "import { a } from './a.ts'"])).toEqual(['import cycle: shared/base/a.ts -> shared/base/b.ts -> shared/base/a.ts'])
    expect(messages(['shared/base/a.ts', "import type { b } from './b.ts'"], ['shared/base/b.ts', "import { a } from './a.ts'"])).toEqual([])
  })
  it('finds swallowed errors, shells and skipped tests', () => {
    expect(messages(['shared/base/a.ts', 'try { f() } catch (e) {}'])).toEqual(['an error is swallowed'])
    expect(messages(['shared/base/a.ts', 'spawn(x, { shell: true })'])).toEqual(['argv only, never a shell'])
    expect(messages(['shared/base/a.test.ts', "it.skip('x', () => {})"])).toEqual(['a test that does not run'])
  })
})
