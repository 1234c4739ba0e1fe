/** Every namespace has a `default` service account and the ConfigMap `kube-root-ca.crt` with the cluster's CA. */
import type { Namespace } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isStatus } from '../../../shared/base/errors.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import { planNamespace, rootCaName } from './plan.ts'

export interface ServiceAccountConfig { /** PEM. */ readonly ca: string }

export function createServiceAccountController(deps: ControllerDeps, config: ServiceAccountConfig): Controller {
  const { client, informers } = deps
  const namespaces = informers.for(refs.Namespace)
  const accounts = informers.for(refs.ServiceAccount)
  const maps = informers.for(refs.ConfigMap)

  /** A namespace that began to end, or somebody who was quicker, is no failure. */
  const unless = async (write: Promise<unknown>): Promise<void> => {
    try { await write } catch (e) {
      if (!isAlreadyExists(e) && !(isStatus(e) && e.details?.causes?.some((c) => c.reason === 'NamespaceTerminating'))) throw e
    }
  }
  const reconcile = async (name: string): Promise<void> => {
    const namespace = namespaces.get(undefined, name)
    if (!namespace) return
    const plan = planNamespace({ namespace, account: accounts.get(name, 'default'), map: maps.get(name, rootCaName), ca: config.ca })
    if (plan.createAccount) await unless(client.create(refs.ServiceAccount, plan.createAccount))
    if (plan.createMap) await unless(client.create(refs.ConfigMap, plan.createMap))
    if (plan.updateMap) await client.update(refs.ConfigMap, plan.updateMap)
  }

  return createController({
    name: 'service-account', deps, workers: 1, reads: [refs.Namespace, refs.ServiceAccount, refs.ConfigMap], reconcile,
    watch(queue) {
      const wake = (n: Stored<Namespace>): void => { queue.add(n.metadata.name) }
      return [
        namespaces.on({ add: wake, update: wake }),
        accounts.on({ delete: (a) => { if (a.metadata.name === 'default') queue.add(a.metadata.namespace ?? '') } }),
        maps.on({
          update: (m) => { if (m.metadata.name === rootCaName) queue.add(m.metadata.namespace ?? '') },
          delete: (m) => { if (m.metadata.name === rootCaName) queue.add(m.metadata.namespace ?? '') },
        }),
      ]
    },
  })
}
