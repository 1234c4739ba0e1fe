/** Writes to a part of a pod through a subresource: `ephemeralcontainers` and `resize`. Pure. Source: upstream `pkg/registry/core/pod/strategy.go`, `ValidatePodResize`. */
import type { Container, EphemeralContainer, Pod, PodSpec } from '../../../shared/api/core-v1.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'
import { compareQuantity, parseQuantity } from '../../../shared/values/quantity.ts'
import type { FieldError, StrategyContext } from './definition.ts'
import { forbidden, invalidValue } from './findings.ts'
import { qosClassOf } from './pod-qos.ts'
import { carryOver } from './spec-and-status.ts'

export type PodPart = 'ephemeralcontainers' | 'resize'
export const isPodPart = (subresource: string): subresource is PodPart => subresource === 'ephemeralcontainers' || subresource === 'resize'

const specOf = (pod: Pod): PodSpec => pod.spec ?? { containers: [] }
const isStatic = (pod: Pod): boolean => pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined
const sameNames = (a: readonly Container[] | undefined, b: readonly Container[] | undefined): boolean => equalJson((a ?? []).map((c) => c.name), (b ?? []).map((c) => c.name))

/** Keeps of the new pod what this subresource may write; all else is the old pod's. */
export function keepPart(part: PodPart, pod: Pod, old: Pod, context: StrategyContext): void {
  const next = specOf(pod)
  const kept = copyJson(specOf(old)) as PodSpec
  if (part === 'ephemeralcontainers') {
    if (next.ephemeralContainers) kept.ephemeralContainers = next.ephemeralContainers
    else delete kept.ephemeralContainers
  } else if (sameNames(next.containers, kept.containers) && sameNames(next.initContainers, kept.initContainers)) {
    for (const list of ['containers', 'initContainers'] as const) {
      kept[list]?.forEach((c, i) => {
        const { resources, resizePolicy } = next[list]?.[i] ?? {}
        if (resources) c.resources = resources
        if (resizePolicy) c.resizePolicy = resizePolicy
      })
    }
  } else {
    // Containers came, went or changed places: validation says so.
    kept.containers = next.containers
    if (next.initContainers) kept.initContainers = next.initContainers
  }
  pod.spec = kept
  const { resourceVersion } = pod.metadata ?? {}
  pod.metadata = { ...copyJson(old.metadata ?? {}) as object, ...(resourceVersion ? { resourceVersion } : {}), ...(pod.metadata?.managedFields ? { managedFields: pod.metadata.managedFields } : {}) }
  carryOver(pod, old, context)
}

export function validateEphemeralUpdate(pod: Pod, old: Pod): FieldError[] {
  const field = 'spec.ephemeralContainers'
  if (isStatic(old)) return [forbidden('', 'static pods do not support ephemeral containers')]
  const next = new Map((specOf(pod).ephemeralContainers ?? []).map((c): [string, EphemeralContainer] => [c.name, c]))
  return (specOf(old).ephemeralContainers ?? []).flatMap((before) => {
    const now = next.get(before.name)
    if (!now) return [forbidden(field, `existing ephemeral containers ${JSON.stringify(before.name)} may not be removed\n`)]
    return equalJson(now, before) ? [] : [forbidden(field, `existing ephemeral containers ${JSON.stringify(before.name)} may not be changed\n`)]
  })
}

const resizable = ['cpu', 'memory'] as const

/** What was set stays set, and memory only shrinks where the container is restarted for it. */
function validateContainerResize(next: Container, before: Container, field: string): FieldError[] {
  const found: FieldError[] = []
  for (const kind of ['limits', 'requests'] as const) {
    const had = before.resources?.[kind] ?? {}
    const has = next.resources?.[kind] ?? {}
    if (Object.keys(had).some((r) => has[r] === undefined)) found.push(forbidden(`${field}.${kind}`, `resource ${kind} cannot be removed`))
  }
  const [was, is] = [before.resources?.limits?.['memory'], next.resources?.limits?.['memory']]
  const policy = next.resizePolicy?.find((p) => p.resourceName === 'memory')?.restartPolicy
  if (was !== undefined && is !== undefined && policy !== 'RestartContainer' && compareQuantity(parseQuantity(is), parseQuantity(was)) < 0) {
    found.push(forbidden(`${field}.limits`, 'memory limits cannot be decreased unless resizePolicy is RestartContainer'))
  }
  return found
}

/** The spec with CPU and memory as they were: what differs then may not be written. */
function restored(spec: PodSpec, old: PodSpec): PodSpec {
  const out = copyJson(spec) as PodSpec
  for (const list of ['containers', 'initContainers'] as const) {
    out[list]?.forEach((c, i) => {
      const before = old[list]?.[i]
      if (list === 'initContainers' && c.restartPolicy !== 'Always') return
      for (const kind of ['limits', 'requests'] as const) {
        const kept = Object.fromEntries(Object.entries(c.resources?.[kind] ?? {}).filter(([r]) => !(resizable as readonly string[]).includes(r)))
        for (const r of resizable) {
          const value = before?.resources?.[kind]?.[r]
          if (value !== undefined) kept[r] = value
        }
        const resources = c.resources ??= {}
        if (Object.keys(kept).length) resources[kind] = kept
        else delete resources[kind]
      }
      if (before?.resources === undefined && Object.keys(c.resources ?? {}).length === 0) delete c.resources
    })
  }
  return out
}

export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const [next, last] = [specOf(pod), specOf(old)]
  if (isStatic(old)) return [forbidden('', 'static pods cannot be resized')]
  const found: FieldError[] = []
  const qos = qosClassOf(next)
  if ((old.status?.qosClass ?? qosClassOf(last)) !== qos) found.push(invalidValue('spec', qos, 'Pod QOS Class may not change as a result of resizing'))
  if (old.status?.containerStatuses?.some((s) => s.state?.running && !s.resources)) found.push(forbidden('spec', 'Pod running on node without support for resize'))
  for (const list of ['containers', 'initContainers'] as const) {
    if ((next[list] ?? []).length !== (last[list] ?? []).length) return [...found, forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)]
    const moved = (next[list] ?? []).findIndex((c, i) => c.name !== last[list]?.[i]?.name)
    if (moved >= 0) return [...found, forbidden(`spec.${list}[${moved}].name`, 'containers may not be renamed or reordered on resize')]
    next[list]?.forEach((c, i) => { found.push(...validateContainerResize(c, last[list]?.[i] ?? c, `spec.${list}[${i}].resources`)) })
  }
  if (!equalJson(restored(next, last), last)) found.push(forbidden('spec', 'only cpu and memory resources are mutable\n'))
  return found
}
