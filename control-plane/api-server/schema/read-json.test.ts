import { describe, expect, it } from 'vitest'
import { isDeep, MAX_DEPTH, readJson } from './read-json.ts'
import { readYaml } from './read-yaml.ts'

const lists = (n: number): string => '['.repeat(n) + ']'.repeat(n)
const objects = (n: number): string => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`

describe('the depth of what a request says', () => {
  it('is followed to the limit and no further', () => {
    for (const text of [lists, objects]) {
      expect(JSON.stringify(readJson(text(MAX_DEPTH)))).toBe(text(MAX_DEPTH))
      expect(() => readJson(text(MAX_DEPTH + 1))).toThrow('exceeded max depth')
      expect(isDeep(JSON.parse(text(MAX_DEPTH)))).toBe(false)
      expect(isDeep(JSON.parse(text(MAX_DEPTH + 1)))).toBe(true)
      expect(isDeep(JSON.parse(text(100_000)))).toBe(true)
    }
  })

  it('is not that of brackets in strings', () => {
    const value = { a: '['.repeat(5000), '{"\\': `"${'{'.repeat(5000)}\\` }
    expect(readJson(JSON.stringify(value))).toEqual(value)
  })

  it.each([['flow', lists(MAX_DEPTH + 1)], ['flow past what the library can', lists(50_000)], ['block', Array.from({ length: MAX_DEPTH + 2 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')]])('is limited in YAML too: %s', (_, text) => {
    expect(() => readYaml(text)).toThrow('yaml: exceeded max depth')
  })
})
