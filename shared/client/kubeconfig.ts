/** Reading and writing kubeconfig files, as far as our own clients need: certificates (data or files) and tokens. No plugins, no proxies: refused by name. */
import { isAbsolute, resolve } from 'node:path'
import { parse } from 'yaml'
import type { HttpClientOptions } from './http-client.ts'

interface Config {
  'current-context'?: string
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[]
  clusters?: { name: string; cluster: Record<string, unknown> }[]
  users?: { name: string; user: Record<string, unknown> }[]
}

export interface Access { readonly client: HttpClientOptions; /** Of the context; `default` unless it says. */ readonly namespace: string }

const unsupported = ['exec', 'auth-provider', 'username', 'impersonate', 'as'] as const

/** `read` gives the bytes of a file the config names; relative names count from `directory`. Throws with what is missing, never with a secret. */
export function readKubeconfig(text: string, options: { directory: string; read(path: string): Buffer; context?: string }): Access {
  const config = parse(text) as Config | null
  const name = options.context ?? config?.['current-context']
  const context = config?.contexts?.find((c) => c.name === name)?.context
  if (!context) throw new Error(`kubeconfig has no context ${JSON.stringify(name ?? '')}`)
  const cluster = config?.clusters?.find((c) => c.name === context.cluster)?.cluster
  const user = config?.users?.find((u) => u.name === context.user)?.user ?? {}
  const server = cluster?.server
  if (!cluster || typeof server !== 'string') throw new Error(`kubeconfig has no server for cluster ${JSON.stringify(context.cluster)}`)
  if (cluster['insecure-skip-tls-verify'] || cluster['proxy-url']) throw new Error('kubeconfig: insecure-skip-tls-verify and proxy-url are not supported')
  const refused = unsupported.find((key) => user[key] !== undefined)
  if (refused) throw new Error(`kubeconfig: ${refused} is not supported for users`)
  const material = (from: Record<string, unknown>, key: string): Buffer | undefined => {
    const data = from[`${key}-data`]
    if (typeof data === 'string') return Buffer.from(data, 'base64')
    const file = from[key]
    return typeof file === 'string' ? options.read(isAbsolute(file) ? file : resolve(options.directory, file)) : undefined
  }
  const [ca, cert, key] = [material(cluster, 'certificate-authority'), material(user, 'client-certificate'), material(user, 'client-key')]
  const tokenFile = user.tokenFile
  const token = typeof user.token === 'string' ? user.token : typeof tokenFile === 'string' ? options.read(resolve(options.directory, tokenFile)).toString().trim() : undefined
  const serverName = cluster['tls-server-name']
  return {
    namespace: context.namespace ?? 'default',
    client: {
      server, ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}), ...(token ? { token: () => token } : {}),
      ...(typeof serverName === 'string' ? { serverName } : {}),
    },
  }
}

/** A kubeconfig for one user with a client certificate, as text that is both JSON and YAML. */
export function writeKubeconfig(options: { name: string; server: string; caPem: string; user: string; certPem: string; keyPem: string }): string {
  const data = (pem: string): string => Buffer.from(pem).toString('base64')
  const context = `${options.user}@${options.name}`
  return `${JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': context, preferences: {},
    clusters: [{ name: options.name, cluster: { server: options.server, 'certificate-authority-data': data(options.caPem) } }],
    users: [{ name: options.user, user: { 'client-certificate-data': data(options.certPem), 'client-key-data': data(options.keyPem) } }],
    contexts: [{ name: context, context: { cluster: options.name, user: options.user } }],
  }, undefined, 2)}\n`
}
