/** kubectl's column of an autoscaler's targets, `cpu: 12%/80%` (`formatHPAMetrics`). Pure. */
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../../shared/api/autoscaling-v2.ts'

const shown = 2
const unknown = '<unknown>'

interface Pair { readonly target: MetricTarget | undefined; readonly current: MetricValueStatus | undefined; readonly prefix: string; readonly kind: 'resource' | 'object' | 'pods' }

function pairOf(spec: MetricSpec, status: MetricStatus | undefined): Pair | undefined {
  switch (spec.type) {
    case 'Resource': return { target: spec.resource?.target, current: status?.resource?.current, prefix: `${spec.resource?.name ?? ''}: `, kind: 'resource' }
    case 'ContainerResource': return { target: spec.containerResource?.target, current: status?.containerResource?.current, prefix: `${spec.containerResource?.name ?? ''}: `, kind: 'resource' }
    case 'Pods': return { target: spec.pods?.target, current: status?.pods?.current, prefix: '', kind: 'pods' }
    case 'Object': return { target: spec.object?.target, current: status?.object?.current, prefix: '', kind: 'object' }
    case 'External': return { target: spec.external?.target, current: status?.external?.current, prefix: '', kind: 'object' }
    default: return undefined
  }
}

function textOf(spec: MetricSpec, status: MetricStatus | undefined): string {
  const pair = pairOf(spec, status)
  if (!pair) return '<unknown type>'
  const { target, current, prefix, kind } = pair
  if (target?.averageValue !== undefined) return `${prefix}${current?.averageValue ?? unknown}/${target.averageValue}${kind === 'object' ? ' (avg)' : ''}`
  if (kind !== 'resource') return `${current?.value ?? unknown}/${target?.value ?? '<auto>'}`
  return `${prefix}${current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`}/${target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`}`
}

export function metricsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>'
  const texts = specs.slice(0, shown).map((spec, i) => textOf(spec, statuses[i]))
  return specs.length > shown ? `${texts.join(', ')} + ${specs.length - shown} more...` : texts.join(', ')
}
