/** What a namespace lacks. Pure. */
import type { ConfigMap, Namespace, ServiceAccount } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'

export const rootCaName = 'kube-root-ca.crt'
const description = 'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. '
  + 'No other usage is guaranteed across distributions of Kubernetes clusters.'

type InNamespace<T> = T & { metadata: { name: string; namespace: string } }
export interface Plan { readonly createAccount?: InNamespace<ServiceAccount>; readonly createMap?: InNamespace<ConfigMap>; readonly updateMap?: ConfigMap }

export function planNamespace(input: { namespace: Stored<Namespace>; account: Stored<ServiceAccount> | undefined; map: Stored<ConfigMap> | undefined; ca: string }): Plan {
  const { namespace, account, map, ca } = input
  if (namespace.metadata.deletionTimestamp || namespace.status?.phase === 'Terminating') return {}
  const name = namespace.metadata.name
  const data = { 'ca.crt': ca }
  return {
    ...(account ? {} : { createAccount: { metadata: { name: 'default', namespace: name } } }),
    ...(map ? {} : { createMap: { metadata: { name: rootCaName, namespace: name, annotations: { 'kubernetes.io/description': description } }, data } }),
    ...(map && map.data?.['ca.crt'] !== ca ? { updateMap: { ...map, data } } : {}),
  }
}
