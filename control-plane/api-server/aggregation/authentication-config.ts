/**
 * ConfigMap kube-system/extension-apiserver-authentication: how an aggregated server knows us, and whom we know by certificate. The Role that lets
 * it be read, `extension-apiserver-authentication-reader`, is among the default ones. Source: `pkg/controlplane/controller/clusterauthenticationtrust`.
 */
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists } from '../../../shared/base/errors.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { userHeaders } from './user-headers.ts'

/** Common names that may speak for others. */
export const FRONT_PROXY_NAME = 'front-proxy-client'

/** `clientCa` and `frontProxyCa`: PEM. Written only where it says something else. */
export async function publishAuthentication(client: ApiClient, { clientCa, frontProxyCa }: { readonly clientCa: string; readonly frontProxyCa: string }): Promise<void> {
  const metadata = { name: 'extension-apiserver-authentication', namespace: 'kube-system' }
  const list = (value: string): string => JSON.stringify([value])
  const data = {
    'client-ca-file': clientCa, 'requestheader-client-ca-file': frontProxyCa, 'requestheader-allowed-names': list(FRONT_PROXY_NAME), 'requestheader-username-headers': list(userHeaders.user),
    'requestheader-uid-headers': list(userHeaders.uid), 'requestheader-group-headers': list(userHeaders.group), 'requestheader-extra-headers-prefix': list(userHeaders.extra),
  }
  try {
    await client.create(refs.ConfigMap, { metadata, data })
  } catch (e) {
    if (!isAlreadyExists(e)) throw e
    const old = await client.get(refs.ConfigMap, metadata)
    if (Object.entries(data).some(([k, v]) => old.data?.[k] !== v)) await client.patch(refs.ConfigMap, metadata, 'application/merge-patch+json', { data })
  }
}
