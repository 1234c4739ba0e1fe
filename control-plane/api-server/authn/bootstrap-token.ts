/** Bootstrap tokens: `id.secret`, kept as Secrets `bootstrap-token-<id>` in kube-system (`plugin/pkg/auth/authenticator/token/bootstrap`). */
import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { Store } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { User } from './user.ts'

const pattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

export const looksLikeBootstrapToken = (token: string): boolean => pattern.test(token)

/** Undefined for a token that is unknown, wrong, expired, or not for authentication. */
export function bootstrapUser(store: Pick<Store, 'get'>, token: string, now: number): User | undefined {
  const [, id = '', secret = ''] = pattern.exec(token) ?? []
  if (!id) return undefined
  const entry = store.get(objectKey({ group: '', resource: 'secrets', namespaced: true }, 'kube-system', `bootstrap-token-${id}`))
  if (!entry) return undefined
  const stored = JSON.parse(entry.value.toString()) as Secret
  const field = (key: string): string => Buffer.from(stored.data?.[key] ?? '', 'base64').toString()
  if (stored.type !== 'bootstrap.kubernetes.io/token' || stored.metadata?.deletionTimestamp || field('token-id') !== id) return undefined
  const [expected, given] = [Buffer.from(field('token-secret')), Buffer.from(secret)]
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined
  const expiration = field('expiration')
  // An expiration that cannot be read counts as passed.
  if (expiration && !(Date.parse(expiration) > now)) return undefined
  if (field('usage-bootstrap-authentication') !== 'true') return undefined
  const groups = field('auth-extra-groups').split(',').map((g) => g.trim()).filter((g) => extraGroup.test(g))
  return { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...groups, 'system:authenticated'] }
}
