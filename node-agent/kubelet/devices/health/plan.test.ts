import { describe, expect, it } from 'vitest'
import type { Held } from '../allocation/plan.ts'
import type { Device } from '../inventory/plan.ts'
import { conditionEvent, devicesCondition, podDevices, stale, type Fate } from './plan.ts'

const device = (id: string, numbers: string): Device => ({ id, names: [id], slots: 1, files: numbers.split(' ').map((n) => ({ path: `/dev/${n}`, stable: undefined, numbers: n })) })
const held = (numbers: string): Held[] => [{ uid: 'u', container: 'm', resource: 'x', device: 'x', unit: 0, numbers }]

describe('a device of a pod', () => {
  it.each<[string, string, Device[], Fate, string[], string]>([
    ['is as it was', 'c1:1', [device('x', 'c1:1')], 'present', [], 'True DevicesPresent'],
    ['waits for its container', '', [device('x', 'c1:1')], 'present', [], 'True DevicesPresent'],
    ['is gone', 'c1:1', [], 'unplugged', [], 'False DeviceUnplugged bramble.dev/x of container m is unplugged'],
    ['has another number', 'c1:1', [device('x', 'c1:2')], 'renumbered', ['m'], 'False DeviceChanged bramble.dev/x of container m was plugged in again after the container had started'],
    ['is gone and another has its number', 'c1:1', [device('y', 'c1:1')], 'taken-over', ['m'], 'False DeviceUnplugged bramble.dev/x of container m is unplugged, and another device has its number'],
    ['swapped numbers with another', 'c1:1', [device('x', 'c1:2'), device('y', 'c1:1')], 'taken-over', ['m'], 'False DeviceUnplugged bramble.dev/x of container m is unplugged, and another device has its number'],
    ['lost one of its files to another', 'c1:1 c1:2', [device('x', 'c1:1'), device('y', 'c1:2')], 'taken-over', ['m'], 'False DeviceUnplugged bramble.dev/x of container m is unplugged, and another device has its number'],
  ])('%s', (_, numbers, devices, fate, stopped, told) => {
    const found = podDevices(held(numbers), devices)
    expect(found.map((d) => d.fate)).toEqual([fate])
    expect(stale(found, () => true)).toEqual(stopped)
    // One that does not start again keeps running without it, unless it could open another's.
    expect(stale(found, () => false)).toEqual(fate === 'taken-over' ? ['m'] : [])
    const c = devicesCondition(found, [], 'now')
    expect(`${c?.status} ${c?.reason}${c?.message ? ` ${c.message}` : ''}`).toBe(told)
  })

  it('of which there is none has no condition', () => { expect(devicesCondition([], [], 'now')).toBeUndefined() })

  it('keeps the time of its last change, and is told of once', () => {
    const good = devicesCondition(podDevices(held('c1:1'), [device('x', 'c1:1')]), [], 't1')
    const bad = devicesCondition(podDevices(held('c1:1'), []), [good!], 't2')
    const still = devicesCondition(podDevices(held('c1:1'), []), [bad!], 't3')
    expect([good, bad, still].map((c) => c?.lastTransitionTime)).toEqual(['t1', 't2', 't2'])
    expect([conditionEvent(undefined, good), conditionEvent(good, bad)?.reason, conditionEvent(bad, still), conditionEvent(still, good)?.type]).toEqual([undefined, 'DeviceUnplugged', undefined, 'Normal'])
  })
})
