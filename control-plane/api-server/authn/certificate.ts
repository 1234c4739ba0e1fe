/** A verified client certificate to a user: the name is the CN, the groups are the Os (`k8s.io/apiserver/pkg/authentication/request/x509.CommonNameUserConversion`). */
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '../../../shared/base/errors.ts'
import type { User } from './user.ts'
import { AUTHENTICATED } from './user.ts'

/** Per connection: a certificate does not change, parsing it for each request would be most of a GET. */
const known = new WeakMap<TLSSocket, User | 'none' | 'refused'>()

/** Undefined: the client showed no certificate. Throws 401 for one that does not chain to the cluster's CA. */
export function certificateUser(socket: TLSSocket): User | undefined {
  let user = known.get(socket)
  if (user === undefined) known.set(socket, (user = identify(socket)))
  if (user === 'refused') throw unauthorized()
  return user === 'none' ? undefined : user
}

function identify(socket: TLSSocket): User | 'none' | 'refused' {
  const certificate = socket.getPeerCertificate()
  const { subject } = certificate
  if (!(subject as unknown)) return 'none'
  if (!socket.authorized) return 'refused'
  const organizations: unknown = subject.O
  const groups = Array.isArray(organizations) ? organizations as string[] : typeof organizations === 'string' ? [organizations] : []
  const name: unknown = subject.CN
  if (typeof name !== 'string' || name === '') return 'refused'
  const id = `X509SHA256=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`
  return { name, groups: [...groups, AUTHENTICATED], extra: { 'authentication.kubernetes.io/credential-id': [id] } }
}
