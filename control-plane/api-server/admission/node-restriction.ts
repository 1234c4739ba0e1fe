/** A node changes only itself, its pods, its lease and tokens of its pods (`plugin/pkg/admission/noderestriction`). */
import type { TokenRequest } from '../../../shared/api/authentication-v1.ts'
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import type { Node, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import { conflict, forbidden, notFound } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { nodeOf } from '../authz/node/rules.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'
import type { StoredObjects } from './stored-objects.ts'
import { kindOf } from './stored-objects.ts'

const pods = kindOf<Pod>('', 'pods', true)
const nodes = kindOf<Node>('', 'nodes', false)
const MIRROR = 'kubernetes.io/config.mirror'
const LEASE_NAMESPACE = 'kube-node-lease'
type Refuse = (why: string) => never
type CommonName = (pem: string) => Promise<string | undefined>

export interface NodeRestrictionDeps { readonly stored: StoredObjects; readonly commonNameOf: CommonName }

export function nodeRestriction(deps: NodeRestrictionDeps): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    validate(request) {
      const { user, definition: { group, resource } } = request
      if (!user.groups.includes('system:nodes')) return
      const node = nodeOf(user)
      const refuse: Refuse = (why) => { throw forbidden({ group, resource, name: request.name }, why) }
      if (!node) return user.name.startsWith('system:node:') ? refuse(`could not determine node from user ${JSON.stringify(user.name)}`) : undefined
      switch (`${group}/${resource}`) {
        case '/pods': return judgePod(deps.stored, node, request, refuse)
        case '/nodes': return judgeNode(node, request, refuse)
        case '/persistentvolumeclaims': return judgeClaim(node, request, refuse)
        case '/serviceaccounts': return judgeToken(deps.stored, node, request, refuse)
        case 'coordination.k8s.io/leases': return judgeLease(node, request, refuse)
        case 'storage.k8s.io/csinodes': return request.object?.metadata?.name === node || request.name === node ? undefined : refuse('can only access CSINode with the same name as the requesting node')
        case 'certificates.k8s.io/certificatesigningrequests': return judgeCsr(deps.commonNameOf, request, refuse)
        default: return undefined
      }
    },
  }
}

function judgePod(stored: StoredObjects, node: string, request: AdmissionRequest, refuse: Refuse): void {
  const { operation, subresource, object, old, namespace, name } = request
  const self = JSON.stringify(node)
  if (subresource === 'status') {
    if (operation !== 'UPDATE') return refuse(`unexpected operation ${JSON.stringify(operation)}`)
    if ((old as Pod).spec?.nodeName !== node) refuse(`node ${self} can only update pod status for pods with spec.nodeName set to itself`)
    if (!equalJson(object?.metadata?.labels ?? {}, old?.metadata?.labels ?? {})) refuse(`node ${self} cannot update labels through pod status`)
    return
  }
  if (subresource === 'eviction') {
    const pod = stored.get(pods, namespace, name)
    if (!pod) throw notFound({ group: '', resource: 'pods', name })
    return pod.spec?.nodeName === node ? undefined : refuse(`node ${node} can only evict pods with spec.nodeName set to itself`)
  }
  if (subresource !== '') return refuse(`unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`)
  if (operation === 'CREATE') judgeMirrorPod(stored, node, object as Pod, refuse)
  else if (operation === 'DELETE') { if ((old as Pod).spec?.nodeName !== node) refuse(`node ${self} can only delete pods with spec.nodeName set to itself`) } else refuse(`unexpected operation ${JSON.stringify(operation)}, node ${self} can only create and delete mirror pods`)
}

function judgeMirrorPod(stored: StoredObjects, node: string, { metadata, spec }: Pod, refuse: Refuse): void {
  const self = JSON.stringify(node)
  if (metadata?.annotations?.[MIRROR] === undefined) refuse(`pod does not have "${MIRROR}" annotation, node ${self} can only create mirror pods`)
  if (spec?.nodeName !== node) refuse(`node ${self} can only create pods with spec.nodeName set to itself`)
  const [owner, second] = metadata?.ownerReferences ?? []
  if (second) refuse(`node ${self} can only create pods with a single owner reference set to itself`)
  if (!owner || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) return refuse(`node ${self} can only create pods with an owner reference set to itself`)
  if (!owner.controller) refuse(`node ${self} can only create pods with a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion) refuse(`node ${self} must not set blockOwnerDeletion on an owner reference`)
  const known = stored.get(nodes, '', node)
  if (!known) throw notFound({ group: '', resource: 'nodes', name: node })
  if (known.metadata?.uid !== owner.uid) refuse(`node ${node} UID mismatch: expected ${owner.uid} got ${known.metadata?.uid}`)
  if (spec?.serviceAccountName) refuse(`node ${self} can not create pods that reference a service account`)
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  const sources = (spec?.volumes ?? []).flatMap((v) => [v, ...(v.projected?.sources ?? [])])
  if (spec?.imagePullSecrets?.length || sources.some((v) => v.secret) || containers.some((c) => c.envFrom?.some((e) => e.secretRef) || c.env?.some((e) => e.valueFrom?.secretKeyRef))) {
    refuse(`node ${self} can not create pods that reference secrets`)
  }
  if (sources.some((v) => v.configMap) || containers.some((c) => c.envFrom?.some((e) => e.configMapRef) || c.env?.some((e) => e.valueFrom?.configMapKeyRef))) refuse(`node ${self} can not create pods that reference configmaps`)
  if (spec?.volumes?.some((v) => v.persistentVolumeClaim)) refuse(`node ${self} can not create pods that reference persistentvolumeclaims`)
}

const kubeletLabels = new Set([
  'kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type', 'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch', 'node.kubernetes.io/windows-build',
])
const inDomain = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`)

/** Labels that place pods are the administrator's: a node must not draw other pods to itself. */
function isForbiddenLabel(label: string): boolean {
  const slash = label.indexOf('/')
  const namespace = slash < 0 ? '' : label.slice(0, slash)
  if (inDomain(namespace, 'node-restriction.kubernetes.io')) return true
  if (!inDomain(namespace, 'kubernetes.io') && !inDomain(namespace, 'k8s.io')) return false
  return !kubeletLabels.has(label) && !inDomain(namespace, 'kubelet.kubernetes.io') && !inDomain(namespace, 'node.kubernetes.io')
}

function changedLabels(now: Readonly<Record<string, string>> = {}, before: Readonly<Record<string, string>> = {}): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((label) => now[label] !== before[label]).sort()
}

