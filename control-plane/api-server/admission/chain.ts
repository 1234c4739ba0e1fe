/**
 * Admission: what looks at other objects before a write is let through. One ordered list, upstream's order: built-in plugins that refuse cheaply
 * or change the object, then mutating webhooks, then validating policies and webhooks, then what counts or reserves something (quota, addresses).
 *
 * What `object` is: the object as the path names it. For `scale`, `binding`, `eviction` and `token` it is the posted `Scale`, `Binding`,
 * `Eviction` or `TokenRequest` and `kind` says so; for CONNECT it is the options (`PodExecOptions`). The parent is not admitted a second time.
 */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { User } from '../authn/user.ts'
import type { ResourceDefinition } from '../resources/definition.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface GroupVersionKind { readonly group: string; readonly version: string; readonly kind: string }

export interface AdmissionRequest {
  readonly operation: Operation
  /** Of the resource in the path, also where a subresource has a kind of its own. */
  readonly definition: ResourceDefinition
  /** The version the request came in; `object` and `old` are in that of `definition`. */
  readonly asked: ResourceDefinition
  /** Of `object` and `old`: the definition's own, but for the subresources named above. */
  readonly kind: GroupVersionKind
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  readonly user: User
  readonly dryRun: boolean
  /** The request's own copy: plugins change it in place. Undefined for DELETE. */
  readonly object: KubeObject | undefined
  /** Frozen. Undefined for CREATE and CONNECT. */
  readonly old: KubeObject | undefined
  /** Called once each after the write was tried, in reverse order; `committed` is false where it was refused, lost its race or was a dry run. */
  readonly settle: ((committed: boolean) => Promise<void>)[]
  /** `CreateOptions`, `UpdateOptions` or `DeleteOptions` of `meta.k8s.io/v1`; undefined for CONNECT. Made on each call. */
  options(): Readonly<Record<string, unknown>> | undefined
  /** Text for a `Warning:` header of the answer, whether the request is refused or not. */
  warn(text: string): void
  /** An annotation of the request's audit event; `key` is qualified (`pod-security.kubernetes.io/enforce-policy`). */
  annotate(key: string, value: string): void
}

/** Refuses by throwing a `StatusError`. A method left out is not called. Most plugins are about CREATE and UPDATE: each looks at `operation` first. */
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

  /** For what writes no object of its own path: both stages, then the act, then the plugins are told. */
  async around<T>(request: AdmissionRequest, act: () => Promise<T>): Promise<T> {
    let committed = false
    try {
      await this.mutate(request)
      await this.validate(request)
      const result = await act()
      committed = !request.dryRun
      return result
    } finally {
      if (request.settle.length) await this.settle(request, committed)
    }
  }
}
