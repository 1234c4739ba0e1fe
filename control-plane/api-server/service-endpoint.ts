/** Where to connect for a Service, for webhooks and aggregated servers: an endpoint behind it, for the control plane may be outside of the range of ClusterIPs. */
import type { Service } from '../../shared/api/core-v1.ts'
import type { EndpointSlice } from '../../shared/api/discovery-v1.ts'
import type { Random } from '../../shared/base/host.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { Store } from '../store/store.ts'
import { objectKey, resourcePrefix } from './keys.ts'
import type { ObjectCache } from './watch/cache.ts'

/** Address and port to dial. */
export interface Dial { readonly host: string; readonly port: number }

export interface ServiceName { readonly namespace: string; readonly name: string }

interface Deps { readonly store: Store; readonly objects: ObjectCache; readonly random: Random }

export const serviceKind = { group: '', resource: 'services', namespaced: true } as const
export const sliceKind = { group: 'discovery.k8s.io', resource: 'endpointslices', namespaced: true } as const

export function serviceNamed({ store, objects }: Omit<Deps, 'random'>, { namespace, name }: ServiceName): Service | undefined {
  const entry = store.get(objectKey(serviceKind, namespace, name))
  return entry && objects.object(entry) as Service
}

export const slicesOf = ({ store, objects }: Omit<Deps, 'random'>, { namespace, name }: ServiceName): EndpointSlice[] =>
  store.list({ prefix: resourcePrefix(sliceKind, namespace) }).entries.map((e) => objects.object(e) as EndpointSlice).filter((s) => s.metadata?.labels?.['kubernetes.io/service-name'] === name)

/** An address of the service behind which something is ready, chosen at random. The message of what it throws is the dialler's part of upstream's. */
export function endpointOf(deps: Deps, { namespace, name, port }: ServiceName & { readonly port: number }): Dial {
  const service = serviceNamed(deps, { namespace, name })
  if (!service) throw new Error(`service ${JSON.stringify(name)} not found`)
  const { spec } = service
  if (spec?.type === 'ExternalName') return { host: spec.externalName ?? '', port }
  const wanted = spec?.ports?.find((p) => p.port === port)
  if (!wanted) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`)
  const ready = slicesOf(deps, { namespace, name })
    .flatMap((slice) => slice.endpoints.filter((e) => e.conditions?.ready !== false).flatMap((e) => e.addresses.slice(0, 1)
      .map((host) => ({ host, port: slice.ports?.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port ?? 0 }))))
    .filter((e) => e.port > 0)
  const chosen = ready[Math.floor(deps.random.float() * ready.length)]
  if (!chosen) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`)
  return chosen
}

const untrusted = new Set(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_GET_ISSUER_CERT', 'CERT_SIGNATURE_FAILURE'])

/** What upstream's client would say of a failed connection. */
export function connectionFailure(e: unknown): string {
  const { code = '', address = '', port = '', hostname = '' } = e as { code?: string; address?: string; port?: number | string; hostname?: string }
  if (untrusted.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${messageOf(e)}`
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`
  return messageOf(e)
}
