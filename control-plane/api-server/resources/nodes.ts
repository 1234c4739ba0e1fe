import type { Node, Taint } from '../../../shared/api/core-v1.ts'
import { validateLabelValue, validateQualifiedName } from '../../../shared/values/names.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, forbidden, invalidFor, oneOf } from './findings.ts'
import { carryOverParts } from './spec-and-status.ts'

const rolePrefix = 'node-role.kubernetes.io/'

function statusOf(node: Node): string {
  const ready = (node.status?.conditions ?? []).find((c) => c.type === 'Ready')
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown']
  if (node.spec?.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

function rolesOf(node: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(rolePrefix)) { if (key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length)) }
    else if (key === 'kubernetes.io/role' && value) roles.add(value)
  }
  return [...roles].sort().join(',') || '<none>'
}

const address = (node: Node, type: string): string => (node.status?.addresses ?? []).find((a) => a.type === type)?.address || '<none>'
const info = (node: Node, field: 'kubeletVersion' | 'osImage' | 'kernelVersion' | 'containerRuntimeVersion'): string => node.status?.nodeInfo?.[field] || '<unknown>'

function validateTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>()
  return (taints ?? []).flatMap((t, i) => {
    const at = `spec.taints[${i}]`
    const found = [
      ...invalidFor(`${at}.key`, t.key ?? '', validateQualifiedName(t.key ?? '')), ...invalidFor(`${at}.value`, t.value ?? '', validateLabelValue(t.value ?? '')),
      ...oneOf(`${at}.effect`, t.effect, ['NoExecute', 'NoSchedule', 'PreferNoSchedule']),
    ]
    const id = `${t.key}/${t.effect}`
    if (seen.has(id)) found.push({ ...duplicate(at, t), detail: 'taints must be unique by key and effect pair' })
    seen.add(id)
    return found
  })
}

export const nodes = define<Node>({
  group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false, schema: 'core-v1.Node', shortNames: ['no'], subresources: { status: true },
  columns: [
    nameColumn, column('Status', statusOf, { description: 'The status of the node' }), column('Roles', rolesOf, { description: 'The roles of the node' }), ageColumn,
    column('Version', (n) => n.status?.nodeInfo?.kubeletVersion ?? '', { description: 'Kubelet Version reported by the node.' }),
    column('Internal-IP', (n) => address(n, 'InternalIP'), { wide: true, description: 'List of addresses reachable to the node.' }),
    column('External-IP', (n) => address(n, 'ExternalIP'), { wide: true, description: 'List of addresses reachable to the node.' }),
    column('OS-Image', (n) => info(n, 'osImage'), { wide: true, description: 'OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).' }),
    column('Kernel-Version', (n) => info(n, 'kernelVersion'), { wide: true, description: "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64)." }),
    column('Container-Runtime', (n) => info(n, 'containerRuntimeVersion'), { wide: true, description: 'ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).' }),
  ],
  strategy: {
    default(node) {
      node.spec ??= {}
      const status = (node.status ??= {})
      if (!status.allocatable && status.capacity) status.allocatable = { ...status.capacity }
    },
    prepareForUpdate: carryOverParts,
    validate: (node) => validateTaints(node.spec?.taints),
    validateUpdate(node, old) {
      const before = old.spec?.podCIDRs ?? []
      return before.length && !equalJson(node.spec?.podCIDRs ?? [], before) ? [forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')] : []
    },
  },
  selectableFields: { 'spec.unschedulable': (n) => String(n.spec?.unschedulable ?? false) },
})
