/** Objects every cluster has: system namespaces, default roles and bindings. Made at start, and brought back where they are missing. */
import type { KubeObject } from '../../shared/api/object.ts'
import type { ResourceRef } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import { isNotFound } from '../../shared/base/errors.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import { addressAt, parseCidr } from './admission/address-range.ts'

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

async function ensure<T extends KubeObject>(client: ApiClient, ref: ResourceRef<T>, object: KubeObject): Promise<void> {
  const { name = '', namespace } = object.metadata ?? {}
  try {
    await client.get(ref, { name, namespace })
  } catch (e) {
    if (!isNotFound(e)) throw e
    await client.create(ref, object as T & { metadata: { namespace?: string } })
  }
}

/** The Service through which pods reach the API server: the first address of the range. Its endpoints are the business of whoever knows our address. */
const kubernetesService = (serviceCIDR: string): KubeObject => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
  ...{ spec: { type: 'ClusterIP', clusterIP: addressAt(parseCidr(serviceCIDR), 0), sessionAffinity: 'None', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] } },
})

/** What somebody added to a default role stays: only what is missing is made. `now`: wall clock, milliseconds. */
export async function bootstrapObjects(client: ApiClient, serviceCIDR: string, now: number): Promise<void> {
  await Promise.all(namespaces.map((name) => ensure(client, refs.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })))
  // The tables of roles are loaded for this and forgotten.
  const { reconcileDefaultRoles } = await import('./authz/default-roles/reconcile.ts')
  const { bootstrapConfiguration } = await import('./bootstrap-configuration.ts')
  await Promise.all([reconcileDefaultRoles(client), ensure(client, refs.Service, kubernetesService(serviceCIDR)), bootstrapConfiguration(client, serviceCIDR, now)])
}
