/** CONNECT: streams and proxies are admitted by their options, which the query holds (`endpoints/handlers/rest.ConnectResource`). */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { User } from '../authn/user.ts'
import type { RequestInfo } from '../request-info.ts'
import type { Registry } from '../resources/registry.ts'
import { admissionRequest } from '../verbs/admission-request.ts'
import type { ApiContext, RequestFacts } from '../verbs/context.ts'

const truthy = (v: string | null): boolean => v !== null && v !== '0' && v !== 'false'

function streamOptions(query: URLSearchParams): object {
  const container = query.get('container')
  const command = query.getAll('command')
  const flags = (['stdin', 'stdout', 'stderr', 'tty'] as const).filter((flag) => truthy(query.get(flag)))
  return { ...Object.fromEntries(flags.map((flag) => [flag, true])), ...(container ? { container } : {}), ...(command.length ? { command } : {}) }
}

function attachOptions(query: URLSearchParams): object {
  const { command: _command, ...options } = streamOptions(query) as { command?: unknown }
  return options
}

const proxyOptions = (_query: URLSearchParams, rest: string): object => ({ path: `/${rest}` })

const options: Readonly<Record<string, readonly [kind: string, of: (query: URLSearchParams, rest: string) => object]>> = {
  'pods/exec': ['PodExecOptions', streamOptions], 'pods/attach': ['PodAttachOptions', attachOptions],
  'pods/portforward': ['PodPortForwardOptions', (query) => {
    const ports = query.getAll('ports').flatMap((p) => p.split(',')).filter((p) => /^\d+$/.test(p)).map(Number)
    return ports.length ? { ports } : {}
  }],
  'pods/proxy': ['PodProxyOptions', proxyOptions], 'services/proxy': ['ServiceProxyOptions', proxyOptions], 'nodes/proxy': ['NodeProxyOptions', proxyOptions],
}

/** Rejects where a plugin refuses. To be called after authorization, before anything is opened. Does nothing for what is no CONNECT. */
export async function admitConnect(ctx: ApiContext, registry: Registry, info: RequestInfo, user: User, request?: RequestFacts): Promise<void> {
  const found = info.group === '' ? options[`${info.resource}/${info.subresource}`] : undefined
  const definition = found && registry.find(info.group, info.version, info.resource)
  if (!found || !definition) return
  const [kind, of] = found
  const object = { kind, apiVersion: 'v1', ...of(info.query, info.rest) } as KubeObject
  const target = { definition, namespace: info.namespace, name: info.name, subresource: info.subresource, user, dryRun: false, ...(request ? { request } : {}) }
  await ctx.admission.around(admissionRequest(target, 'CONNECT', { object, kind: { group: '', version: 'v1', kind } }), () => Promise.resolve())
}
