/** Writes on the Secret of a long-lived token the day of its last use, so that unused ones can be found (`pkg/serviceaccount/legacy.go`). */
import type { Secret } from '../../../shared/api/core-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { objectKey } from '../keys.ts'
import type { ObjectReader } from './bindings.ts'

export const LAST_USED = 'kubernetes.io/legacy-token-last-used'
const DAY = 86_400_000

interface Deps extends ObjectReader { /** Acts as a superuser. */ readonly client: ApiClient; readonly clock: Clock; readonly log: Log }

export class LegacyTokenUse {
  readonly #deps: Deps
  /** One write of a Secret at a time. */
  readonly #writing = new Set<string>()

  constructor(deps: Deps) { this.#deps = deps }

  /** Once a day and Secret; off the request's path. */
  used(namespace: string, name: string): void {
    const { store, objects, clock } = this.#deps
    const key = objectKey(refs.Secret, namespace, name)
    const entry = store.get(key)
    if (!entry || this.#writing.has(key)) return
    const [today, tomorrow] = [clock.now(), clock.now() + DAY].map((at) => new Date(at).toISOString().slice(0, 10))
    const last = (objects.object(entry) as Secret).metadata?.labels?.[LAST_USED]
    // Tomorrow is what another server with a clock ahead of ours wrote.
    if (last === today || last === tomorrow || today === undefined) return
    this.#writing.add(key)
    void this.#write({ namespace, name }, today).finally(() => this.#writing.delete(key))
  }

  async #write(secret: { namespace: string; name: string }, day: string): Promise<void> {
    try {
      await this.#deps.client.patch(refs.Secret, secret, 'application/merge-patch+json', { metadata: { labels: { [LAST_USED]: day } } })
    } catch (e) {
      if (!isNotFound(e)) this.#deps.log.warn('the last use of a legacy token was not written down', { ...secret, error: messageOf(e) })
    }
  }
}
