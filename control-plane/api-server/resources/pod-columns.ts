/** kubectl's columns of a pod (`printPod` of `pkg/printers/internalversion`). Pure. */
import type { Container, ContainerStatus, Pod } from '../../../shared/api/core-v1.ts'
import { humanDuration } from '../../../shared/values/duration.ts'
import type { Column } from './definition.ts'
import { ageColumn, column, nameColumn } from './define.ts'

const isSidecar = (c: Container | undefined): boolean => c?.restartPolicy === 'Always'
const conditionTrue = (pod: Pod, type: string): boolean => (pod.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True')

interface Summary { reason: string; ready: number; total: number; restarts: number; lastRestart: number }

/** `Signal:9` or `ExitCode:1` of a container that ended without a reason. */
const ending = (t: { exitCode?: number; signal?: number }): string => (t.signal ? `Signal:${t.signal}` : `ExitCode:${t.exitCode ?? 0}`)

const lastEnd = (s: ContainerStatus): number => {
  const at = s.lastState?.terminated?.finishedAt
  return at ? Date.parse(at) : 0
}

/** Walks the init containers up to the first that is not done; true where that one holds the pod up. */
function initialize(pod: Pod, summary: Summary, sidecars: { restarts: number; lastRestart: number }): boolean {
  const byName = new Map((pod.spec?.initContainers ?? []).map((c) => [c.name, c]))
  for (const c of byName.values()) if (isSidecar(c)) summary.total++
  for (const [i, s] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(byName.get(s.name))
    summary.restarts += s.restartCount ?? 0
    summary.lastRestart = Math.max(summary.lastRestart, lastEnd(s))
    if (sidecar) {
      sidecars.restarts += s.restartCount ?? 0
      sidecars.lastRestart = Math.max(sidecars.lastRestart, lastEnd(s))
    }
    const { terminated, waiting } = s.state ?? {}
    if (terminated && (terminated.exitCode ?? 0) === 0) continue
    if (sidecar && s.started) {
      if (s.ready) summary.ready++
      continue
    }
    if (terminated) summary.reason = `Init:${terminated.reason || ending(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') summary.reason = `Init:${waiting.reason}`
    else summary.reason = `Init:${i}/${byName.size}`
    return true
  }
  return false
}

function summarize(pod: Pod): Summary {
  const summary: Summary = { reason: pod.status?.reason || pod.status?.phase || '', ready: 0, total: pod.spec?.containers?.length ?? 0, restarts: 0, lastRestart: 0 }
  if ((pod.status?.conditions ?? []).some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) summary.reason = 'SchedulingGated'
  const sidecars = { restarts: 0, lastRestart: 0 }
  const initializing = initialize(pod, summary, sidecars)
  if (!initializing || conditionTrue(pod, 'Initialized')) {
    summary.restarts = sidecars.restarts
    summary.lastRestart = sidecars.lastRestart
    let running = false
    for (const s of [...(pod.status?.containerStatuses ?? [])].reverse()) {
      summary.restarts += s.restartCount ?? 0
      summary.lastRestart = Math.max(summary.lastRestart, lastEnd(s))
      const { terminated, waiting } = s.state ?? {}
      if (waiting?.reason) summary.reason = waiting.reason
      else if (terminated) summary.reason = terminated.reason || ending(terminated)
      else if (s.ready && s.state?.running) { running = true; summary.ready++ }
    }
    if (summary.reason === 'Completed' && running) summary.reason = conditionTrue(pod, 'Ready') ? 'Running' : 'NotReady'
  }
  if (pod.metadata?.deletionTimestamp) {
    if (pod.status?.reason === 'NodeLost') summary.reason = 'Unknown'
    else if (pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') summary.reason = 'Terminating'
  }
  return summary
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  return gates.length ? `${gates.filter((g) => conditionTrue(pod, g.conditionType)).length}/${gates.length}` : '<none>'
}

/** One summary serves the three columns of a row. */
const summaries = new WeakMap<Pod, Summary>()
function summaryOf(pod: Pod): Summary {
  let s = summaries.get(pod)
  if (!s) summaries.set(pod, (s = summarize(pod)))
  return s
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', (p) => `${summaryOf(p).ready}/${summaryOf(p).total}`, { description: 'The aggregate readiness state of this pod for accepting traffic.' }),
  column('Status', (p) => summaryOf(p).reason, { description: 'The aggregate status of the containers in this pod.' }),
  column('Restarts', (p, { now }) => {
    const { restarts, lastRestart } = summaryOf(p)
    return restarts !== 0 && lastRestart !== 0 ? `${restarts} (${humanDuration(now - lastRestart)} ago)` : String(restarts)
  }, { description: 'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.' }),
  ageColumn,
  column('IP', (p) => p.status?.podIPs?.[0]?.ip || p.status?.podIP || '<none>', { wide: true, description: 'podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.' }),
  column('Node', (p) => p.spec?.nodeName || '<none>', { wide: true, description: 'NodeName indicates in which node this pod is scheduled.' }),
  column('Nominated Node', (p) => p.status?.nominatedNodeName || '<none>', { wide: true, description: 'nominatedNodeName is set only when this pod preempts other pods on the node.' }),
  column('Readiness Gates', readinessGates, { wide: true, description: 'If specified, all readiness gates will be evaluated for pod readiness.' }),
]
