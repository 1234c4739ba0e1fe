import { describe, expect, it } from 'vitest'
import { cgroupRootOf, enforcementOf, podPidsOf, reservedOf, watermarksOf } from './resource-flags.ts'
import { parseConfig } from './config.ts'

describe('flags of what pods may have', () => {
  it('add what is reserved for the system to what is for the agent', () => {
    expect(reservedOf('cpu=250m,memory=128Mi', 'cpu=1,pid=100,ephemeral-storage=1Gi')).toEqual({ cpuMilli: 1250, memoryBytes: 128 << 20, diskBytes: 2 ** 30, pids: 100 })
    expect(() => reservedOf('gpu=1')).toThrow('--system-reserved gpu=1: QUANTITY of one of cpu, memory, ephemeral-storage, pid, as in cpu=250m')
    expect(() => reservedOf('', 'cpu=many')).toThrow('--kube-reserved cpu=many')
  })
  it('are refused by name where they cannot be kept', () => {
    expect([enforcementOf(), enforcementOf('none'), podPidsOf(), podPidsOf('100'), cgroupRootOf()]).toEqual(['pods', 'none', undefined, 100, 'bramble'])
    expect(() => enforcementOf('pods,system-reserved')).toThrow('the cgroups of the system and of the agent are left to the machine; pods or none')
    expect(() => podPidsOf('0')).toThrow('--pod-max-pids 0: a number from 1 to 4194304, or -1 for no limit')
    expect(() => cgroupRootOf('../x')).toThrow('--cgroup-root ../x')
  })
  it('say when images make room', () => {
    expect(watermarksOf()).toEqual({ high: 0.85, low: 0.8, minAge: 120_000 })
    expect(watermarksOf('100', '50', '1h')).toEqual({ high: Infinity, low: 0.5, minAge: 3_600_000 })
    expect(() => watermarksOf('70', '80')).toThrow('--image-gc-low-threshold 80: must be below --image-gc-high-threshold 70')
  })
  it('reach the agent', () => {
    const config = parseConfig(['--server', 'https://a:1', '--kube-reserved', 'cpu=100m', '--eviction-minimum-reclaim', 'memory.available=50Mi', '--eviction-max-pod-grace-period', '7'], {})
    if (typeof config === 'string') throw new Error(config)
    expect([config.reserve.cpuMilli, config.eviction.thresholds[0], config.eviction.softGrace]).toEqual([100, { signal: 'memory.available', value: { amount: 100 << 20 }, text: '100Mi', grace: 0, reclaim: { amount: 50 << 20 } }, 7000])
    expect(() => parseConfig(['--server', 'https://a:1', '--image-gc-high-threshold', 'x'], {})).toThrow('--image-gc-high-threshold x: a number from 0 to 100')
  })
})
