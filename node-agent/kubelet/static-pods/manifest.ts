/**
 * A static pod from the text of its manifest. Pure. Source: upstream `pkg/kubelet/config/{common,file}.go`: its name carries the node's, its uid is a digest of
 * what it says and where it stands, so that a changed manifest is another pod.
 */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import type { StoredPod } from '../pod/pod-facts.ts'

export const configSource = 'kubernetes.io/config.source'
export const configHash = 'kubernetes.io/config.hash'
export const configMirror = 'kubernetes.io/config.mirror'

export interface ManifestContext {
  readonly nodeName: string
  /** Where the text stands: part of the identity. */
  readonly path: string
  /** YAML, of which JSON is a part, into a plain value. Throws where it is none. */
  readonly parse: (text: string) => unknown
  /** 32 hexadecimal digits. */
  readonly digest: (text: string) => string
  /** RFC 3339, of the file. */
  readonly createdAt: string
}

/** The manifest is refused: what is wrong with it, by field. */
export class ManifestError extends Error { override readonly name = 'ManifestError' }

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/
const pullPolicy = (image: string): string => (/@/.test(image) || (/:[^/:]+$/.test(image) && !image.endsWith(':latest')) ? 'IfNotPresent' : 'Always')

/** The defaults of the API server that a kubelet relies on; a static pod never passes it. */
const defaulted = (c: Container): Container => ({
  ...c, imagePullPolicy: c.imagePullPolicy ?? pullPolicy(c.image ?? ''), terminationMessagePath: c.terminationMessagePath ?? '/dev/termination-log',
  ...(c.ports ? { ports: c.ports.map((p) => ({ ...p, protocol: p.protocol ?? 'TCP' })) } : {}),
})

/** What a pod that no API server may be there for cannot have. */
function referencesOf(pod: Pod): string | undefined {
  const { spec } = pod
  if (spec?.serviceAccountName) return 'spec.serviceAccountName: static pods may not reference service accounts'
  if (spec?.ephemeralContainers?.length) return 'spec.ephemeralContainers: static pods do not support ephemeral containers'
  const volume = spec?.volumes?.findIndex((v) => v.configMap || v.secret || v.persistentVolumeClaim || v.ephemeral || v.projected) ?? -1
  if (volume >= 0) return `spec.volumes[${volume}]: static pods may not reference API objects`
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  const byEnv = all.find((c) => c.envFrom?.length || c.env?.some((e) => e.valueFrom?.configMapKeyRef || e.valueFrom?.secretKeyRef))
  return byEnv && `container ${byEnv.name}: static pods may not reference API objects`
}

function problemOf(pod: Pod): string | undefined {
  if (pod.apiVersion !== 'v1' || pod.kind !== 'Pod') return `apiVersion ${JSON.stringify(pod.apiVersion)}, kind ${JSON.stringify(pod.kind)}: v1 and Pod are wanted`
  if (!subdomain.test(pod.metadata?.name ?? '')) return `metadata.name ${JSON.stringify(pod.metadata?.name)}: lower-case letters, digits, "-" and "." only`
  if (!label.test(pod.metadata?.namespace ?? 'default')) return `metadata.namespace ${JSON.stringify(pod.metadata?.namespace)}: lower-case letters, digits and "-" only`
  const containers = pod.spec?.containers
  if (!Array.isArray(containers) || containers.length === 0) return 'spec.containers: required'
  const all = [...(pod.spec?.initContainers ?? []), ...containers]
  const bad = all.findIndex((c) => !label.test(c?.name ?? '') || typeof c.image !== 'string' || c.image === '')
  if (bad >= 0) return `container ${bad}: a name and an image are required`
  const names = all.map((c) => c.name)
  const twice = names.find((n, i) => names.indexOf(n) !== i)
  return twice === undefined ? referencesOf(pod) : `container ${twice}: the name is taken twice`
}

/** Throws {@link ManifestError}. */
export function staticPod(text: string, context: ManifestContext): StoredPod {
  let value: unknown
  try { value = context.parse(text) } catch (e) { throw new ManifestError(`${context.path}: ${e instanceof Error ? e.message : String(e)}`) }
  if (typeof value !== 'object' || value === null) throw new ManifestError(`${context.path}: not a manifest`)
  const pod = value as Pod
  const problem = problemOf(pod)
  if (problem !== undefined || !pod.spec) throw new ManifestError(`${context.path}: ${problem ?? 'spec: required'}`)
  const uid = context.digest(JSON.stringify([pod.metadata, pod.spec, context.nodeName, context.path]))
  const { nodeName } = context
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      name: `${pod.metadata?.name}-${nodeName}`, namespace: pod.metadata?.namespace ?? 'default', uid, resourceVersion: '', creationTimestamp: context.createdAt,
      ...(pod.metadata?.labels ? { labels: pod.metadata.labels } : {}), annotations: { ...pod.metadata?.annotations, [configHash]: uid, [configSource]: 'file', 'kubernetes.io/config.seen': context.createdAt },
    },
    spec: {
      restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', enableServiceLinks: true, automountServiceAccountToken: false, ...pod.spec, nodeName,
      containers: pod.spec.containers.map(defaulted), ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(defaulted) } : {}),
      // A node in trouble keeps what was put on it by hand.
      tolerations: [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
    status: { phase: 'Pending' },
  }
}

/** What the API server is shown of it. */
export function mirrorOf(pod: StoredPod, node: { readonly name: string; readonly uid: string }): Pod {
  const { name, namespace, labels, annotations } = pod.metadata
  return {
    apiVersion: 'v1', kind: 'Pod', spec: pod.spec!,
    metadata: {
      name, namespace: namespace ?? 'default', ...(labels ? { labels } : {}), annotations: { ...annotations, [configMirror]: pod.metadata.uid },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid, controller: true }],
    },
  }
}
