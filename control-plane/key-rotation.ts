/** Keys changed while the cluster runs: what `bramble rotate` asks for. Both are for whoever may POST to these paths: administrators. */
import { join } from 'node:path'
import { createPublicKey } from 'node:crypto'
import type { Log } from '../shared/base/host.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { createKeyAndCsr } from '../shared/pki/certificates.ts'
import type { ServedDocument } from './api-server/authn/openid-documents.ts'
import { resourcePrefix } from './api-server/keys.ts'
import type { Encryption } from './store/encryption/envelope.ts'
import type { SqliteStore } from './store/sqlite/sqlite-store.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'

const KEY_FILE = 'service-account.key'
/** Public halves of the keys before, one PEM after another, newest first: what they signed stays good until it ends. */
const EARLIER_FILE = 'service-account-earlier.pub'

export interface ServiceAccountKeys { readonly keyPem: string; readonly earlierPem: readonly string[] }

/** Reads the keys in `<dataDir>/pki`, making the first where there is none. */
export async function loadServiceAccountKeys(dataDir: string): Promise<ServiceAccountKeys> {
  const dir = join(dataDir, 'pki')
  const [kept, earlier = ''] = await Promise.all([readIfThere(join(dir, KEY_FILE)), readIfThere(join(dir, EARLIER_FILE))])
  return { keyPem: kept ?? await makeKey(dir), earlierPem: earlier.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [] }
}

async function makeKey(dir: string): Promise<string> {
  const { keyPem } = await createKeyAndCsr({ commonName: 'service-account' })
  await writeFileAtomic(join(dir, KEY_FILE), keyPem, { mode: 0o600 })
  return keyPem
}

/** The old key is among the earlier ones before the new one signs: no crash between makes a good token bad. Returns the new key. */
async function rotateServiceAccountKey(dataDir: string): Promise<string> {
  const dir = join(dataDir, 'pki')
  const { keyPem, earlierPem } = await loadServiceAccountKeys(dataDir)
  const old = createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString().trim()
  await writeFileAtomic(join(dir, EARLIER_FILE), `${[...new Set([old, ...earlierPem])].join('\n')}\n`)
  return makeKey(dir)
}

/** `secrets`, `configmaps`, `widgets.example.com`: which store keys are those of the resources. */
export function storedUnder(resources: readonly string[]): (key: string) => boolean {
  const prefixes = resources.map((name) => {
    const dot = name.indexOf('.')
    return resourcePrefix({ group: dot < 0 ? '' : name.slice(dot + 1), resource: dot < 0 ? name : name.slice(0, dot), namespaced: true })
  })
  return (key) => prefixes.some((prefix) => key.startsWith(prefix))
}

interface Deps { readonly dataDir: string; readonly store: SqliteStore; readonly encryption: Encryption; readonly tokens: ServiceAccountTokens; readonly log: Log }

export function keyRotation({ dataDir, store, encryption, tokens, log }: Deps): Readonly<Record<string, ServedDocument>> {
  // One at a time: two rotations at once would each rewrite the other's work.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work)
    turn = Promise.allSettled([result])
    return result
  }
  const act = (body: () => Promise<object>): ServedDocument => ({ verb: 'post', contentType: 'application/json', cacheControl: 'no-cache, private', body: () => inTurn(body) })
  return {
    '/bramble/v1/encryption-key/rotate': act(async () => {
      const key = await encryption.rotate()
      const rewritten = await store.rewrite((name) => encryption.covers(name))
      log.info('stored values are under the new key', { key, count: rewritten })
      return { key, rewritten }
    }),
    '/bramble/v1/token-key/rotate': act(async () => {
      tokens.signWith(await rotateServiceAccountKey(dataDir))
      const keys = tokens.keySet().keys as { kid: string }[]
      log.info('service-account tokens are signed with a new key', { key: keys[0]?.kid })
      return { key: keys[0]?.kid, earlier: keys.slice(1).map((k) => k.kid) }
    }),
  }
}
