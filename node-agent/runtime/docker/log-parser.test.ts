import { expect, it } from 'vitest'
import { DockerLogParser } from './log-parser.ts'

const time = '2026-01-02T03:04:05.600000000Z'
const text = (lines: readonly { time: string; line: Buffer }[]): string => lines.map((l) => l.line.toString('latin1')).join('')
const all = (input: Buffer, piece: number) => {
  const parser = new DockerLogParser()
  const lines = []
  for (let at = 0; at < input.length; at += piece) lines.push(...parser.push(input.subarray(at, at + piece)))
  return [...lines, ...parser.end()]
}

it.each([
  ['lines', ['a\n', 'b c\n', '\n']],
  ['a last line without its end', ['a\n', 'b']],
  ['a line of two pieces and a half', ['x'.repeat(16_384), 'y'.repeat(16_384), 'z\n', 'next\n']],
  ['a line that ends with a piece', ['x'.repeat(16_384), '\n', 'next\n']],
  ['the longest line in one piece', [`${'x'.repeat(16_383)}\n`, 'next\n']],
  ['pieces to the very end', ['x'.repeat(16_384), 'y'.repeat(16_384)]],
  ['what looks like a time inside of a line', [`${'x'.repeat(200)}${time} \n`, `${time} \n`]],
  ['bytes that are no text', ['\xff\x00\xfe\n', '\r\n']],
])('%s', (_what, lines) => {
  const input = Buffer.from(lines.map((l) => `${time} ${l}`).join(''), 'latin1')
  for (const piece of [1, 7, 16_384, 40_000, 1 << 20]) {
    const got = all(input, piece)
    expect(text(got)).toBe(lines.join(''))
    expect(got).toHaveLength(lines.length)
    expect(new Set(got.map((l) => l.time))).toEqual(new Set([time]))
  }
})

it('fills up a time', () => { expect(all(Buffer.from('2026-01-02T03:04:05.6Z a\n2026-01-02T03:04:05Z b\n'), 9).map((l) => l.time)).toEqual([time, '2026-01-02T03:04:05.000000000Z']) })
