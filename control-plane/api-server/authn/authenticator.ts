/** From a request to a user: client certificate, then bearer token, else anonymous. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { unauthorized } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'
import { bootstrapUser, looksLikeBootstrapToken } from './bootstrap-token.ts'
import { certificateUser } from './certificate.ts'
import type { ServiceAccountClaims, TokenVerifier } from './service-account.ts'
import { serviceAccountUser } from './service-account.ts'
import type { User } from './user.ts'
import { ANONYMOUS } from './user.ts'

/** As upstream's token cache: a good signature is not checked again for this long. What it is bound to is looked up each time. */
const VERIFIED_FOR = 10_000
const MAX_VERIFIED = 256

export interface AuthenticatorDeps { readonly store: Store; readonly objects: ObjectCache; readonly clock: Clock; readonly tokens?: TokenVerifier }

export class Authenticator {
  readonly #deps: AuthenticatorDeps
  readonly #verified = new Map<string, { claims: ServiceAccountClaims; until: number }>()
  constructor(deps: AuthenticatorDeps) { this.#deps = deps }

  /** Rejects with 401 for credentials that are not good; a request without any is `system:anonymous`. */
  authenticate(req: IncomingMessage): User | Promise<User> {
    const user = certificateUser(req.socket as TLSSocket)
    if (user) return user
    const header = req.headers.authorization
    if (!header) return ANONYMOUS
    const token = /^bearer +(\S+)$/i.exec(header)?.[1]
    // Other schemes are not ours to judge: upstream treats them as no credentials.
    return token === undefined ? ANONYMOUS : this.#bearer(token)
  }

  async #bearer(token: string): Promise<User> {
    const { store, clock } = this.#deps
    if (looksLikeBootstrapToken(token)) {
      const user = bootstrapUser(store, token, clock.now())
      if (!user) throw unauthorized()
      return user
    }
    const claims = await this.#claims(token)
    if (!claims || !this.#bound(claims)) throw unauthorized()
    return serviceAccountUser(claims)
  }

  async #claims(token: string): Promise<ServiceAccountClaims | undefined> {
    const now = this.#deps.clock.monotonic()
    const key = createHash('sha256').update(token).digest('base64')
    const known = this.#verified.get(key)
    if (known && known.until > now) return known.claims
    const claims = await this.#deps.tokens?.verify(token)
    this.#verified.delete(key)
    if (!claims) return undefined
    if (this.#verified.size >= MAX_VERIFIED) this.#verified.clear()
    this.#verified.set(key, { claims, until: now + VERIFIED_FOR })
    return claims
  }

  /** A token dies with its account and with the pod it is bound to. */
  #bound({ namespace, serviceAccount, pod }: ServiceAccountClaims): boolean {
    const uidOf = (resource: string, name: string): string | undefined => {
      const entry = this.#deps.store.get(objectKey({ group: '', resource, namespaced: true }, namespace, name))
      return entry && (this.#deps.objects.object(entry) as Pod).metadata?.uid
    }
    return uidOf('serviceaccounts', serviceAccount.name) === serviceAccount.uid && (!pod || uidOf('pods', pod.name) === pod.uid)
  }
}
