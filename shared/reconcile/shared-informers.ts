/** One informer per resource for a whole process: however many loops look at pods, pods are listed, watched and held once. */
import type { KubeObject, ResourceRef } from '../api/object.ts'
import type { Host } from '../base/host.ts'
import type { ApiClient } from '../client/api-client.ts'
import { createInformer, type Informer, type InformerState } from './informer.ts'

export interface SharedInformers {
  /** The informer of all objects of the resource, started on first use. Do not close it: it is shared. */
  for<T extends KubeObject>(ref: ResourceRef<T>): Informer<T>
  /** Resolves when every informer asked for so far has its first list. */
  synced(): Promise<void>
  health(): readonly { readonly resource: string; readonly state: InformerState; readonly synced: boolean }[]
  close(): Promise<void>
}

export function createSharedInformers(options: { client: Pick<ApiClient, 'list' | 'watch'>; host: Host }): SharedInformers {
  const informers = new Map<string, Informer<KubeObject>>()
  let closed = false
  return {
    for<T extends KubeObject>(ref: ResourceRef<T>): Informer<T> {
      const key = `${ref.group}/${ref.version}/${ref.resource}`
      let informer = informers.get(key)
      if (!informer) {
        if (closed) throw new Error(`informers are closed; ${ref.resource} was asked for`)
        informer = createInformer({ ...options, ref }) as unknown as Informer<KubeObject>
        informers.set(key, informer)
      }
      return informer as unknown as Informer<T>
    },
    async synced() { await Promise.all([...informers.values()].map((i) => i.synced)) },
    health: () => [...informers.values()].map((i) => ({ resource: i.ref.resource, state: i.state, synced: i.hasSynced })),
    async close() {
      closed = true
      await Promise.all([...informers.values()].map((i) => i.close()))
    },
  }
}
