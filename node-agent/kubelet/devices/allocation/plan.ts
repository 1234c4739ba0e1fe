/**
 * Who has which device. Pure. A device has as many units as containers may share it; a unit is one pod's at a time, first its init containers' and then another's of the same pod.
 * Source of rules and words: upstream `pkg/kubelet/cm/devicemanager/manager.go` (`devicesToAllocate`, `Allocate`, `GetCapacity`).
 */
import type { Container, Pod } from '../../../../shared/api/core-v1.ts'
import { parseQuantity, quantityValue } from '../../../../shared/values/quantity.ts'
import { initContainers, mainContainers } from '../../pod/pod-facts.ts'
import { isSidecar } from '../../resources/qos.ts'
import { domain } from '../classes.ts'
import type { Device } from '../inventory/plan.ts'

/** One unit in the hands of one container. */
export interface Held {
  readonly uid: string
  readonly container: string
  /** As asked for, without domain. */
  readonly resource: string
  readonly device: string
  readonly unit: number
  /** Of the device's files when the container was last started: `c188:0`, more than one parted by spaces. Empty before. */
  readonly numbers: string
}

interface Unit { readonly device: string; readonly unit: number }
const keyOf = (u: Unit): string => `${u.device}#${u.unit}`

/** What a container asks for of ours, by resource without domain. */
export function wishes(container: Container): ReadonlyMap<string, number> {
  const out = new Map<string, number>()
  for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
    const count = name.startsWith(`${domain}/`) ? quantityValue(parseQuantity(amount)) : 0
    if (count > 0) out.set(name.slice(domain.length + 1), count)
  }
  return out
}

export type Allocation = { readonly ok: true; readonly added: readonly Held[] } | { readonly ok: false; readonly message: string }

export interface AllocateInput {
  readonly pod: Pod
  readonly devices: readonly Device[]
  /** Of all pods of the node. */
  readonly held: readonly Held[]
  /** Names that were ever offered since the agent started. */
  readonly known: ReadonlySet<string>
}

/** What the pod is to have beside what it has. All or nothing. */
export function allocate(input: AllocateInput): Allocation {
  const uid = input.pod.metadata?.uid ?? ''
  const inUse = new Set(input.held.map(keyOf))
  const reusable = new Map<string, Unit[]>()
  const added: Held[] = []
  const byName = new Set([...initContainers(input.pod), ...mainContainers(input.pod)].flatMap((c) => [...wishes(c).keys()]))
  for (const container of [...initContainers(input.pod), ...mainContainers(input.pod)]) {
    const lends = initContainers(input.pod).includes(container) && !isSidecar(container)
    for (const [resource, count] of wishes(container)) {
      let units: readonly Unit[] = input.held.filter((h) => h.uid === uid && h.container === container.name && h.resource === resource)
      if (units.length > 0 && units.length !== count) return { ok: false, message: `pod "${uid}" container "${container.name}" changed request for resource "${domain}/${resource}" from ${units.length} to ${count}` }
      if (units.length === 0) {
        const chosen = choose(input, { resource, count, byName, inUse, reusable: reusable.get(resource) ?? [] })
        if (typeof chosen === 'string') return { ok: false, message: chosen }
        units = chosen
        added.push(...chosen.map((u) => ({ uid, container: container.name, resource, ...u, numbers: '' })))
      }
      for (const u of units) inUse.add(keyOf(u))
      lend(reusable, resource, units, lends)
    }
  }
  return { ok: true, added }
}

function lend(reusable: Map<string, Unit[]>, resource: string, units: readonly Unit[], lends: boolean): void {
  const taken = new Set(units.map(keyOf))
  const others = (reusable.get(resource) ?? []).filter((u) => !taken.has(keyOf(u)))
  reusable.set(resource, lends ? [...others, ...units.map(({ device, unit }) => ({ device, unit }))] : others)
}

interface Choice { readonly resource: string; readonly count: number; /** Asked for anywhere in the pod. */ readonly byName: ReadonlySet<string>; readonly inUse: ReadonlySet<string>; readonly reusable: readonly Unit[] }

/** Units for one container, or why there are none. Those of several devices before two of one. */
function choose(input: AllocateInput, { resource, count, byName, inUse, reusable }: Choice): Unit[] | string {
  const name = `${domain}/${resource}`
  const offering = input.devices.filter((d) => d.names.includes(resource))
  if (offering.length === 0) return input.known.has(resource) ? `no healthy devices present; cannot allocate unhealthy devices ${name}` : `cannot allocate unregistered device ${name}`
  const again = reusable.slice(0, count)
  const free = offering.flatMap((d) => Array.from({ length: d.slots }, (_, unit): Unit => ({ device: d.id, unit }))).filter((u) => !inUse.has(keyOf(u)))
  // Any will do here: what the pod asks for by its own name is the last to be taken. Sorting is stable: devices stay in their order.
  const isWanted = (u: Unit): number => Number(u.device !== resource && byName.has(u.device))
  free.sort((a, b) => isWanted(a) - isWanted(b) || a.unit - b.unit)
  const needed = count - again.length
  if (free.length < needed) return `requested number of devices unavailable for ${name}. Requested: ${needed}, Available: ${free.length}`
  return [...again, ...free.slice(0, needed)].map(({ device, unit }) => ({ device, unit }))
}

export interface Amounts { readonly capacity: Readonly<Record<string, string>>; readonly allocatable: Readonly<Record<string, string>> }

/** For the node's status. What was offered before and is not there any more stays, with 0. A unit that somebody has under another name of its device is not to be had under this one. */
export function amounts(devices: readonly Device[], held: readonly Held[], known: ReadonlySet<string>): Amounts {
  const capacity: Record<string, string> = {}
  const allocatable: Record<string, string> = {}
  for (const name of [...new Set([...known, ...devices.flatMap((d) => d.names)])].sort()) {
    const offering = devices.filter((d) => d.names.includes(name))
    const total = offering.reduce((sum, d) => sum + d.slots, 0)
    const here = new Set(offering.map((d) => d.id))
    const elsewhere = new Set(held.filter((h) => h.resource !== name && here.has(h.device)).map(keyOf))
    capacity[`${domain}/${name}`] = String(total)
    allocatable[`${domain}/${name}`] = String(Math.max(0, total - elsewhere.size))
  }
  return { capacity, allocatable }
}
