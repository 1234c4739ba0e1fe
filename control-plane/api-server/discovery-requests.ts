/** Everything that is not a resource: discovery, OpenAPI, version and health. */
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions, groupVersions } from './discovery/groups.ts'
import type { Served } from './discovery/groups.ts'
import type { Document } from './discovery/documents.ts'
import { Documents } from './discovery/documents.ts'
import { openApiV2Protobuf, openApiV2ProtobufAnswer } from './discovery/openapi-v2-protobuf.ts'
import { openApiV2Document } from './discovery/openapi-v2.ts'
import { kubernetesVersion, openApiV3Document, openApiV3Index } from './discovery/openapi-v3.ts'
import type { RemoteDocuments } from './aggregation/remote-openapi.ts'
import type { ServedDocument } from './authn/openid-documents.ts'
import { negotiate } from './negotiate.ts'
import { noSuchResource } from './resource-requests.ts'
import type { Reply } from './server-response.ts'
import { sendBytes, sendJson } from './server-response.ts'

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
  /** Compressed: half a megabyte each otherwise, and asked for rarely. */
  readonly #documents: Documents
  readonly #remote: RemoteDocuments | undefined

  /** What depends on all that is served, here and elsewhere. */
  get #all(): string { return `${this.#documents.all} ${this.#served.elsewhere?.generation ?? 0}` }

  /** `paths`: what is served besides, for the index at `/`. `beside`: documents with a path of their own. `remote`: the OpenAPI of aggregated servers. */
  constructor(served: Served, paths: readonly string[], beside: Readonly<Record<string, ServedDocument>> = {}, remote?: RemoteDocuments) {
    this.#served = served
    this.#remote = remote
    this.#documents = new Documents(served.registry, version.gitVersion)
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
    const form = negotiate(asked.req.headers.accept, { protobuf: () => true, stream: false })
    const reply: Reply = { ...asked, form }
    if (form.as === 'aggregated-discovery' && (path === '/api' || path === '/apis')) {
      const v = form.version === 'v2beta1' ? 'v2beta1' : 'v2'
      const make = () => Promise.resolve(Buffer.from(JSON.stringify(aggregatedDiscovery(this.#served, path === '/api' ? 'api' : 'apis', v))))
      return this.#sendDocument(asked, await this.#documents.get(`${path} ${v}`, this.#all, make), `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`)
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
    const { registry } = this.#served
    const accept = asked.req.headers.accept ?? ''
    if (path === '/openapi/v2') {
      const form = accept.includes(openApiV2Protobuf) ? 'protobuf' : 'json'
      const remote = await this.#remote?.v2Hash()
      const document = await this.#documents.get(`v2/${form}`, remote ? `${this.#documents.all} ${remote}` : this.#documents.all, async () => openApiV2Document(registry, form, remote ? await this.#remote?.v2Parts() : []))
      return this.#sendDocument(asked, document, form === 'protobuf' ? openApiV2ProtobufAnswer : 'application/json')
    }
    const hashes = this.#documents.hashes()
    if (path === '/openapi/v3') return sendBytes(asked, 200, Buffer.from(JSON.stringify(openApiV3Index(hashes, await this.#remote?.v3Index()))))
    const match = /^\/openapi\/v3\/((?:api|apis\/([^/]+))\/([^/]+))$/.exec(path)
    const [, key = '', group = '', v = ''] = match ?? []
    const hash = hashes.get(key)
    if (hash === undefined) throw noSuchResource()
    const asks = asked.info.query.get('hash')
    if (asks !== null && asks !== '' && asks !== hash) return redirect(asked.res, `${path}?hash=${hash}`)
    const document = await this.#documents.get(`v3/${key}`, hash, () => openApiV3Document(registry, group, v))
    return this.#sendDocument(asked, document, 'application/json', asks === hash)
  }

  /** With an ETag, and 304 where the client has it. `immutable`: the URL names this very content. */
  async #sendDocument({ req, res, info }: Asked, document: Document | undefined, contentType: string, immutable = false): Promise<void> {
    if (!document) throw noSuchResource()
    const etag = `"${document.hash}"`
    res.setHeader('ETag', etag)
    res.setHeader('Vary', 'Accept, Accept-Encoding')
    res.setHeader('Cache-Control', immutable ? `public, immutable, max-age=${YEAR}` : 'no-cache, private')
    if (matches(req.headers['if-none-match'], etag)) {
      res.writeHead(304).end()
      return
    }
    res.setHeader('Content-Type', contentType)
    const zip = /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''))
    if (zip) res.setHeader('Content-Encoding', 'gzip')
    const bytes = zip ? document.zipped : await document.plain()
    res.setHeader('Content-Length', bytes.length)
    res.writeHead(200)
    res.end(info.verb === 'head' ? undefined : bytes)
  }
}

/** Seconds. */
const YEAR = 365 * 86_400

const matches = (header: string | undefined, etag: string): boolean => header !== undefined && (header === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag))

function redirect(res: Asked['res'], to: string): void {
  res.setHeader('Location', to)
  res.writeHead(301).end()
}
