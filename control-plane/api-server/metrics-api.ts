/** GETs of the metrics APIs from inside the process: answered here, or by the server that is aggregated for the group, as a request over HTTPS would be. */
import { StatusError } from '../../shared/base/errors.ts'
import type { Status } from '../../shared/api/meta-v1.ts'
import type { Log } from '../../shared/base/host.ts'
import type { Aggregator } from './aggregation/aggregator.ts'
import type { User } from './authn/user.ts'
import { authorize, type Authorizer } from './authz/authorizer.ts'
import { parseRequest } from './request-info.ts'
import { noSuchResource } from './resource-requests.ts'
import { answerUsage, metricsGroup, type UsageSource } from './usage-metrics.ts'
import type { ApiContext } from './verbs/context.ts'

export interface MetricsApi {
  /** Versions of the group that an aggregated server answers for; none where there is none. */
  versions(group: string): readonly string[]
  /** The body of the answer. Rejects with a `StatusError`. */
  get(path: string): Promise<unknown>
}

export interface MetricsApiDeps { readonly aggregator: Pick<Aggregator, 'serverOf' | 'clients' | 'all'>; readonly usage: UsageSource | undefined; readonly ctx: ApiContext; readonly authorizer: Authorizer; readonly log: Log }

/** An aggregated server that does not answer by then is one that does not answer. */
const timeoutMs = 30_000

function bodyOf(text: string): unknown {
  try { return JSON.parse(text) } catch { return undefined }
}

export function createMetricsApi(deps: MetricsApiDeps, user: User): MetricsApi {
  const { aggregator, usage, ctx, authorizer, log } = deps
  return {
    versions: (group) => aggregator.all.filter((v) => v.group === group).map((v) => v.version),
    async get(path) {
      const info = parseRequest('GET', path)
      authorize(authorizer, { ...info, user })
      if (!aggregator.serverOf(info)) {
        if (info.group !== metricsGroup || !usage) throw noSuchResource()
        return answerUsage({ ctx, source: usage, log }, info)
      }
      const remote = aggregator.clients.find(({ gv }) => gv.group === info.group && gv.version === info.version)
      if (!remote) throw new StatusError('ServiceUnavailable', 'the server is currently unable to handle the request')
      let answer
      try {
        answer = await remote.client.get(path, { accept: 'application/json', timeoutMs, user })
      } catch (e) {
        throw new StatusError('ServiceUnavailable', 'the server is currently unable to handle the request', { cause: e })
      }
      const body = bodyOf(answer.body.toString())
      if (answer.code === 200 && body !== undefined) return body
      if ((body as Status | undefined)?.kind === 'Status') throw StatusError.from(body as Status)
      throw answer.code === 404 ? noSuchResource() : new StatusError('ServiceUnavailable', `the server answered ${answer.code}`)
    },
  }
}
