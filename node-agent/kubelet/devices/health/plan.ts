/** What became of the devices that a pod has, and what follows from it. Pure. */
import type { PodCondition } from '../../../../shared/api/core-v1.ts'
import type { Held } from '../allocation/plan.ts'
import { domain } from '../classes.ts'
import type { Device } from '../inventory/plan.ts'

export const conditionType = `${domain}/DevicesReady`

/** A container may open a node by its numbers, which the kernel gives to whatever is plugged in next. */
export type Fate =
  | 'present'
  /** Not there. */
  | 'unplugged'
  /** There again, under other numbers than the container has. */
  | 'renumbered'
  /** Not there, and its numbers are another device's, which the container could open now. */
  | 'taken-over'

export interface PodDevice { readonly container: string; readonly resource: string; readonly device: string; readonly fate: Fate }

export const fileNumbers = (device: Device): string => device.files.map((f) => f.numbers).join(' ')

export function podDevices(held: readonly Held[], devices: readonly Device[]): PodDevice[] {
  const owners = new Map(devices.flatMap((d) => d.files.map((f) => [f.numbers, d.id] as const)))
  return held.map(({ container, resource, device, numbers }) => {
    const here = devices.find((d) => d.id === device)
    const now = here && fileNumbers(here)
    const others = numbers.split(' ').some((n) => { const owner = owners.get(n); return owner !== undefined && owner !== device })
    const fate: Fate = others ? 'taken-over' : now === undefined ? 'unplugged' : numbers !== '' && numbers !== now ? 'renumbered' : 'present'
    return { container, resource, device, fate }
  })
}

/**
 * Containers that must not go on as they are. One whose device came back under other numbers is started anew to have it, where its policy has it start again; one that could open what
 * is not its own is stopped whatever its policy.
 */
export function stale(devices: readonly PodDevice[], restarts: (container: string) => boolean): string[] {
  return [...new Set(devices.filter((d) => d.fate === 'taken-over' || (d.fate === 'renumbered' && restarts(d.container))).map((d) => d.container))]
}

const words = { unplugged: 'is unplugged', 'taken-over': 'is unplugged, and another device has its number', renumbered: 'was plugged in again after the container had started' } as const

/** Undefined for a pod without devices. `now`: a timestamp. */
export function devicesCondition(devices: readonly PodDevice[], previous: readonly PodCondition[], now: string): PodCondition | undefined {
  if (devices.length === 0) return undefined
  const bad = devices.filter((d) => d.fate !== 'present')
  const status = bad.length === 0 ? 'True' : 'False'
  const reason = bad.length === 0 ? 'DevicesPresent' : bad.some((d) => d.fate !== 'renumbered') ? 'DeviceUnplugged' : 'DeviceChanged'
  const message = [...new Set(bad.map((d) => `${domain}/${d.device} of container ${d.container} ${words[d.fate as keyof typeof words]}`))].join(', ')
  const before = previous.find((c) => c.type === conditionType)
  return {
    type: conditionType, status, reason, ...(message ? { message } : {}),
    lastTransitionTime: before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : now,
  }
}

/** What is told of a change of the condition; undefined where nothing is. */
export function conditionEvent(before: PodCondition | undefined, after: PodCondition | undefined): { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string } | undefined {
  if (!after || (before?.status ?? 'True') === after.status) return undefined
  return after.status === 'False' ? { type: 'Warning', reason: after.reason ?? '', message: after.message ?? '' } : { type: 'Normal', reason: 'DevicesPresent', message: 'All devices are there again' }
}
