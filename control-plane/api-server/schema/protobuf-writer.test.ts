import { expect, it } from 'vitest'
import { ProtobufWriter } from './protobuf-writer.ts'

it.each([['ASCII', 'x'.repeat(10_000)], ['other text', 'ü🍓'.repeat(2000)]])('%s longer than all there was room for is written whole, and what was there before stays', (_, text) => {
  const writer = new ProtobufWriter()
  writer.string('before')
  writer.string(text)
  writer.bytes(Buffer.from(text))
  const size = Buffer.byteLength(text)
  const out = writer.take()
  // Written from the end: the last comes first, each after its length.
  for (const at of [2, 2 + size + 2]) expect(out.toString('utf8', at, at + size)).toBe(text)
  expect(out.toString('utf8', 2 * (size + 2))).toBe('\u0006before')
})
