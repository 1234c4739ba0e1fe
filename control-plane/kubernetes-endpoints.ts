/** What is behind Service `default/kubernetes`: this API server (`pkg/controlplane/reconcilers`). Published at each start, since address and port are ours to know. */
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Endpoints, Service } from '../shared/api/core-v1.ts'
import type { EndpointSlice } from '../shared/api/discovery-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../shared/api/object.ts'
import { refs } from '../shared/api/refs.ts'
import { isNotFound } from '../shared/base/errors.ts'
import type { Log } from '../shared/base/host.ts'
import type { ApiClient } from '../shared/client/api-client.ts'
import { equalJson } from '../shared/values/json-value.ts'

type Interfaces = Readonly<Record<string, readonly { readonly address: string; readonly family: string; readonly internal: boolean }[] | undefined>>

/** Bridges that container engines and our own agent make: only this machine's containers are there. */
const bridges = /^(bramble|docker|cni|br-|veth)/

/** `advertise` where pods can use it: an IPv4 address that is not loopback; else the machine's first such address. Undefined where there is none (no network yet). */
export function endpointAddress(advertise: string, interfaces: Interfaces = networkInterfaces() as Interfaces): string | undefined {
  if (isIPv4(advertise) && !advertise.startsWith('127.')) return advertise
  const own = Object.entries(interfaces).filter(([name]) => !bridges.test(name)).flatMap(([, list]) => list ?? [])
  return own.find((a) => a.family === 'IPv4' && !a.internal && !a.address.startsWith('169.254.'))?.address
}

const key = { namespace: 'default', name: 'kubernetes' }

/** Creates the object, or gives it `wanted` parts where one of them differs. */
async function publish<T extends KubeObject>(client: ApiClient, ref: ResourceRef<T>, labels: Record<string, string>, wanted: object): Promise<void> {
  let old: Stored<T>
  try {
    old = await client.get(ref, key)
  } catch (e) {
    if (!isNotFound(e)) throw e
    await client.create(ref, { metadata: { ...key, labels }, ...wanted } as T & { metadata: { namespace?: string } })
    return
  }
  const labelled = Object.entries(labels).every(([k, v]) => old.metadata.labels?.[k] === v)
  if (labelled && Object.entries(wanted).every(([k, v]) => equalJson((old as unknown as Record<string, unknown>)[k], v))) return
  await client.update(ref, { ...old, ...wanted, metadata: { ...old.metadata, labels: { ...old.metadata.labels, ...labels } } })
}

/** Writes Endpoints and EndpointSlice, and the Service's target port, only where they differ. Without an address nothing is changed, and the log says so. */
export async function publishKubernetesEndpoints(deps: { client: ApiClient; log: Log; address: string | undefined; port: number }): Promise<void> {
  const { client, log, address, port } = deps
  if (address === undefined) {
    log.warn('this machine has no address that pods could reach the API at: Service default/kubernetes stays as it is until the next start; --advertise-address gives one')
    return
  }
  const ports = [{ name: 'https', port, protocol: 'TCP' }]
  const subsets = [{ addresses: [{ ip: address }], ports }]
  await publish<Endpoints>(client, refs.Endpoints, { 'endpointslice.kubernetes.io/skip-mirror': 'true' }, { subsets })
  const endpoints = [{ addresses: [address], conditions: { ready: true } }]
  await publish<EndpointSlice>(client, refs.EndpointSlice, { 'kubernetes.io/service-name': key.name }, { addressType: 'IPv4', endpoints, ports })
  const service: Stored<Service> = await client.get(refs.Service, key)
  const now = service.spec?.ports ?? []
  if (now.every((p) => p.targetPort === port)) return
  await client.update(refs.Service, { ...service, spec: { ...service.spec, ports: now.map((p) => ({ ...p, targetPort: port })) } })
}
