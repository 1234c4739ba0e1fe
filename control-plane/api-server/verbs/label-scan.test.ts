import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matchesLabels, parseSelector } from '../../../shared/values/selector.ts'
import { labelsIn, labelTest } from './label-scan.ts'

const stored = (object: object): Buffer => Buffer.from(JSON.stringify(object))
const text = fc.oneof(fc.string(), fc.constantFrom('labels', '"labels":{', '}', '\\', '{"labels":{"a":"b"}}', 'é"\\'))

it('finds the labels of metadata and no others', () => {
  expect(labelsIn(stored({ metadata: { name: 'x' }, spec: { template: { metadata: { labels: { a: 'b' } } } } }))).toEqual({})
  expect(labelsIn(stored({ metadata: { annotations: { labels: '"labels":{"a":"x"}' }, ownerReferences: [{ labels: { no: 'no' } }], labels: { a: 'b}' } } }))).toEqual({ a: 'b}' })
  expect(labelsIn(stored({ kind: 'X' }))).toEqual({})
  fc.assert(fc.property(fc.dictionary(text, text), fc.dictionary(text, text), fc.json(), (labels, annotations, rest) => {
    const bytes = stored({ kind: 'X', metadata: { annotations, managedFields: [{ fieldsV1: JSON.parse(rest) as unknown }], labels }, spec: { metadata: { labels: { other: '1' } } } })
    expect({ ...labelsIn(bytes) }).toEqual({ ...JSON.parse(JSON.stringify(labels)) as object })
  }))
})

it.each(['a=1', 'a!=1', 'a', '!a', 'a in (1,2)', 'a notin (1)', 'a>0', 'a=', 'a=1,b=2'])('%s: agrees with the test of a parsed object', (selector) => {
  const parsed = parseSelector(selector)
  const test = labelTest(parsed)
  for (const labels of [{}, { a: '1' }, { a: '2' }, { a: '' }, { a: '1', b: '2' }, { b: '2' }]) {
    expect([labels, test(stored({ metadata: { labels } }))]).toEqual([labels, matchesLabels(parsed, labels)])
  }
})
