/** Which resources have a protobuf form. Pure. */
import type { RequestInfo } from '../request-info.ts'
import type { Registry } from '../resources/registry.ts'

/** Custom resources have none, and neither have the readings of `metrics.k8s.io`. */
export function hasProtobuf(registry: Registry, info: RequestInfo): boolean {
  const definition = registry.find(info.group, info.version, info.resource)
  if (definition) return !definition.codec
  return info.version === 'v1' && !info.group.startsWith('metrics.')
}
