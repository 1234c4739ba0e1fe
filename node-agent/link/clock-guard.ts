/**
 * A Pi boots without the time: until NTP answers, every certificate is "not yet valid". Such a certificate is taken all the same where
 * that is the only thing wrong with it: it must be signed by the CA we pinned and be for the host we called. An expired one is never taken.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import type { Millis } from '../../shared/base/brands.ts'
import type { Clock } from '../../shared/base/host.ts'
import type { Database } from '../../shared/host/sqlite.ts'
import { certificateInfo, signedBy } from '../../shared/pki/certificate-info.ts'

export type ServerVerdict = { readonly accept: true; readonly clockBehind: boolean } | { readonly accept: false; readonly why: string }

/** `problem` is Node's `authorizationError`, undefined where the chain verified at the current time and the name fits. */
export function judgeServer(server: { readonly problem: string | undefined; readonly der: Buffer | undefined; readonly peer: PeerCertificate; readonly host: string }, ca: string, now: Millis): ServerVerdict {
  const misnamed = server.der ? checkServerIdentity(server.host, server.peer) : new Error('no certificate')
  if (!server.der || misnamed) return { accept: false, why: misnamed?.message ?? 'no certificate' }
  if (server.problem === undefined) return { accept: true, clockBehind: false }
  if (server.problem !== 'CERT_NOT_YET_VALID') return { accept: false, why: server.problem }
  // OpenSSL names one problem of perhaps several: everything but the date is checked here again.
  const pem = new X509Certificate(server.der).toString()
  const info = certificateInfo(pem)
  const issuer = certificateInfo(ca)
  if (!signedBy(pem, ca)) return { accept: false, why: 'not signed by the CA of this cluster' }
  if (info.notAfter < now || issuer.notAfter < now) return { accept: false, why: 'CERT_HAS_EXPIRED' }
  return info.notBefore > now || issuer.notBefore > now ? { accept: true, clockBehind: true } : { accept: false, why: server.problem }
}

/** How far the wall clock must have moved on before the time is written again: some writes a day, not a minute. */
const writeEvery: Millis = 6 * 3_600_000

/** The latest time this node is known to have lived in, for a start without one. */
export class LastKnownTime {
  readonly #database: Database
  readonly #clock: Clock
  #written: Millis

  private constructor(database: Database, clock: Clock, written: Millis) {
    this.#database = database
    this.#clock = clock
    this.#written = written
  }

  static async load(database: Database, clock: Clock): Promise<LastKnownTime> {
    const written = await database.get("SELECT value FROM meta WHERE key = 'time'", [], (row) => Number(row['value']))
    return new LastKnownTime(database, clock, written ?? 0)
  }

  /** The wall clock, or the last time known where the wall clock is behind it. */
  now(): Millis { return Math.max(this.#clock.now(), this.#written) }

  /** The wall clock shows a time before one this node has already seen. */
  get behind(): boolean { return this.#clock.now() < this.#written }

  /** Call now and then while there is a reason to believe the clock (a connection to the control plane). Writes seldom. */
  async note(): Promise<void> {
    const now = this.#clock.now()
    if (now - this.#written < writeEvery) return
    this.#written = now
    await this.#database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('time', ?)", [String(now)])
  }
}
