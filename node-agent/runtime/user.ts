/** Who a container runs as, from what the pod says, what the image says and the image's own passwd and group. Pure. */
import { RuntimeError, type SecurityOptions } from './runtime.ts'

export interface ResolvedUser { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }

interface PasswdEntry { readonly name: string; readonly uid: number; readonly gid: number }
const fields = (text: string): string[][] => text.split('\n').map((line) => line.split(':')).filter((f) => f.length >= 3)
const numeric = (s: string): number | undefined => (/^\d{1,10}$/.test(s) ? Number(s) : undefined)

/**
 * The pod's `uid` wins over the image's user; the group is the pod's, else the one the image names, else the user's own. Throws `create-failed`
 * where the image names a user or group that its files do not have.
 */
export function resolveUser(request: { security: Pick<SecurityOptions, 'uid' | 'gid' | 'supplementalGroups' | 'strictGroups'>; imageUser: string; passwd: string; group: string }): ResolvedUser {
  const { security, imageUser } = request
  const users = fields(request.passwd).map((f): PasswdEntry => ({ name: f[0]!, uid: Number(f[2]), gid: Number(f[3]) }))
  const groups = fields(request.group).map((f) => ({ name: f[0]!, gid: Number(f[2]), members: (f[3] ?? '').split(',') }))
  const [wantedUser = '', wantedGroup = ''] = security.uid === undefined ? imageUser.split(':') : [String(security.uid)]
  const number = numeric(wantedUser)
  const entry = users.find((u) => u.name === wantedUser) ?? (number === undefined ? undefined : users.find((u) => u.uid === number))
  const uid = wantedUser === '' ? 0 : entry?.uid ?? number
  if (uid === undefined) throw new RuntimeError('create-failed', `unable to find user ${wantedUser}: no matching entries in passwd file`)
  const own = wantedUser === '' ? users.find((u) => u.uid === 0) : entry
  const imageGid = wantedGroup === '' ? undefined : groups.find((g) => g.name === wantedGroup)?.gid ?? numeric(wantedGroup)
  if (wantedGroup !== '' && imageGid === undefined) throw new RuntimeError('create-failed', `unable to find group ${wantedGroup}: no matching entries in group file`)
  const gid = security.gid ?? imageGid ?? own?.gid ?? 0
  const memberships = own === undefined || security.strictGroups ? [] : groups.filter((g) => g.members.includes(own.name)).map((g) => g.gid)
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships, ...security.supplementalGroups])] }
}
