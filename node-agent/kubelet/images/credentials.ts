/** Registry credentials from imagePullSecrets. Pure. Source: upstream `pkg/credentialprovider` (longest matching registry path wins). */
import type { Secret } from '../../../shared/api/core-v1.ts'
import type { RegistryAuth } from '../../runtime/runtime.ts'

interface Entry { readonly username?: string; readonly password?: string; readonly auth?: string }

function entriesOf(secret: Secret): Record<string, Entry> {
  const text = secret.data?.['.dockerconfigjson'] ?? secret.data?.['.dockercfg']
  if (text === undefined) return {}
  try {
    const parsed = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as { auths?: Record<string, Entry> } & Record<string, Entry>
    return (secret.data?.['.dockerconfigjson'] === undefined ? parsed : parsed.auths) ?? {}
  } catch {
    // A secret that is no JSON gives no credentials: the pull then fails as unauthorized, which names the image.
    return {}
  }
}

const clean = (key: string): string => key.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, '').replace(/\/$/, '').replace(/^index\.docker\.io$/, 'docker.io')

/** `reference` is normalized: `registry:5000/team/app:1`. */
export function credentialsFor(reference: string, secrets: readonly Secret[]): RegistryAuth | undefined {
  const found: { key: string; auth: RegistryAuth }[] = []
  for (const secret of secrets) {
    for (const [key, entry] of Object.entries(entriesOf(secret))) {
      const name = clean(key)
      if (reference !== name && !reference.startsWith(`${name}/`)) continue
      const [user = '', ...rest] = Buffer.from(entry.auth ?? '', 'base64').toString('utf8').split(':')
      found.push({ key: name, auth: { username: entry.username ?? user, password: entry.password ?? rest.join(':') } })
    }
  }
  return found.sort((a, b) => b.key.length - a.key.length)[0]?.auth
}
