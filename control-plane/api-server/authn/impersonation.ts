/** A request in another's name (`k8s.io/apiserver/pkg/endpoints/filters.WithImpersonation`): each part of that name is a right of its own. */
import type { IncomingMessage } from 'node:http'
import { badRequest } from '../../../shared/base/errors.ts'
import type { Attributes } from '../authz/attributes.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { authorize } from '../authz/authorizer.ts'
import type { User } from './user.ts'
import { accountGroups, accountOf, ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED } from './user.ts'

const EXTRA = 'impersonate-extra-'
const AUTHENTICATION = 'authentication.k8s.io'

/** Do the headers ask for it? Looked at on every request. */
export const impersonates = ({ headers }: IncomingMessage): boolean => {
  for (const name in headers) if (name.startsWith('impersonate-')) return true
  return false
}

interface Wanted { readonly name: string; readonly uid: string; readonly groups: readonly string[]; readonly extra: Readonly<Record<string, readonly string[]>> }

function wanted({ headersDistinct }: IncomingMessage): Wanted {
  const extra: Record<string, readonly string[]> = {}
  for (const [header, values] of Object.entries(headersDistinct)) {
    if (header.startsWith(EXTRA)) extra[unescaped(header.slice(EXTRA.length))] = values ?? []
  }
  return {
    name: headersDistinct['impersonate-user']?.[0] ?? '', uid: headersDistinct['impersonate-uid']?.[0] ?? '',
    groups: headersDistinct['impersonate-group'] ?? [], extra,
  }
}

/** Keys are percent-encoded where a header name cannot hold them; one that does not decode is taken as it is. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

/**
 * The user to be, checked against the rights of the one who asks; the headers are taken from the request. Throws 403 for the first part that
 * is not allowed, 400 where groups, uid or extra come without a user (upstream answers 500 to that mistake of the client's). An empty user alone
 * asks for nothing.
 */
export function impersonate(req: IncomingMessage, requestor: User, authorizer: Authorizer): User {
  const asked = wanted(req)
  if (!asked.name && !asked.uid && !asked.groups.length && !Object.keys(asked.extra).length) return requestor
  if (!asked.name) throw badRequest(`requested ${describe(asked)} without impersonating a user`)
  const check = (part: Pick<Attributes, 'resource' | 'name'> & Partial<Attributes>): void =>
    authorize(authorizer, { user: requestor, verb: 'impersonate', isResourceRequest: true, group: '', subresource: '', namespace: '', path: '', ...part })
  const account = accountOf(asked.name)
  check(account ? { resource: 'serviceaccounts', ...account } : { resource: 'users', name: asked.name })
  for (const name of asked.groups) check({ resource: 'groups', name })
  for (const [key, values] of Object.entries(asked.extra)) for (const name of values) check({ group: AUTHENTICATION, resource: 'userextras', subresource: key, name })
  if (asked.uid) check({ group: AUTHENTICATION, resource: 'uids', name: asked.uid })
  strip(req)
  return {
    name: asked.name, ...(asked.uid ? { uid: asked.uid } : {}), groups: groupsOf(asked, account?.namespace),
    ...(Object.keys(asked.extra).length ? { extra: asked.extra } : {}), impersonator: requestor,
  }
}

function groupsOf({ name, groups }: Wanted, accountNamespace: string | undefined): string[] {
  const all = groups.length ? [...groups] : accountNamespace === undefined ? [] : accountGroups(accountNamespace)
  const implied = name === ANONYMOUS.name ? UNAUTHENTICATED : AUTHENTICATED
  const said = implied === AUTHENTICATED ? all.includes(AUTHENTICATED) || all.includes(UNAUTHENTICATED) : all.includes(UNAUTHENTICATED)
  return said ? all : [...all, implied]
}

const describe = ({ uid, groups, extra }: Wanted): string => [
  ...groups.map((g) => `group ${JSON.stringify(g)}`), ...Object.keys(extra).map((k) => `extra ${JSON.stringify(k)}`), ...(uid ? ['uid'] : []),
].join(', ') || 'nothing'

/** Whoever the request is passed on to must not take it for one that wants to be another again. */
function strip(req: IncomingMessage): void {
  for (const name of Object.keys(req.headers)) if (name.startsWith('impersonate-')) delete req.headers[name]
  for (const name of Object.keys(req.headersDistinct)) if (name.startsWith('impersonate-')) delete req.headersDistinct[name]
}
