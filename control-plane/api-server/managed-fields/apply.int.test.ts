/** Server-side apply, diff and pruning with unmodified kubectl, oldest, middle and newest; and over plain HTTPS the answers to what is wrong. */
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refs } from '../../../shared/api/refs.ts'
import { writeKubeconfig } from '../../../shared/client/kubeconfig.ts'
import { run } from '../../../shared/host/exec.ts'
import { startFakeCluster } from '../fake-cluster.ts'
import type { FakeCluster } from '../fake-cluster.ts'

function kubectlOf(version: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((d) => join(d, 'kubectl')).find((f) => existsSync(f))
  if (!path) throw new Error('kubectl is not installed: it is what this test is about')
  return join(dirname(realpathSync(path)), `kubectl.${version}`)
}

const deployment = (over: { replicas?: number; image?: string; extra?: string } = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: a}}
spec:${over.replicas === undefined ? '' : `
  replicas: ${over.replicas}`}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: ${over.image ?? 'nginx'}, ports: [{containerPort: 80}]}
${over.extra ?? ''}`
const configMap = (name: string, data: string, label = 'x'): string => `---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: ${label}}}\ndata: ${data}\n`

describe.each(['1.27', '1.30', '1.33'])('kubectl %s', (version) => {
  let cluster: FakeCluster
  let directory: string
  const exec = async (args: string, input = '') => {
    const argv = [kubectlOf(version), `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args.split(' ')]
    const { exitCode, stdout, stderr } = await run(argv, { input, timeout: 20_000 })
    return { exitCode, out: stdout.toString(), err: stderr.toString() }
  }
  const kubectl = async (args: string, input = ''): Promise<string> => {
    const { exitCode, out, err } = await exec(args, input)
    if (exitCode) throw new Error(err)
    return out
  }
  beforeAll(async () => {
    cluster = await startFakeCluster()
    directory = mkdtempSync(join(tmpdir(), 'bramble-apply-'))
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
  })
  afterAll(async () => {
    await cluster.close()
    rmSync(directory, { recursive: true })
  })

  it('applies server-side: creates, repeats, meets conflicts, forces, gives up fields', async () => {
    expect(await kubectl('apply --server-side -f -', deployment({ replicas: 2 }))).toBe('deployment.apps/web serverside-applied\n')
    const first = await kubectl('get deployment web -o jsonpath={.metadata.resourceVersion}')
    expect(await kubectl('apply --server-side -f -', deployment({ replicas: 2 }))).toBe('deployment.apps/web serverside-applied\n')
    expect(await kubectl('get deployment web -o jsonpath={.metadata.resourceVersion}')).toBe(first)
    await kubectl('scale deployment web --replicas=5')
    expect(await kubectl('get deployment web --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager},{.metadata.managedFields[1].subresource}')).toBe(`kubectl kubectl.${version},scale`)
    const refused = await exec('apply --server-side -f -', deployment({ replicas: 2 }))
    expect(refused.exitCode).toBe(1)
    expect(refused.err).toContain(`Apply failed with 1 conflict: conflict with "kubectl.${version}" with subresource "scale" using apps/v1: .spec.replicas`)
    expect(await kubectl('apply --server-side --force-conflicts -f -', deployment({ replicas: 3 }))).toBe('deployment.apps/web serverside-applied\n')
    expect(await kubectl('get deployment web -o jsonpath={.spec.replicas}')).toBe('3')
    // Nobody else owns it: it goes, and the default comes.
    await kubectl('apply --server-side -f -', deployment())
    expect(await kubectl('get deployment web -o jsonpath={.spec.replicas}')).toBe('1')
    await expect(kubectl('apply --server-side -f -', deployment({ extra: '  foo: 1\n' }))).rejects.toThrow(/unknown field "(spec\.)?foo"|\.spec\.foo: field not declared in schema/)
    await kubectl('delete deployment web')
  })

  it('shows what would change, by client and by server, and changes nothing', async () => {
    await kubectl('apply -f -', deployment({ image: 'nginx:1' }))
    for (const how of ['', '--server-side --force-conflicts --field-manager=d ']) {
      const same = await exec(`diff ${how}-f -`, deployment({ image: 'nginx:1' }))
      expect([same.exitCode, same.err]).toEqual([0, ''])
      const other = await exec(`diff ${how}-f -`, deployment({ image: 'nginx:2' }))
      expect(other.exitCode).toBe(1)
      expect(other.out).toMatch(/-\s+- image: nginx:1\n\+\s+- image: nginx:2/)
    }
    expect(await kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).toBe('nginx:1')
    // From client-side to server-side apply: no conflict with oneself, the annotation follows.
    expect(await kubectl('apply --server-side -f -', deployment({ image: 'nginx:3' }))).toBe('deployment.apps/web serverside-applied\n')
    expect(await kubectl('get deployment web -o jsonpath={.metadata.annotations}')).toContain('nginx:3')
    await kubectl('delete deployment web')
  })

  it('prunes what is not applied any more', async () => {
    await kubectl('apply -f -', configMap('one', '{a: b}') + configMap('two', '{a: b}') + configMap('other', '{a: b}', 'z'))
    const out = await kubectl('apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -', configMap('one', '{a: c}'))
    expect(out).toBe('configmap/one configured\nconfigmap/two pruned\n')
    expect((await kubectl('get configmaps -o name')).split('\n').filter((n) => /\/(one|two|other)$/.test(n))).toEqual(['configmap/one', 'configmap/other'])
  })

  it('applies without writing in a dry run, and creates what two managers share', async () => {
    await kubectl('apply --server-side --dry-run=server -f -', configMap('dry', '{a: b}'))
    await expect(kubectl('get configmap dry')).rejects.toThrow('not found')
    await kubectl('apply --server-side --field-manager=one -f -', configMap('shared', '{a: b}'))
    await kubectl('apply --server-side --field-manager=two -f -', configMap('shared', '{a: b, c: d}'))
    await kubectl('apply --server-side --field-manager=one -f -', configMap('shared', '{}'))
    expect(await kubectl('get configmap shared -o jsonpath={.data}')).toBe('{"a":"b","c":"d"}')
    await kubectl('apply --server-side --field-manager=two -f -', configMap('shared', '{c: d}'))
    expect(await kubectl('get configmap shared -o jsonpath={.data}')).toBe('{"c":"d"}')
  })
})

