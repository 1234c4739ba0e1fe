import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Container, Pod } from '../../../../shared/api/core-v1.ts'
import type { Device } from '../inventory/plan.ts'
import { allocate, amounts, type Held } from './plan.ts'

const device = (id: string, slots = 1, ...pools: string[]): Device => ({ id, names: [id, ...pools], slots, files: [] })
const asking = (name: string, limits: Record<string, number>, parts: Partial<Container> = {}): Container =>
  ({ name, image: 'i', resources: { limits: Object.fromEntries(Object.entries(limits).map(([k, v]) => [k.includes('/') || k === 'cpu' ? k : `bramble.dev/${k}`, String(v)])) }, ...parts })
const pod = (containers: Container[], init: Container[] = []): Pod => ({ metadata: { name: 'p', uid: 'p' }, spec: { containers, initContainers: init } })
const held = (uid: string, container: string, resource: string, id: string, unit = 0): Held => ({ uid, container, resource, device: id, unit, numbers: '' })
const serials = [device('s-a', 1, 'serial'), device('s-b', 1, 'serial')]
const run = (given: Pod, devices: readonly Device[], before: readonly Held[] = [], known: readonly string[] = []): string[] | string => {
  const result = allocate({ pod: given, devices, held: before, known: new Set([...known, ...devices.flatMap((d) => d.names)]) })
  return result.ok ? result.added.map((h) => `${h.container}:${h.resource}=${h.device}#${h.unit}`) : result.message
}

describe('a pod that asks', () => {
  it.each<[string, Pod, readonly Device[], readonly Held[], string[] | string]>([
    ['for nothing of ours', pod([asking('a', { cpu: 1, 'example.com/gpu': 1 })]), [], [], []],
    ['for one by its name', pod([asking('a', { 's-b': 1 })]), serials, [], ['a:s-b=s-b#0']],
    ['for any', pod([asking('a', { serial: 1 })]), serials, [held('q', 'c', 's-a', 's-a')], ['a:serial=s-b#0']],
    ['for two of any', pod([asking('a', { serial: 2 })]), serials, [], ['a:serial=s-a#0', 'a:serial=s-b#0']],
    ['by two names, of which the first could take what the second needs', pod([asking('a', { serial: 1 }), asking('b', { 's-a': 1 })]), serials, [], ['a:serial=s-b#0', 'b:s-a=s-a#0']],
    ['what another has', pod([asking('a', { 's-a': 1 })]), serials, [held('q', 'c', 'serial', 's-a')], 'requested number of devices unavailable for bramble.dev/s-a. Requested: 1, Available: 0'],
    ['more than is free', pod([asking('a', { serial: 2 })]), serials, [held('q', 'c', 'serial', 's-a')], 'requested number of devices unavailable for bramble.dev/serial. Requested: 2, Available: 1'],
    ['in two containers', pod([asking('a', { 's-a': 1 }), asking('b', { 's-a': 1 })]), serials, [], 'requested number of devices unavailable for bramble.dev/s-a. Requested: 1, Available: 0'],
    ['for a share', pod([asking('a', { fuse: 1 })]), [device('fuse', 3)], [held('q', 'c', 'fuse', 'fuse', 0), held('r', 'c', 'fuse', 'fuse', 2)], ['a:fuse=fuse#1']],
    ['for shares of several: one of each first', pod([asking('a', { bus: 2 })]), [device('b-0', 2, 'bus'), device('b-1', 2, 'bus')], [], ['a:bus=b-0#0', 'a:bus=b-1#0']],
    ['for what never was', pod([asking('a', { ghost: 1 })]), serials, [], 'cannot allocate unregistered device bramble.dev/ghost'],
    ['for what is unplugged', pod([asking('a', { gone: 1 })]), serials, [], 'no healthy devices present; cannot allocate unhealthy devices bramble.dev/gone'],
    ['again', pod([asking('a', { serial: 1 })]), [], [held('p', 'a', 'serial', 's-a')], []],
    ['for more than it was given', pod([asking('a', { serial: 2 })]), serials, [held('p', 'a', 'serial', 's-a')], 'pod "p" container "a" changed request for resource "bramble.dev/serial" from 1 to 2'],
    ['in an init container and after', pod([asking('a', { serial: 2 })], [asking('i', { serial: 1 })]), serials, [], ['i:serial=s-a#0', 'a:serial=s-a#0', 'a:serial=s-b#0']],
    ['in two init containers', pod([], [asking('i', { 's-a': 1 }), asking('j', { 's-a': 1 })]), serials, [], ['i:s-a=s-a#0', 'j:s-a=s-a#0']],
    ['in a sidecar and beside it', pod([asking('a', { 's-a': 1 })], [asking('i', { 's-a': 1 }, { restartPolicy: 'Always' })]), serials, [], 'requested number of devices unavailable for bramble.dev/s-a. Requested: 1, Available: 0'],
    ['in two containers after one init', pod([asking('a', { 's-a': 1 }), asking('b', { 's-a': 1 })], [asking('i', { 's-a': 1 })]), serials, [], 'requested number of devices unavailable for bramble.dev/s-a. Requested: 1, Available: 0'],
  ])('%s', (_, given, devices, before, expected) => { expect(run(given, devices, before, ['gone'])).toEqual(expected) })
})

