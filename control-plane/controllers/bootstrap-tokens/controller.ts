/** Deletes bootstrap tokens when they end, and signs ConfigMap kube-public/cluster-info with those that may, for `kubeadm join`. */
import { createHmac } from 'node:crypto'
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isConflict, isNotFound } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import { bootstrapTokenType, signedData, signingTokens, untilExpiry } from './plan.ts'

/** Key of the queue for the ConfigMap; names of Secrets have no slash. */
const INFO = '/cluster-info'
/** A timer cannot wait longer; what ends later is looked at again then. */
const MAX_WAIT = 24 * 3_600_000

/** RFC 7515 with the payload left out, as `cluster-bootstrap/token/jws` makes it. */
export function detachedSignature(content: string, id: string, secret: string): string {
  const part = (text: string): string => Buffer.from(text).toString('base64url')
  const head = part(JSON.stringify({ alg: 'HS256', kid: id }))
  return `${head}..${createHmac('sha256', secret).update(`${head}.${part(content)}`).digest('base64url')}`
}

export function createBootstrapTokensController(deps: ControllerDeps): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const secrets = informers.for(refs.Secret)
  const maps = informers.for(refs.ConfigMap)

  const tolerating = async (work: Promise<unknown>): Promise<void> => {
    // Changed or gone meanwhile: that change comes here too.
    try { await work } catch (e) { if (!isNotFound(e) && !isConflict(e)) throw e }
  }
  const reconcile = async (key: string): Promise<HandlerResult> => {
    if (key === INFO) {
      const info = maps.get('kube-public', 'cluster-info')
      const data = info && signedData(info, signingTokens(secrets.list().filter((s) => s.metadata.namespace === 'kube-system'), clock.now()), detachedSignature)
      if (info && data) await tolerating(client.update(refs.ConfigMap, { ...info, data }))
      return
    }
    const secret = secrets.get('kube-system', key)
    if (!secret || secret.type !== bootstrapTokenType || secret.metadata.deletionTimestamp) return
    const left = untilExpiry(secret, clock.now())
    if (left === 0) await tolerating(client.delete(refs.Secret, { namespace: 'kube-system', name: key }, { preconditions: { uid: secret.metadata.uid } }))
    else if (Number.isFinite(left)) return { after: Math.min(Math.max(left, 1000), MAX_WAIT) }
  }

  return createController({
    name: 'bootstrap-tokens', deps, workers: 1, reads: [refs.Secret, refs.ConfigMap], reconcile,
    watch(queue) {
      const wake = (s: Stored<Secret>): void => {
        if (s.type !== bootstrapTokenType || s.metadata.namespace !== 'kube-system') return
        queue.add(s.metadata.name)
        queue.add(INFO)
      }
      const wakeInfo = (m: { metadata: { namespace?: string; name: string } }): void => { if (m.metadata.namespace === 'kube-public' && m.metadata.name === 'cluster-info') queue.add(INFO) }
      return [secrets.on({ add: wake, update: wake, delete: wake }), maps.on({ add: wakeInfo, update: wakeInfo })]
    },
  })
}
