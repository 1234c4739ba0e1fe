import { expect, it } from 'vitest'
import { revision } from '../../shared/base/brands.ts'
import { outcome } from './outcome.ts'

const stored = (value: Buffer): Buffer => {
  const { result } = outcome({ write: { type: 'put', key: '/a', value, expect: 0, durability: 'durable' }, current: undefined, next: revision(2) })
  if (!result.ok) throw new Error('conflict')
  return result.entry.value
}

it('keeps a value, not the block of memory it was cut from', () => {
  const block = Buffer.alloc(8_192, 'x')
  const kept = stored(block.subarray(100, 900))
  expect(kept.equals(Buffer.alloc(800, 'x'))).toBe(true)
  expect(kept.buffer.byteLength).toBe(800)
  expect(stored(Buffer.from('short')).buffer.byteLength).toBe(5)
})

it('does not copy a value that has its memory to itself', () => {
  const value = Buffer.alloc(5_000)
  expect(stored(value)).toBe(value)
})
