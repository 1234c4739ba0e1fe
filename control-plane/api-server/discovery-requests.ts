/** Everything that is not a resource: discovery, OpenAPI, version and health. */
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions, groupVersions } from './discovery/groups.ts'
import type { Served } from './discovery/groups.ts'
import { openApiV2Protobuf, openApiV2ProtobufAnswer } from './discovery/openapi-v2-protobuf.ts'
import { openApiV2Document } from './discovery/openapi-v2.ts'
import { kubernetesVersion, openApiV3Document, openApiV3Index } from './discovery/openapi-v3.ts'
import type { ServedDocument } from './authn/openid-documents.ts'
import { negotiate } from './negotiate.ts'
import { noSuchResource } from './resource-requests.ts'
import type { Reply } from './server-response.ts'
import { sendBytes, sendJson } from './server-response.ts'

const compress = promisify(gzip)
const decompress = promisify(gunzip)

type Asked = Omit<Reply, 'form'>

const [, major = '1', minor = '33'] = /^v(\d+)\.(\d+)/.exec(kubernetesVersion) ?? []
const version = {
  major, minor, gitVersion: `${kubernetesVersion}+bramble`, gitCommit: '', gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${process.versions.node}`, compiler: 'node', platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
}

export class Discovery {
  readonly #served: Served
  readonly #paths: readonly string[]
  readonly #beside: Readonly<Record<string, ServedDocument>>
  /** OpenAPI documents, compressed: half a megabyte each otherwise, and asked for rarely. */
  readonly #documents = new Map<string, Promise<Buffer | undefined>>()

  /** `paths`: what is served besides, for the index at `/`. `beside`: documents with a path of their own. */
  constructor(served: Served, paths: readonly string[], beside: Readonly<Record<string, ServedDocument>> = {}) {
    this.#served = served
    this.#beside = beside
    this.#paths = paths
  }

  async handle(asked: Asked): Promise<void> {
    const path = asked.info.path.length > 1 ? asked.info.path.replace(/\/$/, '') : asked.info.path
    const beside = this.#beside[path]
    if (beside && (beside.verb === asked.info.verb || (beside.verb === 'get' && asked.info.verb === 'head'))) {
      const body = await beside.body(asked.req)
      asked.res.setHeader('Cache-Control', beside.cacheControl)
      return sendBytes(asked, 200, Buffer.from(JSON.stringify(body)), beside.contentType)
    }
    if (asked.info.verb !== 'get' && asked.info.verb !== 'head') throw noSuchResource()
    if (path.startsWith('/openapi/')) return this.#openApi(asked, path)
    const form = negotiate(asked.req.headers.accept)
    const reply: Reply = { ...asked, form }
    if (form.as === 'aggregated-discovery' && (path === '/api' || path === '/apis')) {
      const v = form.version === 'v2beta1' ? 'v2beta1' : 'v2'
      return sendBytes(reply, 200, Buffer.from(JSON.stringify(aggregatedDiscovery(this.#served, path === '/api' ? 'api' : 'apis', v))), `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`)
    }
    const document = this.#document(path, asked)
    if (!document) throw noSuchResource()
    return sendJson(reply, 200, document)
  }

  #document(path: string, { req }: Asked): object | undefined {
    if (path === '/version') return version
    if (path === '/api') return apiVersions(`${req.socket.localAddress ?? ''}:${req.socket.localPort ?? ''}`)
    if (path === '/apis') return apiGroupList(this.#served)
    if (path === '/') {
      const groups = groupVersions(this.#served).flatMap(({ group, version: v }) => (group ? [`/apis/${group}`, `/apis/${group}/${v}`] : [`/api/${v}`]))
      return { paths: [...new Set(['/api', '/apis', '/openapi/v2', '/openapi/v3', '/version', ...groups, ...this.#paths, ...Object.keys(this.#beside).filter((p) => this.#beside[p]?.verb === 'get')])].sort() }
    }
    const [root, first = '', second = '', more] = path.slice(1).split('/')
    if (more !== undefined) return undefined
    if (root === 'api') return second ? undefined : apiResourceList(this.#served, '', first)
    if (root !== 'apis') return undefined
    return second ? apiResourceList(this.#served, first, second) : apiGroup(this.#served, first)
  }

  async #openApi(asked: Asked, path: string): Promise<void> {
    const accept = asked.req.headers.accept ?? ''
    if (path === '/openapi/v2') {
      const form = accept.includes(openApiV2Protobuf) ? 'protobuf' : 'json'
      return this.#sendDocument(asked, `v2/${form}`, () => openApiV2Document(this.#served.registry, form), form === 'protobuf' ? openApiV2ProtobufAnswer : 'application/json')
    }
    if (path === '/openapi/v3') return sendBytes(asked, 200, Buffer.from(JSON.stringify(openApiV3Index(this.#served.registry, kubernetesVersion))))
    const match = /^\/openapi\/v3\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path)
    if (!match) throw noSuchResource()
    const [, group = '', v = ''] = match
    return this.#sendDocument(asked, path, () => openApiV3Document(this.#served.registry, group, v), 'application/json')
  }

  async #sendDocument(asked: Asked, key: string, make: () => Promise<Buffer | undefined>, contentType: string): Promise<void> {
    let compressed = this.#documents.get(key)
    if (!compressed) {
      compressed = make().then((bytes) => (bytes ? compress(bytes) : undefined))
      // Only what is served is kept, so the map is as small as the list of group-versions; a failure is tried again.
      this.#documents.set(key, compressed)
      compressed.then((bytes) => { if (!bytes) this.#documents.delete(key) }, () => this.#documents.delete(key))
    }
    const bytes = await compressed
    if (!bytes) throw noSuchResource()
    if (!/\bgzip\b/.test(String(asked.req.headers['accept-encoding'] ?? ''))) return sendBytes(asked, 200, await decompress(bytes), contentType)
    const { res } = asked
    res.setHeader('Content-Encoding', 'gzip')
    res.setHeader('Vary', 'Accept-Encoding')
    return sendBytes({ ...asked, req: { headers: {} } as typeof asked.req }, 200, bytes, contentType)
  }
}
