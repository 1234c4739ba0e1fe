/** Between versions of a custom resource: by name alone, or by asking a webhook (`apiextensions-apiserver/pkg/apiserver/conversion`). */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { ObjectMeta } from '../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { internal, messageOf } from '../../../shared/base/errors.ts'
import type { Random } from '../../../shared/base/host.ts'
import type { WebhookClient } from '../webhook-client/client.ts'
import { isObject } from './schema.ts'

/** Gives each object in the wanted apiVersion, in order; those that are in it already as they are. Arguments are not changed. Rejects with 500 where the webhook fails. */
export type Convert = (objects: readonly KubeObject[], apiVersion: string) => Promise<readonly KubeObject[]>

export interface ConversionDeps { readonly webhooks: WebhookClient; readonly random: Random }

/** Upstream's timeout for conversion webhooks. */
const TIMEOUT = 30_000

/** Undefined: only the apiVersion changes. */
export function converterOf(crd: CustomResourceDefinition, deps: ConversionDeps): Convert | undefined {
  const { webhook, strategy } = crd.spec.conversion ?? {}
  if (strategy !== 'Webhook' || !webhook?.clientConfig) return undefined
  const { clientConfig } = webhook
  const reviewVersion = webhook.conversionReviewVersions.find((v) => v === 'v1' || v === 'v1beta1') ?? 'v1'
  return async (objects, apiVersion) => {
    const foreign = objects.filter((o) => o.apiVersion !== apiVersion)
    if (!foreign.length) return objects
    const uid = deps.random.uuid()
    const request = { kind: 'ConversionReview', apiVersion: `apiextensions.k8s.io/${reviewVersion}`, request: { uid, desiredAPIVersion: apiVersion, objects: foreign } }
    const fail = (why: string): Error => internal(`conversion webhook for ${gvkText(foreign[0] as KubeObject)} failed: ${why}`)
    let answer: unknown
    try {
      answer = await deps.webhooks.call(clientConfig as Parameters<WebhookClient['call']>[0], { body: request, timeoutMs: TIMEOUT, query: 'timeout=30s' })
    } catch (e) {
      throw fail(messageOf(e))
    }
    const converted = answered(answer, { uid, apiVersion, originals: foreign, fail })
    const queue = converted.values()
    return objects.map((o) => (o.apiVersion === apiVersion ? o : queue.next().value as KubeObject))
  }
}

const gvkText = ({ apiVersion = '', kind = '' }: KubeObject): string => `${apiVersion}, Kind=${kind}`

interface Asked { readonly uid: string; readonly apiVersion: string; readonly originals: readonly KubeObject[]; fail(why: string): Error }

function answered(answer: unknown, { uid, apiVersion, originals, fail }: Asked): KubeObject[] {
  const response = isObject(answer) && isObject(answer.response) ? answer.response : undefined
  if (!response) throw fail('no response provided')
  if (response.uid !== uid) throw fail(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`)
  const result = isObject(response.result) ? response.result : {}
  if (result.status !== 'Success') throw fail(typeof result.message === 'string' && result.message ? result.message : `response.result.status was ${JSON.stringify(result.status ?? '')}, not "Success"`)
  const converted = Array.isArray(response.convertedObjects) ? response.convertedObjects as unknown[] : []
  if (converted.length !== originals.length) throw fail(`expected ${originals.length} converted objects, got ${converted.length}`)
  return converted.map((object, i) => {
    const original = originals[i] as KubeObject
    if (!isObject(object) || object.apiVersion !== apiVersion) throw fail(`invalid converted object at index ${i}: invalid groupVersion (expected ${apiVersion}, received ${String((object as KubeObject | null)?.apiVersion)})`)
    if (object.kind !== original.kind) throw fail(`invalid converted object at index ${i}: invalid kind (expected ${original.kind}, received ${String(object.kind)})`)
    return withMetadata(object as KubeObject, original, (why) => fail(`invalid metadata in object at index ${i}: ${why}`))
  })
}

const fixed = ['name', 'namespace', 'uid'] as const

/** A webhook may change labels and annotations; all else in metadata is the original's. */
function withMetadata(object: KubeObject, { metadata }: KubeObject, fail: (why: string) => Error): KubeObject {
  if (!isObject(object.metadata)) throw fail(`missing metadata in converted object`)
  for (const key of fixed) {
    if ((object.metadata[key] ?? '') !== (metadata?.[key] ?? '')) throw fail(`metadata.${key}: expected ${JSON.stringify(metadata?.[key] ?? '')}, got ${JSON.stringify(object.metadata[key] ?? '')}`)
  }
  const { labels, annotations } = object.metadata as ObjectMeta
  const { labels: _labels, annotations: _annotations, ...rest } = metadata ?? {}
  return { ...object, metadata: { ...rest, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } }
}
