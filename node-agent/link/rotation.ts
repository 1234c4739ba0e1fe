/** Renews the node's certificate in time, with the certificate in use. */
import type { Millis } from '../../shared/base/brands.ts'
import { messageOf } from '../../shared/base/errors.ts'
import type { Host } from '../../shared/base/host.ts'
import { renewAt } from '../../shared/pki/certificate-info.ts'
import type { ApiAccess } from './api-connection.ts'
import type { Credentials } from './credentials.ts'
import { obtainCertificate } from './enrol.ts'
import type { NewKey } from './new-key.ts'

export interface RotationOptions {
  readonly host: Host
  readonly nodeName: string
  readonly signal: AbortSignal
  readonly newKey?: NewKey | undefined
  readonly access: () => ApiAccess & { ca: string }
  readonly current: () => { readonly notBefore: Millis; readonly notAfter: Millis }
  /** The time, never before one that was known to be right. */
  readonly notBefore: () => Millis
  /** Stores the new certificate and puts it to use. */
  readonly renewed: (credentials: Credentials) => Promise<void>
}

/** Sleeps are cut: the wall clock may be set while we sleep, and a timer holds 24.8 days at most. */
const longest: Millis = 12 * 3_600_000
const retry = { first: 60_000 as Millis, max: 3_600_000 as Millis }

/** Runs until the signal aborts; never rejects. A certificate that has expired needs a new join token: that is said once a try. */
export async function keepCertificate(o: RotationOptions): Promise<void> {
  const log = o.host.log.child('rotation')
  let failures = 0
  while (!o.signal.aborted) {
    try {
      const due = renewAt(o.current()) - o.notBefore()
      if (due > 0) { await o.host.clock.sleep(Math.min(due, longest), o.signal); continue }
      await o.renewed(await obtainCertificate({ host: o.host, nodeName: o.nodeName, signal: o.signal, newKey: o.newKey }, o.access()))
      failures = 0
      log.info('certificate renewed', { notAfter: new Date(o.current().notAfter).toISOString() })
    } catch (error) {
      if (o.signal.aborted) return
      const expired = o.current().notAfter < o.notBefore()
      log.warn(expired ? 'the certificate has expired: join again with a new token' : 'certificate not renewed, will try again', { error: messageOf(error) })
      const delay = Math.min(retry.max, retry.first * 2 ** failures++)
      await o.host.clock.sleep(delay * (1 - o.host.random.float() / 2), o.signal).catch((reason: unknown) => { if (!o.signal.aborted) throw reason })
    }
  }
}
