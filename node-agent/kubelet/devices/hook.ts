import type { PodHook } from '../hooks/hook.ts'
import type { Devices } from './devices.ts'

/** Devices are others' again once nothing of the pod runs: first in the order, so that it is the last to be torn down. They are given at admission. */
export const devicesHook = (devices: Pick<Devices, 'release'>): PodHook => ({
  name: 'devices',
  tearDown: ({ ref }) => devices.release(ref.uid),
})
