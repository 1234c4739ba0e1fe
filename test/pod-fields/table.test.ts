/** The table speaks of every field, and docs/pod-fields.md is what it says. `npm run pod-fields` writes the page anew. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mismatch } from './match.ts'
import { gaps, page, rows } from './table.ts'

describe('the table of pod fields', () => {
  it('has a row for every field of a Pod spec, and none for what is no field', () => { expect(gaps()).toEqual({ missing: [], unknown: [] }) })

  it('has a name of its own for each row', () => {
    const ids = rows.map((r) => r.id)
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
  })

  it('is the page in docs', async () => {
    expect(await readFile(join(import.meta.dirname, '../../docs/pod-fields.md'), 'utf8')).toBe(page())
  })
})

describe('what a row expects', () => {
  it.each([
    [{ phase: 'Running' }, { phase: 'Running' }, undefined],
    [{ phase: 'Pending' }, { phase: 'Running' }, 'status.phase is "Pending", expected "Running"'],
    [undefined, { phase: 'Running' }, 'status is undefined, expected {"phase":"Running"}'],
    [{ conditions: [{ type: 'A', status: 'False' }, { type: 'B', status: 'True' }] }, { conditions: [{ type: 'B', status: 'True' }] }, undefined],
    [{ conditions: [{ type: 'A', status: 'False' }] }, { conditions: [{ type: 'B', status: 'True' }] }, 'status.conditions[B] is undefined, expected {"type":"B","status":"True"}'],
    [{ n: [{ x: 12 }] }, { n: [{ x: { matches: /^1/ } }] }, undefined],
    [{ n: [{ x: 2 }] }, { n: [{ x: { matches: /^1/ } }] }, 'status.n[0].x is 2, expected /^1/'],
  ])('%j against %j', (actual, expected, problem) => { expect(mismatch(actual, expected)).toBe(problem) })
})
