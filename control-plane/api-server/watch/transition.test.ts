import { expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { revision } from '../../../shared/base/brands.ts'
import type { Entry } from '../../store/store.ts'
import { itemOf } from './transition.ts'

const entry = (labels: Record<string, string>, rev: number): Entry => ({ key: 'k', value: Buffer.from(JSON.stringify({ metadata: { labels } })), createRevision: revision(1), modRevision: revision(rev) })
const choose = { matches: (o: KubeObject) => o.metadata?.labels?.app === 'x', object: (e: Entry) => JSON.parse(e.value.toString()) as KubeObject }
const [yes, no] = [entry({ app: 'x' }, 5), entry({}, 6)]

it.each([
  ['created, chosen', { type: 'put', entry: yes, previous: undefined }, 'ADDED'],
  ['created, not chosen', { type: 'put', entry: no, previous: undefined }, undefined],
  ['stays chosen', { type: 'put', entry: yes, previous: yes }, 'MODIFIED'],
  ['becomes chosen', { type: 'put', entry: yes, previous: no }, 'ADDED'],
  ['stops being chosen', { type: 'put', entry: no, previous: yes }, 'DELETED'],
  ['never chosen', { type: 'put', entry: no, previous: no }, undefined],
  ['deleted while chosen', { type: 'delete', entry: yes, previous: yes }, 'DELETED'],
  ['deleted while not chosen', { type: 'delete', entry: no, previous: no }, undefined],
] as const)('%s', (_name, change, expected) => expect(itemOf(change, choose)?.type).toBe(expected))

it('shows the last chosen state with the revision of the change', () => {
  expect(itemOf({ type: 'put', entry: no, previous: yes }, choose)).toEqual({ type: 'DELETED', entry: yes, at: 6 })
  expect(itemOf({ type: 'put', entry: no, previous: undefined }, undefined)).toEqual({ type: 'ADDED', entry: no })
})
