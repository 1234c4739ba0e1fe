import { expect, it } from 'vitest'
import { formatDuration, humanDuration, parseDuration, since } from './duration.ts'

const [s, m, h, d] = [1000, 60_000, 3_600_000, 86_400_000]

it.each([
  [-2 * s, '<invalid>'], [-s, '0s'], [0, '0s'], [119 * s, '119s'], [2 * m, '2m'], [2 * m + 5 * s, '2m5s'], [10 * m + 5 * s, '10m'], [179 * m, '179m'], [3 * h, '3h'], [3 * h + 5 * m, '3h5m'], [8 * h + 5 * m, '8h'],
  [47 * h, '47h'], [2 * d, '2d'], [2 * d + 3 * h, '2d3h'], [8 * d + 3 * h, '8d'], [729 * d, '729d'], [730 * d, '2y'], [800 * d, '2y70d'], [8 * 365 * d, '8y'],
])('%d ms is %s', (ms, text) => { expect(humanDuration(ms)).toBe(text) })
it.each([['1h30m', 90 * m, '1h30m0s'], ['1.5s', 1500, '1.5s'], ['100ms', 100, '100ms'], ['0', 0, '0s'], ['-2m', -2 * m, '-2m0s'], ['1us', 0.001, '1µs']])('%s', (text, ms, canonical) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 9)
  expect(formatDuration(ms)).toBe(canonical)
})
it.each(['', '5', '1x', 'h', '1h 2m'])('%j is no duration', (text) => { expect(parseDuration(text)).toBeUndefined() })
it('the age of nothing is unknown', () => { expect([since(undefined, 0), since('1970-01-01T00:00:00Z', 5 * s)]).toEqual(['<unknown>', '5s']) })
