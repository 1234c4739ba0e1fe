/** The official client of Node, `@kubernetes/client-node`, for a server of the tests. */
import { Agent, get } from 'node:https'
import { ApiException, KubeConfig } from '@kubernetes/client-node'
import type { FakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import { writeKubeconfig } from '../../shared/client/kubeconfig.ts'

/** As a user of these groups; the administrator unless said otherwise. */
export async function clientOf(cluster: FakeCluster, user = 'admin', groups: readonly string[] = ['system:masters']): Promise<KubeConfig> {
  const { certPem, keyPem } = await cluster.credentials(user, groups)
  const config = new KubeConfig()
  config.loadFromString(writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user, certPem, keyPem }))
  return config
}

export interface Status { readonly kind: string; readonly status: string; readonly code: number; readonly reason?: string; readonly message: string; readonly details?: object; readonly metadata: { readonly continue?: string } }

/** The Status that a call is refused with, as the client read it; throws where the call is answered or the failure is none of the server's. */
export async function refusal(call: Promise<unknown>): Promise<Status & { readonly headers: Readonly<Record<string, string>> }> {
  const error: unknown = await call.then((answer) => new Error(`it was answered: ${JSON.stringify(answer)}`), (e: unknown) => e)
  if (!(error instanceof ApiException)) throw error
  const status = (typeof error.body === 'string' ? JSON.parse(error.body) : error.body) as Status
  if (status.code !== error.code) throw new Error(`Status of code ${status.code} in an answer of ${error.code}`)
  return { ...status, headers: error.headers }
}

/** The whole body of the answer to a GET with this `Accept`. */
export type Ask = (path: string, accept?: string) => Promise<string>

/** As the administrator, past the client: for forms of an answer that it does not ask for. */
export async function asker(cluster: FakeCluster): Promise<Ask> {
  const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
  const agent = new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem, keepAlive: false })
  return (path, accept = 'application/json') => new Promise((resolve, reject) => {
    get(`${cluster.url}${path}`, { agent, headers: { accept } }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (piece: string) => { text += piece }).on('end', () => resolve(text)).on('error', reject)
    }).on('error', reject)
  })
}