describe('over HTTPS', () => {
  let cluster: FakeCluster
  beforeAll(async () => { cluster = await startFakeCluster() })
  afterAll(async () => { await cluster.close() })
  const head = { apiVersion: 'v1', kind: 'ConfigMap' }
  const key = (name: string) => ({ namespace: 'default', name })
  const apply = (name: string, document: object, options: object = { fieldManager: 'm' }) => cluster.admin.patch(refs.ConfigMap, key(name), 'application/apply-patch+yaml', document, options)

  it('refuses options that do not go together', async () => {
    await expect(apply('a', head, {})).rejects.toMatchObject({ code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch' })
    await expect(apply('a', head, { fieldManager: 'a\tb' })).rejects.toMatchObject({ code: 422, message: expect.stringContaining('invalid character U+0009 (at position 1)') })
    await expect(apply('a', head, { fieldManager: 'x'.repeat(129) })).rejects.toMatchObject({ code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes' })
    await expect(cluster.admin.patch(refs.ConfigMap, key('a'), 'application/merge-patch+json', {}, { force: true })).rejects.toMatchObject({ code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch' })
  })
  it('refuses documents of another object', async () => {
    await expect(apply('a', { ...head, metadata: { name: 'b' } })).rejects.toMatchObject({ code: 400, message: 'the name of the object (b) does not match the name on the URL (a)' })
    await expect(apply('a', { ...head, metadata: {} })).rejects.toMatchObject({ code: 400, message: 'the name of the object (a based on URL) was undeterminable: name must be provided' })
    await expect(apply('a', { ...head, metadata: { name: 'a', uid: 'u' } })).rejects.toMatchObject({ code: 409, message: expect.stringContaining('uid mismatch: the provided object specified uid u, and no existing object was found') })
    await expect(apply('a', { ...head, kind: 'Secret', metadata: { name: 'a' } })).rejects.toMatchObject({ code: 400, message: 'invalid object type: /v1, Kind=Secret' })
  })
  it('does not create for who may only patch', async () => {
    await cluster.admin.create(refs.ClusterRole, { metadata: { name: 'patcher' }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch'] }] } as never)
    await cluster.admin.create(refs.ClusterRoleBinding, { metadata: { name: 'patcher' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'patcher' }, subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'pat' }] } as never)
    const pat = await cluster.as('pat')
    const attempt = () => pat.patch(refs.ConfigMap, key('theirs'), 'application/apply-patch+yaml', { ...head, metadata: { name: 'theirs' }, data: { a: 'b' } }, { fieldManager: 'pat' })
    await expect.poll(() => attempt().catch((e: Error) => e.message)).toContain('User "pat" cannot create resource "configmaps" in API group "" in the namespace "default"')
    await apply('theirs', { ...head, metadata: { name: 'theirs' } })
    expect((await attempt()).data).toEqual({ a: 'b' })
  })
  it('says who wrote through which subresource, and that twice the same is nothing', async () => {
    const made = await cluster.admin.create(refs.Namespace, { metadata: { name: 'ns' } }, { fieldManager: 'one' })
    const next = await cluster.admin.patch(refs.Namespace, { name: 'ns' }, 'application/merge-patch+json', { status: { phase: 'Active', conditions: [{ type: 'A', status: 'True' }] } }, { subresource: 'status', fieldManager: 'two' })
    expect(next.metadata.managedFields?.at(-1)).toMatchObject({ manager: 'two', operation: 'Update', apiVersion: 'v1', subresource: 'status', fieldsType: 'FieldsV1', fieldsV1: { 'f:status': { 'f:conditions': { '.': {}, 'k:{"type":"A"}': { '.': {}, 'f:status': {}, 'f:type': {} } } } } })
    expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion))
    const again = await cluster.admin.patch(refs.Namespace, { name: 'ns' }, 'application/merge-patch+json', { status: { phase: 'Active' } }, { subresource: 'status', fieldManager: 'three' })
    expect(again.metadata).toEqual(next.metadata)
    const emptied = await cluster.admin.patch(refs.Namespace, { name: 'ns' }, 'application/merge-patch+json', { metadata: { managedFields: [{}] } })
    expect(emptied.metadata.managedFields).toBeUndefined()
  })
  it('checks each kind of patch field by field', async () => {
    await cluster.admin.create(refs.ConfigMap, { metadata: { name: 'checked', namespace: 'default' }, data: { a: 'b' } })
    const path = '/api/v1/namespaces/default/configmaps/checked'
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    const send = async (type: string, body: string, validation: string) => {
      const { request } = await import('node:https')
      return new Promise<{ code: number; warnings: string; body: { message?: string; reason?: string } }>((resolve, reject) => {
        const req = request(`${cluster.url}${path}?fieldValidation=${validation}&fieldManager=m`, { method: 'PATCH', ca: cluster.ca.certPem, cert: certPem, key: keyPem, headers: { 'Content-Type': type } }, (res) => {
          const chunks: Buffer[] = []
          res.on('data', (c: Buffer) => chunks.push(c))
          res.on('end', () => resolve({ code: res.statusCode ?? 0, warnings: [res.headers.warning ?? []].flat().join(), body: JSON.parse(Buffer.concat(chunks).toString()) as object }))
        })
        req.on('error', reject)
        req.end(body)
      })
    }
    const merge = '{"data":{"a":"1","a":"2"},"foo":1}'
    const strict = 'strict decoding error: duplicate field "data.a", unknown field "foo"'
    for (const type of ['application/merge-patch+json', 'application/strategic-merge-patch+json']) {
      const refused = await send(type, merge, 'Strict')
      expect([refused.code, refused.body.reason]).toEqual([422, 'Invalid'])
      expect(refused.body.message).toMatch(new RegExp(`^ "" is invalid: patch: Invalid value: ".*": ${strict}$`))
      const warned = await send(type, merge, 'Warn')
      expect(warned.code).toBe(200)
      expect(warned.warnings).toContain('duplicate field \\"data.a\\"')
      expect(warned.warnings).toContain('unknown field \\"foo\\"')
      expect((await send(type, merge, 'Ignore')).warnings).toBe('')
    }
    const operations = '[{"op":"add","path":"/data/x","value":"y","foo":1},{"op":"add","path":"/data/z","path":"/data/z","value":"y"}]'
    expect((await send('application/json-patch+json', operations, 'Strict')).body.message).toContain('strict decoding error: json patch unknown field "[0].foo", json patch duplicate field "[1].path"')
    const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: checked}\ndata:\n  q: r\n  q: s\n'
    expect((await send('application/apply-patch+yaml', twice, 'Strict')).body.message).toBe('error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "q" already set in map')
    expect((await send('application/apply-patch+yaml', twice, 'Warn')).warnings).toContain('line 6: key \\"q\\" already set in map')
    expect(await send('application/apply-patch+cbor', '', 'Warn')).toMatchObject({ code: 415, body: { message: 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml' } })
    expect((await send('application/apply-patch+yaml', 'a: [', 'Warn')).body.message).toMatch(/^error decoding YAML: /)
    expect((await send('application/merge-patch+json', '{', 'Warn')).body.message).toMatch(/^error decoding patch: /)
  })
})
