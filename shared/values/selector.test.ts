import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SelectorError, formatLabelSelector, formatSelector, matchesLabels, parseSelector, selectorOf } from './selector.ts'

const labels = { app: 'web', tier: 'front', n: '5' }

it.each([
  ['', true], ['app=web', true], ['app==web', true], ['app = web', true], ['app!=web', false], ['other!=x', true], ['app', true], ['!app', false], ['!other', true], ['app in (web,api)', true],
  ['app in (api)', false], ['app notin (api)', true], ['other notin (a)', true], ['other in (a)', false], ['n>4', true], ['n<5', false], ['app>1', false], ['app=web,tier=front', true], ['app=web,tier=back', false], ['app=', false], ['toString', false],
])('%j matches: %s', (text, expected) => { expect(matchesLabels(parseSelector(text), labels)).toBe(expected) })

it.each(['app=web,', '=x', 'a b', 'a in b', 'a in (b', '!', ',a', 'a=b=c', 'n>x', '-a=b', 'a=!b', 'a=b c'])('refuses %j', (text) => { expect(() => parseSelector(text)).toThrow(SelectorError) })

describe('LabelSelector', () => {
  it('nothing without one, everything with an empty one', () => {
    expect(selectorOf(undefined)).toBeUndefined()
    expect(matchesLabels(selectorOf({}) ?? [], {})).toBe(true)
  })
  it('is printed as kubectl prints it', () => {
    expect(formatLabelSelector({ matchLabels: { b: '1', a: '2' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['y', 'x'] }, { key: 'd', operator: 'DoesNotExist' }] })).toBe('a=2,b=1,c in (x,y),!d')
    expect([formatLabelSelector({}), formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Bad' }] })]).toEqual(['<none>', '<error>'])
  })
})

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
const requirement = fc.oneof(
  fc.tuple(word, word).map(([k, v]) => `${k}=${v}`), fc.tuple(word, word).map(([k, v]) => `${k}!=${v}`), word, word.map((k) => `!${k}`),
  fc.tuple(word, fc.uniqueArray(word, { minLength: 1, maxLength: 3 })).map(([k, v]) => `${k} in (${v.join(',')})`), fc.tuple(word, fc.uniqueArray(word, { minLength: 1, maxLength: 3 })).map(([k, v]) => `${k} notin (${v.join(',')})`))

it('printing and reading again selects the same', () => {
  fc.assert(fc.property(fc.array(requirement, { maxLength: 4 }), fc.dictionary(word, word), (parts, set) => {
    const selector = parseSelector(parts.join(','))
    const again = parseSelector(formatSelector(selector))
    expect(formatSelector(again)).toBe(formatSelector(selector))
    expect(matchesLabels(again, set)).toBe(matchesLabels(selector, set))
    // A selector is the conjunction of its parts.
    expect(matchesLabels(selector, set)).toBe(parts.every((p) => matchesLabels(parseSelector(p), set)))
  }))
})
