/** What every verb works with. */
import type { Host } from '../../../shared/base/host.ts'
import type { Named } from '../../../shared/base/errors.ts'
import type { Store } from '../../store/store.ts'
import type { AdmissionChain } from '../admission/chain.ts'
import type { TokenIssuer } from '../authn/service-account.ts'
import type { User } from '../authn/user.ts'
import type { ResourceDefinition, StrategyContext } from '../resources/definition.ts'
import type { Registry } from '../resources/live-registry.ts'
import type { ObjectCache } from '../watch/cache.ts'

export interface ApiContext {
  readonly store: Store
  readonly objects: ObjectCache
  readonly host: Host
  readonly admission: AdmissionChain
  readonly issuer?: TokenIssuer
  /** Where the other versions of a kind are found. */
  readonly registry?: Registry
}

/** What a request is about. `name` is `''` for collections and for creation. */
export interface Target {
  /** Of the version that is stored; verbs take and give objects in it. */
  readonly definition: ResourceDefinition
  /** The version the request is in, where it is another: `verbs/versions.ts`. */
  readonly asked?: ResourceDefinition
  /** `''` for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace: string
  readonly name: string
  /** `''` for the object itself. */
  readonly subresource: string
  readonly user: User
  readonly dryRun: boolean
  /** Who is written down as the owner of what a write changes; `''`: somebody without a name. Undefined: nobody, the fields keep their owners. */
  readonly manager?: string
  /** Of the request that this came with; undefined in process, where nobody reads warnings. */
  readonly request?: RequestFacts
}

export interface RequestFacts {
  readonly query: URLSearchParams
  /** Text for a `Warning:` header. */
  readonly warn: (text: string) => void
  /** An annotation of the audit event. */
  readonly annotate?: (key: string, value: string) => void
}

export const named = (target: Target, name = target.name): Named => ({ group: target.definition.group, resource: target.definition.resource, name })

export const strategyContext = (ctx: ApiContext, target: Target): StrategyContext => ({
  now: ctx.host.clock.now(), user: target.user.name, groups: target.user.groups, ...(target.user.uid ? { uid: target.user.uid } : {}), ...(target.user.extra ? { extra: target.user.extra } : {}), dryRun: target.dryRun, subresource: target.subresource,
})

/** RFC 3339 with seconds, as `metav1.Time` prints. */
export const timestamp = (millis: number): string => `${new Date(millis).toISOString().slice(0, 19)}Z`
