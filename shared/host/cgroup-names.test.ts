import { describe, expect, it } from 'vitest'
import { cgroupPath, pathOfSlice, sliceOf } from './cgroup-names.ts'

describe('a cgroup\'s name', () => {
  it('is its place with the cgroupfs driver', () => { expect(cgroupPath('cgroupfs', '/bramble/burstable/pod1-2')).toBe('/bramble/burstable/pod1-2') })

  it('stands for a slice with the systemd driver, each level below the one before', () => {
    expect(sliceOf('/bramble/burstable/pod0b-1c')).toBe('bramble-burstable-pod0b_1c.slice')
    expect(cgroupPath('systemd', '/bramble/burstable/pod0b-1c')).toBe('/bramble.slice/bramble-burstable.slice/bramble-burstable-pod0b_1c.slice')
    expect(cgroupPath('systemd', '/my-root')).toBe('/my_root.slice')
    expect(pathOfSlice('a.slice')).toBe('/a.slice')
  })
})