function judgeNode(node: string, { operation, object, old, name }: AdmissionRequest, refuse: Refuse): void {
  const asked = name || (object?.metadata?.name ?? '')
  const self = JSON.stringify(node)
  if (asked !== node) refuse(`node ${self} is not allowed to modify node ${JSON.stringify(asked)}`)
  if (operation !== 'CREATE' && operation !== 'UPDATE') return
  const labels = changedLabels(object?.metadata?.labels, old?.metadata?.labels).filter(isForbiddenLabel)
  if (operation === 'CREATE') {
    if (labels.length) refuse(`node ${self} is not allowed to set the following labels: ${labels.join(', ')}`)
    return
  }
  if (!equalJson((object as Node).spec?.taints ?? [], (old as Node).spec?.taints ?? [])) refuse(`node ${self} is not allowed to modify taints`)
  if (labels.length) refuse(`is not allowed to modify labels: ${labels.join(', ')}`)
  if (!equalJson(object?.metadata?.ownerReferences ?? [], old?.metadata?.ownerReferences ?? [])) refuse(`node ${self} is not allowed to modify ownerReferences`)
}

function judgeClaim(node: string, { subresource, operation, object, old }: AdmissionRequest, refuse: Refuse): void {
  if (subresource !== 'status') return refuse('may only update PVC status')
  if (operation !== 'UPDATE') return refuse(`unexpected operation ${JSON.stringify(operation)}`)
  const rest = (claim: PersistentVolumeClaim) => {
    const { capacity: _c, conditions: _d, allocatedResources: _a, allocatedResourceStatuses: _s, ...status } = claim.status ?? {}
    const { managedFields: _m, resourceVersion: _r, ...metadata } = claim.metadata ?? {}
    return { ...claim, metadata, status }
  }
  if (!equalJson(rest(object as PersistentVolumeClaim), rest(old as PersistentVolumeClaim))) refuse(`node ${JSON.stringify(node)} is not allowed to update fields other than status.capacity and status.conditions`)
}

function judgeToken(stored: StoredObjects, node: string, { operation, subresource, object, namespace }: AdmissionRequest, refuse: Refuse): void {
  if (operation !== 'CREATE' || subresource !== 'token') return
  const ref = (object as TokenRequest).spec.boundObjectRef
  if (!ref || ref.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) return refuse('node requested token not bound to a pod')
  if (!ref.uid) refuse('node requested token with a pod binding without a uid')
  const pod = stored.get(pods, namespace, ref.name)
  if (!pod) throw notFound({ group: '', resource: 'pods', name: ref.name })
  if (ref.uid !== pod.metadata?.uid) {
    throw conflict({ group: '', resource: 'pods', name: ref.name }, `the UID in the bound object reference (${ref.uid}) does not match the UID in record (${pod.metadata?.uid}). The object might have been deleted and then recreated`)
  }
  if (pod.spec?.nodeName !== node) refuse('node requested token bound to a pod scheduled on a different node')
}

function judgeLease(node: string, { operation, object, name, namespace }: AdmissionRequest, refuse: Refuse): void {
  if (namespace !== LEASE_NAMESPACE) refuse(`can only access leases in the ${JSON.stringify(LEASE_NAMESPACE)} system namespace`)
  if ((operation === 'CREATE' ? object?.metadata?.name : name) !== node) refuse('can only access node lease with the same name as the requesting node')
}

const nodeSigners = new Set(['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'])

/** A node asks for certificates in its own name only. */
function judgeCsr(commonNameOf: CommonName, { operation, subresource, object, user }: AdmissionRequest, refuse: Refuse): void | Promise<void> {
  if (operation !== 'CREATE' || subresource !== '') return
  const { signerName, request: encoded } = (object as CertificateSigningRequest).spec
  if (!nodeSigners.has(signerName)) return
  return commonNameOf(Buffer.from(encoded, 'base64').toString()).then((commonName) => {
    if (commonName !== undefined && commonName !== user.name) refuse(`can only create a node CSR with CN=${user.name}`)
  })
}

