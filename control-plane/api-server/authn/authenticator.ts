/** From a request to a user: client certificate, then bearer token, else anonymous; then whoever that one may impersonate. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { ObjectCache } from '../watch/cache.ts'
import { isBound } from './bindings.ts'
import { bootstrapUser, looksLikeBootstrapToken } from './bootstrap-token.ts'
import { certificateUser } from './certificate.ts'
import { impersonate, impersonates } from './impersonation.ts'
import type { ServiceAccountClaims, TokenVerifier } from './service-account.ts'
import { serviceAccountUser } from './service-account.ts'
import type { User } from './user.ts'
import { ANONYMOUS } from './user.ts'
import { webSocketToken } from './websocket-token.ts'

/** As upstream's token cache: a good signature is not checked again for this long. What it is bound to is looked up each time. */
const VERIFIED_FOR = 10_000
const MAX_VERIFIED = 256

export interface AuthenticatorDeps {
  readonly store: Store
  readonly objects: ObjectCache
  readonly clock: Clock
  readonly tokens?: TokenVerifier
  /** Decides who may impersonate whom. */
  readonly authorizer: Authorizer
  /** Told of each good use of a token that lives in a Secret; must not wait. */
  readonly usedLegacy?: (namespace: string, secret: string) => void
}

/** `audiences`: those of the ones asked for that the token is meant for. */
export interface Authenticated { readonly user: User; readonly audiences: readonly string[] }

export class Authenticator {
  readonly #deps: AuthenticatorDeps
  readonly #verified = new Map<string, { claims: ServiceAccountClaims; until: number }>()
  constructor(deps: AuthenticatorDeps) { this.#deps = deps }

  /** Rejects with 401 for credentials that are not good, 403 for an impersonation that is not allowed; a request without credentials is `system:anonymous`. */
  authenticate(req: IncomingMessage): User | Promise<User> {
    const user = this.#requestor(req)
    if (!impersonates(req)) return user
    const { authorizer } = this.#deps
    return user instanceof Promise ? user.then((u) => impersonate(req, u, authorizer)) : impersonate(req, user, authorizer)
  }

  #requestor(req: IncomingMessage): User | Promise<User> {
    const user = certificateUser(req.socket as TLSSocket)
    if (user) return user
    const header = req.headers.authorization
    // Other schemes are not ours to judge: upstream treats them as no credentials.
    const token = header ? /^bearer +(\S+)$/i.exec(header)?.[1] : webSocketToken(req)
    return token === undefined ? ANONYMOUS : this.#bearer(token)
  }

  async #bearer(token: string): Promise<User> {
    const found = await this.token(token)
    if (!found) throw unauthorized()
    return found.user
  }

  /** Whose token this is, if it is good for one of the audiences (the API server's own unless given). */
  async token(token: string, audiences?: readonly string[]): Promise<Authenticated | undefined> {
    const { store, objects, clock, tokens } = this.#deps
    const own = tokens?.audiences ?? []
    const wanted = audiences?.length ? audiences : own
    if (looksLikeBootstrapToken(token)) {
      const user = bootstrapUser(store, token, clock.now())
      // A token without audiences is for the API server: nobody else may take it for theirs.
      const meant = wanted.filter((a) => own.includes(a))
      return user && (meant.length || !audiences?.length) ? { user, audiences: meant } : undefined
    }
    const claims = await this.#claims(token)
    if (!claims || !isBound({ store, objects }, claims, token, clock.now())) return undefined
    if (claims.legacySecret !== undefined) this.#deps.usedLegacy?.(claims.namespace, claims.legacySecret)
    const meant = wanted.filter((a) => claims.audiences.includes(a))
    return meant.length ? { user: serviceAccountUser(claims), audiences: meant } : undefined
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
}
