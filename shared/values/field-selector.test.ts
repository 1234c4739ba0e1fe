import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FieldSelectorError, formatFieldSelector, matchesFields, parseFieldSelector } from './field-selector.ts'

const fields: Record<string, string> = { 'metadata.name': 'a', 'status.phase': 'Running' }
const valueOf = (f: string): string => fields[f] ?? ''

it.each([['', true], ['metadata.name=a', true], ['metadata.name==a', true], ['metadata.name!=a', false], ['status.phase=Running,metadata.name=a', true], ['status.phase!=Running', false], ['spec.nodeName=', true]])(
  '%j matches: %s', (text, expected) => { expect(matchesFields(parseFieldSelector(text), valueOf)).toBe(expected) })
it.each(['metadata.name', 'a=b=c', 'a=b\\x'])('refuses %j', (text) => { expect(() => parseFieldSelector(text)).toThrow(FieldSelectorError) })
it('any value survives printing', () => {
  fc.assert(fc.property(fc.string(), (value) => {
    const selector = [{ field: 'x', operator: '=', value }] as const
    expect(parseFieldSelector(formatFieldSelector(selector))).toEqual(selector)
  }))
})
