/** Pod conditions. Pure. Source: upstream `pkg/kubelet/status/generate.go`. */
import type { ContainerStatus, Pod, PodCondition } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { initContainers } from '../pod/pod-facts.ts'
import { isSidecar } from '../resources/qos.ts'

export interface ConditionInput {
  readonly pod: Pod
  readonly phase: string
  readonly init: readonly ContainerStatus[]
  readonly main: readonly ContainerStatus[]
  readonly sandboxReady: boolean
  readonly previous: readonly PodCondition[]
  readonly now: Millis
}

interface Verdict { readonly status: boolean; readonly reason?: string; readonly message?: string }

function containersReady(input: ConditionInput): Verdict {
  if (input.phase === 'Succeeded') return { status: false, reason: 'PodCompleted' }
  if (input.phase === 'Failed') return { status: false, reason: 'PodFailed' }
  const sidecars = input.init.filter((_, i) => isSidecar(initContainers(input.pod)[i]!))
  const unready = [...sidecars, ...input.main].filter((s) => !s.ready).map((s) => s.name)
  return unready.length === 0 ? { status: true } : { status: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
}

function initialized(input: ConditionInput): Verdict {
  if (input.phase === 'Succeeded') return { status: true, reason: 'PodCompleted' }
  const begun = input.main.some((s) => s.containerID !== undefined)
  const incomplete = input.init.filter((s, i) => (isSidecar(initContainers(input.pod)[i]!) ? !s.started : !s.ready)).map((s) => s.name)
  if (begun || incomplete.length === 0) return { status: true }
  return { status: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${incomplete.join(' ')}]` }
}

function ready(input: ConditionInput, containers: Verdict): Verdict {
  if (!containers.status) return containers
  const missing: string[] = []
  for (const { conditionType } of input.pod.spec?.readinessGates ?? []) {
    const c = input.pod.status?.conditions?.find((o) => o.type === conditionType)
    if (!c) missing.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    else if (c.status !== 'True') missing.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${c.status}`)
  }
  return missing.length === 0 ? { status: true } : { status: false, reason: 'ReadinessGatesNotReady', message: missing.join(', ') }
}

/** The kubelet's own conditions, in upstream's order. A condition keeps its transition time while its status stays. */
export function podConditions(input: ConditionInput): PodCondition[] {
  const containers = containersReady(input)
  const verdicts: readonly [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: input.sandboxReady }], ['Initialized', initialized(input)],
    ['Ready', ready(input, containers)], ['ContainersReady', containers], ['PodScheduled', { status: true }],
  ]
  const now = `${new Date(input.now).toISOString().slice(0, 19)}Z`
  return verdicts.map(([type, v]) => {
    const status = v.status ? 'True' : 'False'
    const before = input.previous.find((c) => c.type === type)
    return {
      type, status, lastTransitionTime: before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : now,
      ...(v.reason ? { reason: v.reason } : {}), ...(v.message ? { message: v.message } : {}),
    }
  })
}
