/** The environment of a container. Pure. Source: upstream `makeEnvironmentVariables` in `pkg/kubelet/kubelet_pods.go`. */
import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from '../../../shared/api/core-v1.ts'
import { expand } from './expand.ts'
import { fieldValue, resourceFieldValue, type PodRuntimeFacts } from './field-ref.ts'
import { serviceEnvironment } from './service-env.ts'

/** What the environment is made from; looked up by name in the pod's namespace. */
export interface EnvSources {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
  readonly services: readonly Service[]
}

export type Environment =
  | { readonly ok: true; readonly env: readonly { name: string; value: string }[]; readonly skipped: readonly string[] }
  /** The container cannot be made: `CreateContainerConfigError` with this message. */
  | { readonly ok: false; readonly message: string }

class Missing extends Error {}
const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8')
/** Upstream's relaxed rule: printable ASCII without `=`. */
const validName = /^[ -<>-~]+$/

interface Work { readonly pod: Pod; readonly container: Container; readonly sources: EnvSources; readonly facts: PodRuntimeFacts }

function fromSources(work: Work, out: Map<string, string>, skipped: string[]): void {
  for (const from of work.container.envFrom ?? []) {
    const prefix = from.prefix ?? ''
    const take = (entries: Iterable<[string, string]>): void => {
      for (const [key, value] of entries) {
        const name = prefix + key
        if (validName.test(name)) out.set(name, value)
        else skipped.push(name)
      }
    }
    if (from.configMapRef) {
      const name = from.configMapRef.name ?? ''
      const map = work.sources.configMap(name)
      if (!map && !from.configMapRef.optional) throw new Missing(`configmap "${name}" not found`)
      take(Object.entries(map?.data ?? {}))
    }
    if (from.secretRef) {
      const name = from.secretRef.name ?? ''
      const secret = work.sources.secret(name)
      if (!secret && !from.secretRef.optional) throw new Missing(`secret "${name}" not found`)
      take(Object.entries(secret?.data ?? {}).map(([k, v]) => [k, decoded(v)]))
    }
  }
}

/** Undefined leaves the variable out (an optional reference that is not there). */
function valueOf(variable: EnvVar, work: Work, lookup: (name: string) => string | undefined): string | undefined {
  const { pod, container, sources, facts } = work
  const from = variable.valueFrom
  const namespace = pod.metadata?.namespace ?? ''
  if (!from) return expand(variable.value ?? '', lookup)
  if (from.fieldRef) {
    const value = fieldValue(pod, from.fieldRef.fieldPath, facts)
    if (value === undefined) throw new Missing(`unsupported pod field: ${from.fieldRef.fieldPath}`)
    return value
  }
  if (from.resourceFieldRef) {
    const value = resourceFieldValue(pod, from.resourceFieldRef, container.name, facts)
    if (value === undefined) throw new Missing(`unsupported container resource : ${from.resourceFieldRef.resource}`)
    return value
  }
  if (from.configMapKeyRef) {
    const { name = '', key, optional } = from.configMapKeyRef
    const map = sources.configMap(name)
    if (!map && !optional) throw new Missing(`configmap "${name}" not found`)
    const value = map?.data?.[key]
    if (value === undefined && !optional) throw new Missing(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
    return value
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional } = from.secretKeyRef
    const secret = sources.secret(name)
    if (!secret && !optional) throw new Missing(`secret "${name}" not found`)
    const value = secret?.data?.[key]
    if (value === undefined && !optional) throw new Missing(`couldn't find key ${key} in Secret ${namespace}/${name}`)
    return value === undefined ? undefined : decoded(value)
  }
  throw new Missing(`environment variable ${variable.name} has a source of an unknown kind`)
}

/** Variables in order: envFrom, env (a later one sees the earlier ones), then Services where the name is still free. */
export function makeEnvironment(pod: Pod, container: Container, sources: EnvSources, facts: PodRuntimeFacts): Environment {
  const work = { pod, container, sources, facts }
  const services = serviceEnvironment(sources.services, { namespace: pod.metadata?.namespace ?? 'default', links: pod.spec?.enableServiceLinks ?? true })
  const out = new Map<string, string>()
  const skipped: string[] = []
  try {
    fromSources(work, out, skipped)
    for (const variable of container.env ?? []) {
      const value = valueOf(variable, work, (name) => out.get(name) ?? services.get(name))
      if (value !== undefined) out.set(variable.name, value)
    }
  } catch (e) {
    if (e instanceof Missing) return { ok: false, message: e.message }
    throw e
  }
  for (const [name, value] of services) if (!out.has(name)) out.set(name, value)
  return { ok: true, env: [...out].map(([name, value]) => ({ name, value })), skipped }
}
