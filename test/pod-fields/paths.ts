/** Every field of a v1 Pod's spec, as paths: `spec.containers[].ports[].hostPort`. From the same generated tables the API server decodes with. */
import { parseType, tableOf } from '../../control-plane/api-server/schema/tables.ts'

/** Objects that stand in a Pod spec but mean the same everywhere: a row for them as a whole says enough. */
const opaque = new Set(['meta-v1.ObjectMeta', 'meta-v1.LabelSelector', 'core-v1.NodeAffinity', 'core-v1.PodAffinity', 'core-v1.PodAntiAffinity', 'core-v1.PersistentVolumeClaimSpec'])

/** Containers of the three kinds have the same fields: init and ephemeral ones are listed where they have a meaning of their own. */
const sameAsContainer = new Set(['spec.initContainers', 'spec.ephemeralContainers'])
const own: Readonly<Record<string, readonly string[]>> = { 'spec.initContainers': ['restartPolicy'], 'spec.ephemeralContainers': ['targetContainerName'] }
/** Kinds of probe and of hook are alike, too. */
const alike: Readonly<Record<string, string>> = {
  'spec.containers[].readinessProbe': 'spec.containers[].livenessProbe', 'spec.containers[].startupProbe': 'spec.containers[].livenessProbe', 'spec.containers[].lifecycle.preStop': 'spec.containers[].lifecycle.postStart',
}
/** Sources of a volume this node has no use for are refused as a whole. */
const whole = /^spec\.volumes\[\]\.(?!configMap|downwardAPI|emptyDir|ephemeral|hostPath|nfs|persistentVolumeClaim|projected|secret)/

/** Paths of fields without fields of their own, sorted. */
export function podSpecPaths(): string[] {
  const out: string[] = []
  const walk = (schema: string, at: string): void => {
    for (const [name, type] of Object.entries(tableOf(schema) ?? {})) {
      const path = `${at}.${name}`
      const { container, element } = parseType(type)
      const below = container === '[]' ? `${path}[]` : path
      const folded = sameAsContainer.has(path) || alike[path] !== undefined || whole.test(path) || opaque.has(element)
      if (folded || container === '{}' || !tableOf(element)) out.push(path)
      else walk(element, below)
      for (const field of own[path] ?? []) out.push(`${path}[].${field}`)
    }
  }
  walk('core-v1.PodSpec', 'spec')
  return out.sort()
}
