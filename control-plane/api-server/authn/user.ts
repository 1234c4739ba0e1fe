/** Who makes a request, as authentication found out (`k8s.io/apiserver/pkg/authentication/user.Info`). */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
  /** Who really asks, where the request impersonates: for the audit, never for a decision. */
  readonly impersonator?: User
}

export const UNAUTHENTICATED = 'system:unauthenticated'
export const AUTHENTICATED = 'system:authenticated'

export const ANONYMOUS: User = { name: 'system:anonymous', groups: [UNAUTHENTICATED] }

/** Members bypass authorization: the cluster's own client certificates carry it. */
export const SUPERUSERS = 'system:masters'

/** A component of the control plane inside this process: it acts with the rights of an administrator under its own name. */
export const componentUser = (name: string): User => ({ name: `system:${name}`, groups: [SUPERUSERS, AUTHENTICATED] })

const ACCOUNT_PREFIX = 'system:serviceaccount:'

/** The account a user name stands for: `system:serviceaccount:<namespace>:<name>`. */
export function accountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(ACCOUNT_PREFIX)) return undefined
  const [namespace = '', name = '', more] = user.slice(ACCOUNT_PREFIX.length).split(':')
  return namespace && name && more === undefined ? { namespace, name } : undefined
}

export const accountUserName = (namespace: string, name: string): string => `${ACCOUNT_PREFIX}${namespace}:${name}`
export const accountGroups = (namespace: string): string[] => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
