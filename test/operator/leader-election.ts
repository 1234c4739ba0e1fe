/** One of many leads, by a Lease: client-go's `leaderelection` in small. */
import { ApiException, CoordinationV1Api, V1MicroTime } from '@kubernetes/client-node'
import type { KubeConfig, V1Lease } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Election { readonly namespace: string; readonly name: string; readonly identity: string; /** Seconds. */ readonly leaseDuration: number }

const codeOf = (e: unknown): number | undefined => (e instanceof ApiException ? e.code : undefined)

/**
 * Resolves when this one leads. From then on it renews; `lost` is called when that has not worked for two thirds of the duration: whoever
 * led must end at once, as another may lead a third of it later.
 */
export async function lead(config: KubeConfig, { namespace, name, identity, leaseDuration }: Election, lost: (why: unknown) => void): Promise<void> {
  const api = config.makeApiClient(CoordinationV1Api)
  const retry = (leaseDuration * 1000) / 6
  const spec = (old?: V1Lease): V1Lease['spec'] => {
    const mine = old?.spec?.holderIdentity === identity
    const now = new V1MicroTime()
    return {
      holderIdentity: identity, leaseDurationSeconds: leaseDuration, renewTime: now, acquireTime: mine ? old.spec?.acquireTime ?? now : now,
      leaseTransitions: (old?.spec?.leaseTransitions ?? 0) + (mine || !old ? 0 : 1),
    }
  }
  // The clocks of two machines differ: what counts is how long the record has been seen without a change.
  let seen = { version: '', at: 0 }
  const attempt = async (): Promise<boolean> => {
    let old: V1Lease
    try {
      old = await api.readNamespacedLease({ name, namespace })
    } catch (e) {
      if (codeOf(e) !== 404) throw e
      return api.createNamespacedLease({ namespace, body: { metadata: { name }, spec: spec() as never } }).then(() => true, (c: unknown) => { if (codeOf(c) === 409) return false; throw c })
    }
    const version = old.metadata?.resourceVersion ?? ''
    if (version !== seen.version) seen = { version, at: performance.now() }
    const held = old.spec?.holderIdentity !== identity && performance.now() - seen.at < (old.spec?.leaseDurationSeconds ?? leaseDuration) * 1000
    if (held) return false
    return api.replaceNamespacedLease({ name, namespace, body: { ...old, spec: spec(old) as never } }).then(() => true, (e: unknown) => { if (codeOf(e) === 409) return false; throw e })
  }
  while (!await attempt()) await sleep(retry)
  const renew = async (): Promise<never> => {
    for (let last = performance.now(); ;) {
      await sleep(retry)
      try {
        if (!await attempt()) throw new Error('another leads')
        last = performance.now()
      } catch (e) {
        if (performance.now() - last > (leaseDuration * 2000) / 3) throw e
      }
    }
  }
  renew().catch(lost)
}
