/** Who makes a request, as authentication found out (`k8s.io/apiserver/pkg/authentication/user.Info`). */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** Members bypass authorization: the cluster's own client certificates carry it. */
export const SUPERUSERS = 'system:masters'

/** A component of the control plane inside this process: it acts with the rights of an administrator under its own name. */
export const componentUser = (name: string): User => ({ name: `system:${name}`, groups: [SUPERUSERS, 'system:authenticated'] })
