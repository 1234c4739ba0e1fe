/** Gives pods the priority of their class, and keeps one default class (`plugin/pkg/admission/priority`). */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { PriorityClass } from '../../../shared/api/scheduling-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'
import type { StoredObjects } from './stored-objects.ts'
import { kindOf } from './stored-objects.ts'

const classes = kindOf<PriorityClass>('scheduling.k8s.io', 'priorityclasses', false)

/** Upstream's built-in classes: their values hold before their objects are made. */
const systemPriorities: Readonly<Record<string, number>> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 }

type Found = Pick<PriorityClass, 'value' | 'preemptionPolicy'> & { name: string }

function classNamed(stored: StoredObjects, name: string): Found | undefined {
  const value = systemPriorities[name]
  if (value !== undefined) return { name, value, preemptionPolicy: 'PreemptLowerPriority' }
  const found = stored.get(classes, '', name)
  return found && { name, value: found.value, ...(found.preemptionPolicy === undefined ? {} : { preemptionPolicy: found.preemptionPolicy }) }
}

/** Of several defaults the lowest. */
function defaultClass(stored: StoredObjects): Found {
  const found = stored.list(classes).filter((c) => c.globalDefault).sort((a, b) => a.value - b.value)[0]
  return found ? { name: found.metadata?.name ?? '', value: found.value, preemptionPolicy: found.preemptionPolicy ?? 'PreemptLowerPriority' } : { name: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' }
}

function setPriority(stored: StoredObjects, request: AdmissionRequest): void {
  const { spec } = request.object as Pod
  if (!spec) return
  const refuse = (why: string): never => { throw forbidden({ group: '', resource: 'pods', name: request.name }, why) }
  const found = spec.priorityClassName ? classNamed(stored, spec.priorityClassName) : defaultClass(stored)
  if (!found) return refuse(`no PriorityClass with name ${spec.priorityClassName} was found`)
  const { name, value, preemptionPolicy } = found
  if (spec.priority !== undefined && spec.priority !== value) {
    refuse(`the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`)
  }
  if (preemptionPolicy !== undefined && spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    refuse(`the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`)
  }
  if (name && !spec.priorityClassName) spec.priorityClassName = name
  spec.priority = value
  if (preemptionPolicy !== undefined) spec.preemptionPolicy = preemptionPolicy
}

/** An update that leaves the values out keeps them. */
function keepPriority(spec: Pod['spec'], old: Pod['spec']): void {
  if (!spec || !old) return
  if (spec.priority === undefined && old.priority !== undefined) spec.priority = old.priority
  if (spec.preemptionPolicy === undefined && old.preemptionPolicy !== undefined) spec.preemptionPolicy = old.preemptionPolicy
}

export function priority(stored: StoredObjects): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate(request) {
      const { operation, definition, subresource, object, old } = request
      if (definition.group !== '' || definition.resource !== 'pods' || subresource !== '') return
      if (operation === 'CREATE') setPriority(stored, request)
      else if (operation === 'UPDATE') keepPriority((object as Pod).spec, (old as Pod).spec)
    },
    validate({ operation, definition, subresource, object, old, name }) {
      if (definition.group !== classes.group || definition.resource !== classes.resource || subresource !== '' || (operation !== 'CREATE' && operation !== 'UPDATE')) return
      if (!(object as PriorityClass).globalDefault || (old as PriorityClass | undefined)?.globalDefault) return
      const other = stored.list(classes).find((c) => c.globalDefault && c.metadata?.name !== name)
      if (other) throw forbidden({ group: classes.group, resource: classes.resource, name }, `PriorityClass ${other.metadata?.name} is already marked as default. Only one default can exist`)
    },
  }
}
