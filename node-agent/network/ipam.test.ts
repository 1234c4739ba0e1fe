import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCidr } from '../../shared/values/cidr.ts'
import { Ipam } from './ipam.ts'
import { memoryAllocations } from './namespace-harness.ts'

const range = (text: string) => {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(text)
  return cidr
}

describe('ipam', () => {
  it('gives every usable address once, then refuses by name', async () => {
    const ipam = await Ipam.load(range('10.42.7.0/29'), memoryAllocations())
    const given = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((uid) => ipam.allocate(uid)))
    expect(given).toEqual(['10.42.7.2', '10.42.7.3', '10.42.7.4', '10.42.7.5', '10.42.7.6'])
    await expect(ipam.allocate('f')).rejects.toMatchObject({ code: 'exhausted', message: 'no address left in podCIDR 10.42.7.0/29: all 5 are in use' })
    expect(await ipam.allocate('c')).toBe('10.42.7.4')
  })

  it('gives the address that was freed longest ago, after all that never were used', async () => {
    const ipam = await Ipam.load(range('10.42.7.0/29'), memoryAllocations())
    for (const uid of ['a', 'b', 'c']) await ipam.allocate(uid)
    await ipam.release('b')
    await ipam.release('a')
    const next = []
    for (const uid of ['d', 'e', 'f', 'g']) next.push(await ipam.allocate(uid))
    expect(next).toEqual(['10.42.7.5', '10.42.7.6', '10.42.7.3', '10.42.7.2'])
  })

  it('comes back with the stored addresses and drops those of another range', async () => {
    const store = memoryAllocations()
    await store.put('a', '10.42.7.9')
    await store.put('old', '10.99.0.2')
    await store.put('gateway', '10.42.7.1')
    const ipam = await Ipam.load(range('10.42.7.0/24'), store)
    expect([...store.entries]).toEqual([['a', '10.42.7.9']])
    expect(await ipam.allocate('a')).toBe('10.42.7.9')
    expect(await ipam.claim('b', '10.42.7.9')).toBe(false)
    expect(await ipam.claim('a', '10.42.7.20')).toBe(true)
    expect(await ipam.claim('b', '10.42.7.9')).toBe(true)
    expect([...store.entries].sort()).toEqual([['a', '10.42.7.20'], ['b', '10.42.7.9']])
  })

  it('does not keep an address that could not be stored', async () => {
    const store = { ...memoryAllocations(), put: async () => { throw new Error('disk full') } }
    const ipam = await Ipam.load(range('10.42.7.0/24'), store)
    await expect(ipam.allocate('a')).rejects.toThrow('disk full')
    expect(ipam.of('a')).toBeUndefined()
  })

  it.each(['10.0.0.0/8', '10.0.0.0/31'])('refuses the range %s', async (text) => {
    await expect(Ipam.load(range(text), memoryAllocations())).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it('never gives an address to two, whatever happens, and the store always agrees', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ uid: fc.nat(7), free: fc.boolean() }), { maxLength: 40 }), async (steps) => {
      const store = memoryAllocations()
      let ipam = await Ipam.load(range('10.42.7.0/29'), store)
      for (const [i, { uid, free }] of steps.entries()) {
        if (free) await ipam.release(`u${uid}`)
        else await ipam.allocate(`u${uid}`).catch(() => expect(store.entries.size).toBe(5))
        if (i % 7 === 6) ipam = await Ipam.load(range('10.42.7.0/29'), store)
        expect(new Set(store.entries.values()).size).toBe(store.entries.size)
        for (const [id, ip] of store.entries) expect(ipam.of(id)).toBe(ip)
        expect(ipam.size).toBe(store.entries.size)
      }
    }))
  })
})
