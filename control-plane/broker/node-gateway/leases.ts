/**
 * A Lease per connected node in kube-node-lease, for clients that look there. Ours alone do not: liveness is the connection. Leases are
 * volatile, so renewing them writes nothing to disk.
 */
import { refs } from '../../../shared/api/refs.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { isAlreadyExists, isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'

const namespace = 'kube-node-lease'
const leaseDurationSeconds = 90
const period: Millis = 30_000

/** Renews until the signal aborts. */
export async function renewLeases(options: { host: Host; client: ApiClient; online: () => Iterable<string>; signal: AbortSignal }): Promise<void> {
  const { host, client, online, signal } = options
  const log = host.log.child('leases')
  let failing = false
  while (!signal.aborted) {
    try {
      for (const node of online()) await renew(client, node, `${new Date(host.clock.now()).toISOString().slice(0, -1)}000Z`)
      failing = false
    } catch (error) {
      if (!failing) log.warn('node leases cannot be renewed', { error: messageOf(error) })
      failing = true
    }
    await host.clock.sleep(period, signal).catch((reason: unknown) => { if (!signal.aborted) throw reason })
  }
}

async function renew(client: ApiClient, node: string, renewTime: string): Promise<void> {
  const key = { namespace, name: node }
  try {
    await client.patch(refs.Lease, key, 'application/merge-patch+json', { spec: { holderIdentity: node, leaseDurationSeconds, renewTime } })
  } catch (error) {
    if (!isNotFound(error)) throw error
    await client.create(refs.Lease, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec: { holderIdentity: node, leaseDurationSeconds, renewTime } })
      .catch((e: unknown) => { if (!isAlreadyExists(e)) throw e })
  }
}
