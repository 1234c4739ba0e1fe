/** Service-account tokens of pods: from the API server's TokenRequest, kept on disk so that a pod starts without it. */
import type { TokenRequest } from '../../shared/api/authentication-v1.ts'
import type { Millis } from '../../shared/base/brands.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { Clock, Log } from '../../shared/base/host.ts'
import type { Database } from '../../shared/host/sqlite.ts'
import { callApi, type ApiAccess } from './api-connection.ts'
import type { IssuedToken, TokenSource } from './link.ts'

type Request = Parameters<TokenSource['token']>[0]
interface Held { readonly token: string; readonly issued: Millis; readonly expires: Millis }

const day: Millis = 24 * 3_600_000
/** A token that could not be renewed is tried again after this. */
const retryAfter: Millis = 60_000
/** At 80 % of its life, or when it is a day old: upstream's `requiresRefresh` (`pkg/kubelet/token/token_manager.go`). */
export const renewalOf = ({ issued, expires }: { readonly issued: Millis; readonly expires: Millis }): Millis => issued + Math.min(day, 0.8 * (expires - issued))

export class Tokens implements TokenSource {
  readonly #database: Database
  readonly #access: () => ApiAccess
  readonly #clock: Clock
  readonly #log: Log
  readonly #call: typeof callApi
  readonly #asking = new Map<string, Promise<IssuedToken>>()

  constructor(options: { database: Database; access: () => ApiAccess; clock: Clock; log: Log; call?: typeof callApi }) {
    this.#database = options.database
    this.#access = options.access
    this.#clock = options.clock
    this.#log = options.log.child('tokens')
    this.#call = options.call ?? callApi
  }

  token(request: Request): Promise<IssuedToken> {
    const key = JSON.stringify([request.pod.uid, request.serviceAccount, request.audience ?? '', request.expirationSeconds])
    let asking = this.#asking.get(key)
    if (!asking) this.#asking.set(key, asking = this.#find(key, request).finally(() => this.#asking.delete(key)))
    return asking
  }

  async #find(key: string, request: Request): Promise<IssuedToken> {
    const now = this.#clock.now()
    const held = await this.#database.get('SELECT token, issued, expires FROM tokens WHERE key = ?', [key], (row): Held => ({ token: String(row['token']), issued: Number(row['issued']), expires: Number(row['expires']) }))
    // A clock behind the issue is a clock that is wrong.
    if (held && now < renewalOf(held)) return { ...held, renewAt: renewalOf(held) }
    try {
      return await this.#ask(key, request)
    } catch (error) {
      if (!held || held.expires <= now) throw error
      this.#log.warn('token not renewed, the old one is still good', { pod: `${request.pod.namespace}/${request.pod.name}`, error: messageOf(error) })
      return { ...held, renewAt: now + retryAfter }
    }
  }

  async #ask(key: string, { pod, serviceAccount, audience, expirationSeconds }: Request): Promise<IssuedToken> {
    const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`
    const answer = JSON.parse(await this.#call(this.#access(), 'POST', path, {
      apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest',
      spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod.name, uid: pod.uid } },
    })) as TokenRequest
    const token = answer.status?.token
    const expires = Date.parse(answer.status?.expirationTimestamp ?? '')
    if (!token || !Number.isFinite(expires)) throw new Error('the API server answered a TokenRequest without a token')
    // The right time to drop what has expired: the disk is written to anyway, and the server has just shown that the clock is about right.
    const issued = this.#clock.now()
    await this.#database.run('DELETE FROM tokens WHERE expires < ?', [issued])
    await this.#database.run('INSERT OR REPLACE INTO tokens (key, token, issued, expires) VALUES (?, ?, ?, ?)', [key, token, issued, expires])
    return { token, expires, renewAt: renewalOf({ issued, expires }) }
  }
}
