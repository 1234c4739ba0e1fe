import { describe, expect, it } from 'vitest'
import type { Revision } from '../../shared/base/brands.ts'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { Expiry } from './expiry.ts'

const revision = (n: number): Revision => n as Revision

describe('keys with a time to live', () => {
  it('go the oldest first where there are more than may be', async () => {
    const clock = new FakeClock()
    const gone: string[] = []
    const expiry = new Expiry(clock, (key) => { gone.push(key) }, 3)
    for (const key of ['a', 'b', 'c']) expiry.set(key, revision(1), 3600)
    expect(gone).toEqual([])
    expiry.set('a', revision(2), 3600)
    await clock.advance(600_000)
    expiry.set('d', revision(3), 3600)
    expect(gone).toEqual(['b'])
    expiry.set('e', revision(4), 60)
    expect(gone).toEqual(['b', 'e'])
    await clock.advance(3_000_000 + 60_000)
    expect(gone).toEqual(['b', 'e', 'c', 'a'])
    expiry.dispose()
  })
})