describe('what a node offers', () => {
  const of = (devices: readonly Device[], before: readonly Held[], known: readonly string[] = []): string => Object.entries(amounts(devices, before, new Set(known)).allocatable).map(([k, v]) => `${k.slice(12)}=${v}`).join(' ')
  it.each<[string, string, string]>([
    ['nobody has anything', of(serials, []), 's-a=1 s-b=1 serial=2'],
    ['one of any is given: its own name is not to be had', of(serials, [held('q', 'c', 'serial', 's-a')]), 's-a=0 s-b=1 serial=2'],
    ['one is given by its own name: there is one less of any', of(serials, [held('q', 'c', 's-a', 's-a')]), 's-a=1 s-b=1 serial=1'],
    ['an init container lends: once', of(serials, [held('q', 'i', 's-a', 's-a'), held('q', 'c', 's-a', 's-a')]), 's-a=1 s-b=1 serial=1'],
    ['one is gone', of([serials[1]!], [held('q', 'c', 's-a', 's-a')], ['s-a', 'serial']), 's-a=0 s-b=1 serial=1'],
  ])('%s', (_, actual, expected) => { expect(actual).toBe(expected) })
})

it('no unit is two pods\' at a time, whoever comes and goes', () => {
  const resources = ['serial', 's-a', 's-b', 'fuse']
  const devices = [...serials, device('fuse', 3)]
  const wish = fc.record({ uid: fc.integer({ min: 0, max: 5 }), leaves: fc.boolean(), main: fc.constantFrom(...resources), init: fc.option(fc.constantFrom(...resources)), count: fc.integer({ min: 1, max: 3 }) })
  fc.assert(fc.property(fc.array(wish, { maxLength: 20 }), (steps) => {
    let all: readonly Held[] = []
    for (const s of steps) {
      const uid = `u${s.uid}`
      if (s.leaves) { all = all.filter((h) => h.uid !== uid); continue }
      if (all.some((h) => h.uid === uid)) continue
      const given = { ...pod([asking('a', { [s.main]: s.count })], s.init ? [asking('i', { [s.init]: 1 })] : []), metadata: { uid } }
      const result = allocate({ pod: given, devices, held: all, known: new Set(resources) })
      if (result.ok) all = [...all, ...result.added]
      const owners = new Map<string, string>()
      for (const h of all) {
        const unit = `${h.device}#${h.unit}`
        expect(owners.get(unit) ?? h.uid).toBe(h.uid)
        owners.set(unit, h.uid)
        expect(devices.find((d) => d.id === h.device)?.names).toContain(h.resource)
      }
    }
  }))
})
