/** The API server put together: store, registry, authentication, authorization, admission and HTTPS. */
import type { ApiClient } from '../../shared/client/api-client.ts'
import type { Host } from '../../shared/base/host.ts'
import type { Store } from '../store/store.ts'
import type { TokenIssuer, TokenVerifier } from './authn/service-account.ts'
import type { User } from './authn/user.ts'
import type { StreamHandlers } from './streams.ts'

export interface ApiServerDeps {
  readonly store: Store
  readonly host: Host
  /** PEM. `ca` is what client certificates must chain to. */
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer; readonly ca: string | Buffer }
  /** Address to listen on; all unless given. */
  readonly address?: string
  /** Service-account tokens; without it they are refused (401) and TokenRequests answered 404. */
  readonly tokens?: TokenVerifier & TokenIssuer
  readonly streams?: StreamHandlers
  /** Where ClusterIPs come from: `10.96.0.0/12`. */
  readonly serviceCIDR: string
  /** Inclusive; upstream's default is 30000 to 32767. */
  readonly nodePortRange: { readonly from: number; readonly to: number }
}

export interface ApiServer {
  /** Bootstraps what must exist (system namespaces, default roles, the `kubernetes` Service), then listens. Resolves with the port (for `listen(0)`). */
  listen(port: number): Promise<number>
  /** In process, with this user's rights. Usable before `listen` once {@link ApiServer.bootstrap} has run. Cheap: make as many as there are users. */
  client(user: User): ApiClient
  /** Writes the objects that must exist; idempotent. `listen` calls it. */
  bootstrap(): Promise<void>
  /** Refuses new requests, ends watches, waits for requests under way (at most 10 s), closes. Does not close the store. Idempotent. */
  close(): Promise<void>
}

export type CreateApiServer = (deps: ApiServerDeps) => ApiServer
