/** The API as a command sees it: one cluster and user of a kubeconfig, requests that answer JSON or throw a `StatusError`. */
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { parse } from 'yaml'
import type { Status } from '../../shared/api/meta-v1.ts'
import { messageOf, StatusError } from '../../shared/base/errors.ts'

interface Named<K extends string, V> { readonly name: string; readonly [k: string]: unknown; readonly value?: V; readonly kind?: K }
interface KubeconfigFile {
  'current-context'?: string
  clusters?: (Named<'cluster', unknown> & { cluster?: Record<string, unknown> })[]
  users?: (Named<'user', unknown> & { user?: Record<string, unknown> })[]
  contexts?: (Named<'context', unknown> & { context?: { cluster?: string; user?: string; namespace?: string } })[]
}

export interface Connection {
  readonly server: string
  /** Namespace of the context, `default` where it names none. */
  readonly namespace: string
  /** The CA's certificate in PEM. */
  readonly ca: string
  /** Rejects with the server's `StatusError`, or `ServiceUnavailable` where it cannot be reached. */
  call<T>(method: string, path: string, options?: { body?: unknown; contentType?: string; accept?: string }): Promise<T>
  close(): void
}

async function material(entry: Record<string, unknown>, name: string): Promise<Buffer | undefined> {
  const data = entry[`${name}-data`]
  if (typeof data === 'string') return Buffer.from(data, 'base64')
  const file = entry[name]
  return typeof file === 'string' ? await readFile(file) : undefined
}

/** Reads the current context of a kubeconfig. Throws an Error that names the file and what is missing in it. */
export async function connect(path: string, contextName?: string): Promise<Connection> {
  let file: KubeconfigFile
  try {
    file = parse(await readFile(path, 'utf8')) as KubeconfigFile
  } catch (e) {
    throw new Error(`cannot read the kubeconfig ${path}: ${messageOf(e)}`, { cause: e })
  }
  const name = contextName ?? file['current-context']
  const context = file.contexts?.find((c) => c.name === name)?.context
  if (!context) throw new Error(`${path} has no context "${name ?? ''}"`)
  const cluster = file.clusters?.find((c) => c.name === context.cluster)?.cluster
  const user = file.users?.find((u) => u.name === context.user)?.user
  if (typeof cluster?.server !== 'string' || !user) throw new Error(`${path}: context "${name}" names a cluster or user that is not there`)
  const [ca, cert, key] = await Promise.all([material(cluster, 'certificate-authority'), material(user, 'client-certificate'), material(user, 'client-key')])
  const url = new URL(cluster.server)
  const agent = new Agent({ keepAlive: true, ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) })
  const authorization = typeof user.token === 'string' ? { authorization: `Bearer ${user.token}` } : {}
  return {
    server: cluster.server, namespace: context.namespace ?? 'default', ca: ca?.toString() ?? '',
    call: (method, target, options = {}) => new Promise((resolve, reject) => {
      const payload = options.body === undefined ? undefined : JSON.stringify(options.body)
      const headers = {
        accept: options.accept ?? 'application/json', 'user-agent': `bramble/${process.env.BRAMBLE_VERSION ?? 'dev'}`, ...authorization,
        ...(payload === undefined ? {} : { 'content-type': options.contentType ?? 'application/json', 'content-length': Buffer.byteLength(payload) }),
      }
      const req = request({ agent, method, host: url.hostname, port: url.port || 443, path: url.pathname.replace(/\/$/, '') + target, headers }, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (c: Buffer) => chunks.push(c))
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const json = res.headers['content-type']?.includes('json') ?? false
          if ((res.statusCode ?? 500) < 300) resolve((json ? JSON.parse(text) : text) as never)
          else reject(json ? StatusError.from(JSON.parse(text) as Status) : new StatusError('', text || `HTTP ${res.statusCode}`, { code: res.statusCode ?? 500 }))
        })
      })
      req.on('error', (e) => reject(new StatusError('ServiceUnavailable', `${cluster.server as string} cannot be reached: ${messageOf(e)}`, { cause: e })))
      req.end(payload)
    }),
    close: () => agent.destroy(),
  }
}
