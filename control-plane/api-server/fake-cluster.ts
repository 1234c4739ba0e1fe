/** An API server on a free port of loopback over a store in memory, and clients for it. For tests. */
import { HttpClient } from '../../shared/client/http-client.ts'
import type { HttpClientOptions } from '../../shared/client/http-client.ts'
import { silentLog } from '../../shared/host/log.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { createCa, issueCertificate } from '../../shared/pki/certificates.ts'
import type { KeyPair } from '../../shared/pki/certificates.ts'
import type { Store } from '../store/store.ts'
import type { WindowLimits } from '../store/window.ts'
import { openMemoryStore } from '../store/memory/memory-store.ts'
import { FRONT_PROXY_NAME } from './aggregation/authentication-config.ts'
import type { ApiServer, ApiServerDeps } from './api-server.ts'
import { createApiServer } from './api-server.ts'

const HOUR = 3_600_000

export interface FakeCluster {
  readonly api: ApiServer
  readonly store: Store
  readonly ca: KeyPair
  readonly url: string
  readonly admin: HttpClient
  /** A client with a certificate for this name and these groups, signed by `ca` (the cluster's unless given). */
  as(name: string, groups?: readonly string[], ca?: KeyPair): Promise<HttpClient>
  with(options: Partial<HttpClientOptions>): HttpClient
  credentials(name: string, groups: readonly string[]): Promise<KeyPair>
  close(): Promise<void>
}

export async function startFakeCluster(options: { window?: Partial<WindowLimits>; deps?: Partial<ApiServerDeps> } = {}): Promise<FakeCluster> {
  const now = systemClock.now()
  const host = { clock: systemClock, random: systemRandom, log: silentLog }
  const ca = await createCa({ commonName: 'test' }, { now, ttl: HOUR })
  const serving = await issueCertificate(ca, { commonName: 'kube-apiserver' }, { now, ttl: HOUR, usages: ['server'], ips: ['127.0.0.1'] })
  const frontProxyCa = await createCa({ commonName: 'front-proxy' }, { now, ttl: HOUR })
  const frontProxy = { caPem: frontProxyCa.certPem, client: await issueCertificate(frontProxyCa, { commonName: FRONT_PROXY_NAME }, { now, ttl: HOUR, usages: ['client'] }) }
  const store = openMemoryStore({ host, ...(options.window ? { window: options.window } : {}) })
  const api = createApiServer({
    store, host, frontProxy, tls: { key: serving.keyPem, cert: serving.certPem, ca: ca.certPem }, address: '127.0.0.1', serviceCIDR: '10.96.0.0/24', nodePortRange: { from: 30000, to: 30009 }, ...options.deps,
  })
  const url = `https://127.0.0.1:${await api.listen(0)}`
  const clients: HttpClient[] = []
  const cluster = {
    api, store, ca, url,
    credentials: (name: string, groups: readonly string[], issuer = ca) => issueCertificate(issuer, { commonName: name, organizations: groups }, { now, ttl: HOUR, usages: ['client'] }),
    with(more: Partial<HttpClientOptions>) {
      const client = new HttpClient({ server: url, ca: ca.certPem, ...more })
      clients.push(client)
      return client
    },
    async as(name: string, groups: readonly string[] = [], issuer = ca) {
      const { certPem, keyPem } = await cluster.credentials(name, groups, issuer)
      return cluster.with({ cert: certPem, key: keyPem })
    },
    async close() {
      for (const client of clients) client.close()
      await api.close()
      await store.close()
    },
  }
  return { ...cluster, admin: await cluster.as('admin', ['system:masters']) }
}
