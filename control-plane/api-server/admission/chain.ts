/**
 * Admission: what looks at other objects before a write is let through. One ordered list, upstream's order where it matters: what may refuse
 * cheaply first, what reserves something last.
 */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { User } from '../authn/user.ts'
import type { ResourceDefinition } from '../resources/definition.ts'

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly definition: ResourceDefinition
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  readonly user: User
  readonly dryRun: boolean
  /** The request's own copy: plugins change it. Undefined for DELETE. */
  readonly object: KubeObject | undefined
  /** Frozen. Undefined for CREATE. */
  readonly old: KubeObject | undefined
  /** Called once each after the write was tried, in reverse order; `committed` is false where it was refused, lost its race or was a dry run. */
  readonly settle: ((committed: boolean) => Promise<void>)[]
}

/** Refuses by throwing a `StatusError`. A method left out is not called. */
export interface AdmissionPlugin {
  readonly name: string
  /** Before the strategy: may change `object`. */
  mutate?(request: AdmissionRequest): void | Promise<void>
  /** After the strategy: judges the object as it will be stored. */
  validate?(request: AdmissionRequest): void | Promise<void>
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[]
  constructor(plugins: readonly AdmissionPlugin[]) { this.#plugins = plugins }

  /** Waits only where a plugin does: a write without waiting plugins sees no other request between its checks and its compare-and-swap. */
  async mutate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) {
      const wait = plugin.mutate?.(request)
      if (wait) await wait
    }
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) {
      const wait = plugin.validate?.(request)
      if (wait) await wait
    }
  }

  async settle(request: AdmissionRequest, committed: boolean): Promise<void> {
    for (const done of request.settle.toReversed()) await done(committed)
    request.settle.length = 0
  }
}
