/** The node's own credentials for registries: a docker `config.json`, as `docker login` writes it. Read when a pull begins, so that a change counts from the next pull on. */
import { messageOf } from '../../../shared/base/errors.ts'
import type { Log } from '../../../shared/base/host.ts'
import { readText } from '../../../shared/host/tree.ts'
import { readKeyring, type Keyring } from './credentials.ts'

/** The first of the files that is there counts, alone (upstream's `ReadDockerConfigFile`). One that cannot be read gives none, and is logged once. */
export function nodeKeyring(paths: readonly string[], log: Log): () => Promise<Keyring> {
  let complained = ''
  const complain = (path: string, error: string): Keyring => {
    if (complained !== path + error) log.warn('the credentials of the node cannot be read', { file: path, error })
    complained = path + error
    return []
  }
  return async () => {
    for (const path of paths) {
      try {
        const text = await readText(path)
        if (text === undefined) continue
        const keyring = readKeyring(text, 'config.json')
        if (keyring === undefined) return complain(path, 'not a docker config.json')
        complained = ''
        return keyring
      } catch (e) {
        return complain(path, messageOf(e))
      }
    }
    return []
  }
}
