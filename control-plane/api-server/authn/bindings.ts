/** Is what a token is bound to still there (`pkg/serviceaccount.{validator,legacyValidator}`)? */
import { timingSafeEqual } from 'node:crypto'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { Store } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { Bound, ServiceAccountClaims } from './service-account.ts'

export interface ObjectReader { readonly store: Pick<Store, 'get'>; readonly objects: ObjectCache }

/** Upstream's leeway: an object on its way out keeps its tokens for a minute past its time, so that it can still end well. */
const LEEWAY = 60_000
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'

/** Decided from the newest state each time: a token is invalid the moment its object is gone or another has its name. */
export function isBound(reader: ObjectReader, claims: ServiceAccountClaims, token: string, now: number): boolean {
  const { namespace, serviceAccount, pod, secret, node, legacySecret } = claims
  const there = (resource: string, bound: Bound): boolean => isThere(read(reader, resource, resource === 'nodes' ? '' : namespace, bound.name), bound.uid, now)
  if (!there('serviceaccounts', serviceAccount)) return false
  if (legacySecret !== undefined) return holds(read(reader, 'secrets', namespace, legacySecret) as Secret | undefined, token)
  if (pod && !there('pods', pod)) return false
  if (secret && !there('secrets', secret)) return false
  return pod !== undefined || node?.uid === undefined || there('nodes', { name: node.name, uid: node.uid })
}

function read({ store, objects }: ObjectReader, resource: string, namespace: string, name: string): KubeObject | undefined {
  const entry = store.get(objectKey({ group: '', resource, namespaced: namespace !== '' }, namespace, name))
  return entry && objects.object(entry)
}

function isThere(object: KubeObject | undefined, uid: string, now: number): boolean {
  const { metadata } = object ?? {}
  if (metadata?.uid !== uid) return false
  return metadata.deletionTimestamp === undefined || Date.parse(metadata.deletionTimestamp) + LEEWAY > now
}

function holds(secret: Secret | undefined, token: string): boolean {
  // Marked by whoever cleans up: upstream's controller, an administrator.
  if (!secret || secret.metadata?.deletionTimestamp || secret.metadata?.labels?.[INVALID_SINCE]) return false
  const [kept, given] = [Buffer.from(secret.data?.token ?? '', 'base64'), Buffer.from(token)]
  return kept.length === given.length && timingSafeEqual(kept, given)
}
