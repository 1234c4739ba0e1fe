/** Fills Secrets that ask for a service account's token, and removes those whose account is gone. */
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isConflict, isNotFound } from '../../../shared/base/errors.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { nameAnnotation, planTokenSecret, tokenType, uidAnnotation } from './plan.ts'

export interface AccountTokensConfig {
  /** PEM. */
  readonly ca: string
  /** A token without end, good as long as the Secret holds it. */
  issueLegacy?(request: { namespace: string; serviceAccount: { name: string; uid: string }; secret: string }): string
}

export function createAccountTokensController(deps: ControllerDeps, config: AccountTokensConfig): Controller {
  const { client, informers } = deps
  const secrets = informers.for(refs.Secret)
  const accounts = informers.for(refs.ServiceAccount)

  const fill = async (secret: Stored<Secret>, account: string, plan: { uid: string; token: boolean; data: Readonly<Record<string, string>> }): Promise<void> => {
    const { name, namespace = '', annotations } = secret.metadata
    const token = plan.token && config.issueLegacy ? config.issueLegacy({ namespace, serviceAccount: { name: account, uid: plan.uid }, secret: name }) : undefined
    await client.update(refs.Secret, {
      ...secret, metadata: { ...secret.metadata, annotations: { ...annotations, [uidAnnotation]: plan.uid } },
      data: { ...secret.data, ...plan.data, ...(token === undefined ? {} : { token: Buffer.from(token).toString('base64') }) },
    })
  }
  const reconcile = async (key: string): Promise<void> => {
    const { namespace = '', name } = splitKey(key)
    const secret = secrets.get(namespace, name)
    const account = secret?.metadata.annotations?.[nameAnnotation]
    if (!secret || secret.type !== tokenType || !account) return
    // The informer may not have an account yet that is there: nothing is deleted on its word.
    const newest = accounts.get(namespace, account) ?? await client.get(refs.ServiceAccount, { namespace, name: account }).catch((e: unknown) => { if (isNotFound(e)) return undefined; throw e })
    const plan = planTokenSecret(secret, newest, config.ca)
    try {
      if (plan.do === 'delete') await client.delete(refs.Secret, { namespace, name }, { preconditions: { uid: secret.metadata.uid } })
      if (plan.do === 'fill') await fill(secret, account, plan)
    } catch (e) {
      // Changed or gone meanwhile: that change brings it here again.
      if (!isNotFound(e) && !isConflict(e)) throw e
    }
  }

  return createController({
    name: 'account-tokens', deps, workers: 1, reads: [refs.Secret, refs.ServiceAccount], reconcile,
    watch(queue) {
      const wake = (s: Stored<Secret>): void => { if (s.type === tokenType) queue.add(keyOf(s)) }
      const wakeOf = (namespace: string | undefined, account: string): void => {
        for (const s of secrets.list()) if (s.type === tokenType && s.metadata.namespace === namespace && s.metadata.annotations?.[nameAnnotation] === account) queue.add(keyOf(s))
      }
      return [
        secrets.on({ add: wake, update: wake }),
        accounts.on({ add: (a) => { wakeOf(a.metadata.namespace, a.metadata.name) }, delete: (a) => { wakeOf(a.metadata.namespace, a.metadata.name) } }),
      ]
    },
  })
}
