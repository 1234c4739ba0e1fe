/** Asks a registry through the daemon, with the daemon's mirrors, authorities and proxies. `docker pull` of a digest answers from memory what it had once. */
import { request } from 'node:http'

/**
 * Resolves where the registry answers and does not say that it has no such image; that it wants a password is an answer. Rejects with what the
 * daemon says otherwise. A daemon that is not on a socket of this machine is not asked. (Docker Engine API 1.30, `/distribution/{name}/json`.)
 */
export function askRegistry(host: string, reference: string): Promise<void> {
  if (!host.startsWith('unix://')) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: host.slice('unix://'.length), path: `/distribution/${reference.split('/').map(encodeURIComponent).join('/')}/json`, timeout: 60_000 }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => { text = (text + chunk).slice(0, 4096) })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode === 200 || answer.statusCode === 401 || answer.statusCode === 403) resolve()
        else reject(new Error(messageIn(text) ?? `the registry of ${reference} cannot be asked (${answer.statusCode})`))
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`the registry of ${reference} does not answer`)))
    asked.on('error', reject)
    asked.end()
  })
}

function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch (e) {
    if (e instanceof SyntaxError) return undefined
    throw e
  }
}
