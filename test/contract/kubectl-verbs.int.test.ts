/** The verbs of kubectl that talk to a server, without a node: what they print and what they leave behind. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start } from '../../shared/host/exec.ts'
import { createKeyAndCsr } from '../../shared/pki/certificates.ts'
import { eventually } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import type { KubectlServer } from './kubectl-server.ts'
import { columns, contractKubectls, startKubectlServer } from './kubectl-server.ts'

let server: KubectlServer
beforeAll(async () => { server = await startKubectlServer() })
afterAll(() => server?.close())

const map = (name: string, data: object, labels?: object): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...labels ? { labels } : {} }, data })
const json = (value: object): { input: string } => ({ input: JSON.stringify(value) })
const list = (...items: object[]): { input: string } => json({ apiVersion: 'v1', kind: 'List', items })
const deployment = (image: string): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', labels: { app: 'web' } },
  spec: { replicas: 0, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image, ports: [{ containerPort: 80 }] }] } } },
})

describe.each(contractKubectls)('kubectl $version', (binary) => {
  const version = binary.version.replace('.', '-').toLowerCase()
  const namespace = `verbs-${version}`
  let kubectl: Kubectl
  const value = async (of: string, path: string): Promise<string> => kubectl.run(['get', ...of.split(' '), '-o', `jsonpath={${path}}`])
  beforeAll(async () => { kubectl = await server.kubectl(namespace, binary) })

  it('apply: creates, changes nothing, changes, takes away what is no longer said, prunes', async () => {
    expect(await kubectl.run('apply -f -', json(map('a', { x: '1', y: '2' })))).toBe('configmap/a created\n')
    expect(await kubectl.run('apply -f -', json(map('a', { x: '1', y: '2' })))).toBe('configmap/a unchanged\n')
    await kubectl.run(['patch', 'configmap', 'a', '-p', '{"data":{"z":"3"}}'])
    expect(await kubectl.run('apply -f -', json(map('a', { x: '9' })))).toBe('configmap/a configured\n')
    expect(JSON.parse(await value('configmap a', '.data'))).toEqual({ x: '9', z: '3' })
    await kubectl.run('apply -f -', list(map('p1', { a: '1' }, { set: 'p' }), map('p2', { a: '1' }, { set: 'p' })))
    expect(await kubectl.run('apply --prune -l set=p -f -', json(map('p1', { a: '1' }, { set: 'p' })))).toBe('configmap/p1 unchanged\nconfigmap/p2 pruned\n')
    expect(await kubectl.run('apply view-last-applied configmap/a')).toContain('x: "9"')
  })

  it('apply --server-side: fields have owners; force takes them; what came by client-side apply is taken over', async () => {
    expect(await kubectl.run('apply --server-side --field-manager=one -f -', json(map('s', { a: '1', b: '1' })))).toBe('configmap/s serverside-applied\n')
    const second = json(map('s', { a: '2' }))
    expect((await kubectl.said('apply --server-side --field-manager=two -f -', second.input)).err).toContain('conflict with "one": .data.a')
    await kubectl.run('apply --server-side --field-manager=two --force-conflicts -f -', second)
    expect(JSON.parse(await value('configmap s', '.data'))).toEqual({ a: '2', b: '1' })
    await kubectl.run('apply --server-side --field-manager=one -f -', json(map('s', {})))
    expect(JSON.parse(await value('configmap s', '.data'))).toEqual({ a: '2' })
    await kubectl.run('apply -f -', json(map('migrated', { a: '1', b: '1' })))
    await kubectl.run('apply --server-side -f -', json(map('migrated', { a: '1' })))
    expect(JSON.parse(await value('configmap migrated', '.data'))).toEqual({ a: '1' })
  })

  it('diff: what an apply would do, exit code 1; nothing, 0', async () => {
    for (const how of [[], ['--server-side', '--force-conflicts']]) {
      await kubectl.run('delete configmap d --ignore-not-found')
      await kubectl.run(['apply', ...how, '-f', '-'], json(map('d', { a: '1' })))
      expect(await kubectl.said(['diff', ...how, '-f', '-'], json(map('d', { a: '1' })).input)).toEqual({ code: 0, out: '', err: '' })
      const { code, out } = await kubectl.said(['diff', ...how, '-f', '-'], json(map('d', { a: '2' })).input)
      expect(code).toBe(1)
      expect(out).toMatch(/^-  a: "1"\n\+  a: "2"$/m)
    }
    expect(await value('configmap d', '.data.a')).toBe('1')
  })

  it('edit, of the object and of its status', async () => {
    const editor = join(server.dir, `editor-${version}`)
    await writeFile(editor, '#!/bin/sh\nsed -i "s/before/after/" "$1"\n')
    await chmod(editor, 0o700)
    await kubectl.run('create configmap e --from-literal=a=before')
    expect(await kubectl.run('edit configmap e', { env: { KUBE_EDITOR: editor } })).toContain('configmap/e edited')
    expect(await value('configmap e', '.data.a')).toBe('after')
    expect((await kubectl.said('edit configmap e', undefined, { env: { KUBE_EDITOR: 'true' } })).err).toContain('Edit cancelled, no changes made.')
  })

  it('patch in each type, replace, replace --force', async () => {
    await kubectl.run('create -f -', json(deployment('a')))
    await kubectl.run(['patch', 'deploy', 'web', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s"}]}}}}'])
    expect(await value('deploy web', '.spec.template.spec.containers[*].name')).toBe('side main')
    await kubectl.run(['patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"remove","path":"/spec/template/spec/containers/0"}]'])
    await kubectl.run(['patch', 'deploy', 'web', '--type=merge', '-p', '{"metadata":{"labels":{"app":null,"x":"y"}}}'])
    expect(JSON.parse(await value('deploy web', '.metadata.labels'))).toEqual({ x: 'y' })
    expect(await kubectl.run(['patch', 'deploy', 'web', '--subresource=status', '--type=merge', '-p', '{"status":{"collisionCount":7}}'])).toBe('deployment.apps/web patched\n')
    expect(await kubectl.run('patch deploy web -p {"metadata":{"labels":{"x":"y"}}}')).toBe('deployment.apps/web patched (no change)\n')
    expect(await kubectl.run('replace -f -', json(deployment('b')))).toBe('deployment.apps/web replaced\n')
    const uid = await value('deploy web', '.metadata.uid')
    await kubectl.run('replace --force -f -', json(deployment('c')))
    expect(await value('deploy web', '.metadata.uid')).not.toBe(uid)
  })

  it('label, annotate: set, refuse to overwrite, overwrite, remove', async () => {
    await kubectl.run('create configmap l')
    expect(await kubectl.run('label configmap l a=b')).toBe('configmap/l labeled\n')
    expect((await kubectl.said('label configmap l a=c')).err).toContain('\'a\' already has a value (b), and --overwrite is false')
    await kubectl.run('label configmap l a=c --overwrite')
    expect(await kubectl.run('get configmap -l a=c -o name')).toBe('configmap/l\n')
    expect(await kubectl.run('label configmap l a-')).toBe('configmap/l unlabeled\n')
    expect(await kubectl.run('annotate configmap l note=x')).toMatch(/^configmap\/l annotated?\n$/)
    await kubectl.run('annotate configmap l note-')
    expect(await value('configmap l', '.metadata.annotations')).toBe('')
  })

  it('scale, and set image, env, resources, selector, serviceaccount, subject', async () => {
    expect(await kubectl.run('scale deploy web --replicas=2')).toBe('deployment.apps/web scaled\n')
    await kubectl.run('scale deploy web --current-replicas=2 --replicas=1')
    expect(await value('deploy web', '.spec.replicas')).toBe('1')
    expect(await kubectl.run('set image deploy/web main=i:2')).toBe('deployment.apps/web image updated\n')
    await kubectl.run('set env deploy/web A=b')
    await kubectl.run('set resources deploy/web --limits=cpu=1,memory=64Mi')
    await kubectl.run('set serviceaccount deploy/web default')
    expect(await kubectl.json('get deploy web')).toMatchObject({ spec: { template: { spec: { serviceAccountName: 'default', containers: [{ image: 'i:2', env: [{ name: 'A', value: 'b' }], resources: { limits: { cpu: '1', memory: '64Mi' } } }] } } } })
    await kubectl.run('create service clusterip sel --tcp=80')
    await kubectl.run('set selector service sel x=y')
    expect(JSON.parse(await value('service sel', '.spec.selector'))).toEqual({ x: 'y' })
    await kubectl.run('create rolebinding subj --clusterrole=view --user=u')
    await kubectl.run('set subject rolebinding subj --user=v')
    expect(await value('rolebinding subj', '.subjects[*].name')).toBe('u v')
  })

  it('rollout: status, history, undo, restart, pause, resume', async () => {
    expect(await kubectl.run('rollout history deploy/web')).toMatch(/^deployment\.apps\/web \nREVISION {2}CHANGE-CAUSE\n1 {9}<none>\n/)
    const revisions = (): Promise<number> => kubectl.run('rollout history deploy/web').then((t) => t.trim().split('\n').length - 2)
    const before = await eventually('the revisions so far', async () => (await value('deploy web', '.metadata.generation')) === (await value('deploy web', '.status.observedGeneration')) && await revisions())
    expect(await kubectl.run('rollout pause deploy/web')).toBe('deployment.apps/web paused\n')
    await kubectl.run('set image deploy/web main=i:3')
    expect(await revisions()).toBe(before)
    expect(await kubectl.run('rollout resume deploy/web')).toBe('deployment.apps/web resumed\n')
    await eventually('a new revision', async () => await revisions() === before + 1)
    await eventually('it is the present one', async () => /Image:\s+i:3/.test(await kubectl.run(['rollout', 'history', 'deploy/web', `--revision=${await value('deploy web', '.metadata.annotations.deployment\\.kubernetes\\.io/revision')}`])))
    expect(await kubectl.run('rollout undo deploy/web')).toBe('deployment.apps/web rolled back\n')
    await eventually('the image of before', async () => await value('deploy web', '.spec.template.spec.containers[0].image') === 'i:2')
    expect(await kubectl.run('rollout restart deploy/web')).toBe('deployment.apps/web restarted\n')
    expect(await value('deploy web', '.spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt')).toMatch(/^\d{4}-/)
    await kubectl.run('scale deploy web --replicas=0')
    expect(await kubectl.run('rollout status deploy/web --timeout=20s')).toContain('deployment "web" successfully rolled out')
  })

  it('nodes: cordon, uncordon, taint, drain', async () => {
    const node = `n-${version}`
    await kubectl.run('create -f -', json({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } }))
    expect(await kubectl.run(['cordon', node])).toBe(`node/${node} cordoned\n`)
    expect(columns((await kubectl.run(['get', 'node', node])).split('\n')[1])).toContain('SchedulingDisabled')
    expect(await kubectl.run(['drain', node, '--dry-run=server'])).toContain(`node/${node} drained (server dry run)`)
    expect(await kubectl.run(['uncordon', node])).toBe(`node/${node} uncordoned\n`)
    expect(await kubectl.run(['taint', 'node', node, 'k=v:NoSchedule'])).toBe(`node/${node} tainted\n`)
    expect(await value(`node ${node}`, '.spec.taints[?(@.key=="k")].effect')).toBe('NoSchedule')
    expect(await kubectl.run(['taint', 'node', node, 'k-'])).toBe(`node/${node} untainted\n`)
    await kubectl.run(['delete', 'node', node])
  })

  it('wait: for a condition, a value and the end', async () => {
    expect(await kubectl.run('wait --for=condition=Available deploy/web --timeout=20s')).toBe('deployment.apps/web condition met\n')
    await kubectl.run('create configmap w --from-literal=a=b')
    expect(await kubectl.run(['wait', '--for=jsonpath={.data.a}=b', 'configmap/w', '--timeout=20s'])).toBe('configmap/w condition met\n')
    const gone = kubectl.run('wait --for=delete configmap/w --timeout=20s')
    expect(await kubectl.run('delete configmap w')).toBe('configmap "w" deleted\n')
    expect(await gone).toMatch(/^(configmap\/w condition met\n)?$/)
    expect((await kubectl.said('wait --for=condition=Nothing deploy/web --timeout=1s')).err).toContain('timed out waiting for the condition on deployments/web')
  })

  it('get: watched, raw, in chunks, by field, sorted', async () => {
    const child = start(kubectl.argv('get configmap --watch-only -o name'), { stdio: ['ignore', 'pipe', 'inherit'], env: kubectl.env() })
    let seen = ''
    child.stdout?.on('data', (text: Buffer) => { seen += text.toString() })
    await eventually('the watch sees what is made', async () => {
      await kubectl.said('delete configmap watched --ignore-not-found')
      await kubectl.run('create configmap watched')
      return seen.includes('configmap/watched')
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await ended
    expect(JSON.parse(await kubectl.run(['get', '--raw', `/api/v1/namespaces/${namespace}/configmaps/watched`]))).toMatchObject({ kind: 'ConfigMap' })
    expect((await kubectl.run('get configmap --chunk-size=2 -o name')).split('\n').length).toBeGreaterThan(5)
    expect(await kubectl.run('get configmap --field-selector metadata.name=watched -o name')).toBe('configmap/watched\n')
    const names = (await kubectl.run('get configmap --sort-by=.metadata.name -o name')).trim().split('\n')
    expect(names).toEqual(names.toSorted())
    expect((await kubectl.run('get configmap,service --show-kind --show-labels')).split('\n')[0]).toMatch(/^NAME +DATA +AGE +LABELS$/)
  })

  it('delete: by label, all, without waiting, with what it owns and without', async () => {
    await kubectl.run('create -f -', list(map('x1', {}, { g: '1' }), map('x2', {}, { g: '1' })))
    expect(await kubectl.run('delete configmap -l g=1')).toBe('configmap "x1" deleted\nconfigmap "x2" deleted\n')
    await kubectl.run('delete deploy web --cascade=orphan')
    const sets = (await kubectl.run('get rs -l app=web -o name')).trim().split('\n')
    expect(sets.length).toBeGreaterThan(1)
    await kubectl.run('delete rs --all --now')
    expect(await kubectl.run('get rs -o name')).toBe('')
  })

  it('events and describe tell what happened', async () => {
    await kubectl.run('run told --image=a')
    await eventually('it is told', async () => (await kubectl.run('events --for pod/told')).includes('FailedScheduling'))
    expect(await kubectl.run('describe pod told')).toMatch(/Warning +FailedScheduling +\S+( \(\S+ \S+ \S+\))? +default-scheduler +/)
  })

  it('explains every kind, to the last field', async () => {
    expect(await kubectl.run('explain pod.spec.containers.livenessProbe.httpGet.port')).toContain('port')
    const text = await kubectl.run('explain deployments --recursive')
    for (const field of ['apiVersion', 'spec', 'progressDeadlineSeconds', 'topologySpreadConstraints']) expect(text).toContain(field)
    expect(await kubectl.run('explain hpa.spec --api-version=autoscaling/v1')).toContain('targetCPUUtilizationPercentage')
  })

  it('api-resources and api-versions', async () => {
    const [head, ...rows] = (await kubectl.run('api-resources --sort-by=name')).trim().split('\n')
    expect(columns(head)).toBe('NAME   SHORTNAMES   APIVERSION   NAMESPACED   KIND')
    for (const row of ['pods   po   v1   true   Pod', 'deployments   deploy   apps/v1   true   Deployment', 'customresourcedefinitions   crd,crds   apiextensions.k8s.io/v1   false   CustomResourceDefinition']) expect(rows.map(columns)).toContain(row)
    const versions = (await kubectl.run('api-versions')).trim().split('\n')
    expect(versions).toEqual(expect.arrayContaining(['v1', 'apps/v1', 'autoscaling/v1', 'autoscaling/v2', 'flowcontrol.apiserver.k8s.io/v1', 'metrics.k8s.io/v1beta1']))
  })

  it('auth: can-i, whoami, reconcile', async () => {
    expect(await kubectl.run('auth can-i create pods')).toBe('yes\n')
    expect((await kubectl.said('auth can-i create pods --as=nobody')).out).toBe('no')
    expect(await kubectl.run('auth can-i --list --as=nobody')).toContain('selfsubjectaccessreviews.authorization.k8s.io')
    // The old one asks for versions that upstream no longer serves.
    if (binary.version === '1.27') expect((await kubectl.said('auth whoami')).err).toBe('error: the selfsubjectreviews API is not enabled in the cluster\nenable APISelfSubjectReview feature gate and authentication.k8s.io/v1alpha1 or authentication.k8s.io/v1beta1 API')
    else expect(columns((await kubectl.run('auth whoami')).split('\n')[1])).toMatch(/^Username   /)
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'rec', namespace }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }
    expect(await kubectl.run('auth reconcile -f -', json(role))).toContain('role.rbac.authorization.k8s.io/rec reconciled')
    expect(await kubectl.run('auth reconcile -f -', json({ ...role, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] }))).toContain('reconciled')
    expect(await value('role rec', '.rules[*].verbs[*]')).toBe('get list')
  })

  it('certificate: approve and deny', async () => {
    const request = Buffer.from((await createKeyAndCsr({ commonName: 'someone' })).csrPem).toString('base64')
    for (const verb of ['approve', 'deny']) {
      const name = `${verb}-${version}`
      await kubectl.run('create -f -', json({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] } }))
      expect(columns((await kubectl.run(['get', 'csr', name])).split('\n')[1])).toMatch(/Pending$/)
      await kubectl.run(['certificate', verb, name])
      await eventually('it is signed or refused', async () => columns((await kubectl.run(['get', 'csr', name])).split('\n')[1]).endsWith(verb === 'approve' ? 'Approved,Issued' : 'Denied'))
    }
  })

  it('kustomize, config, version, cluster-info, top', async () => {
    const dir = join(server.dir, `kustomize-${version}`)
    await mkdir(dir)
    await writeFile(join(dir, 'kustomization.yaml'), 'namePrefix: k-\nresources: [map.json]\n')
    await writeFile(join(dir, 'map.json'), JSON.stringify(map('m', { a: 'b' })))
    expect(await kubectl.run(['apply', '-k', dir])).toBe('configmap/k-m created\n')
    expect(await kubectl.run(['kustomize', dir])).toContain('name: k-m')
    expect(await kubectl.run('config current-context')).not.toBe('')
    expect(await kubectl.json('version')).toMatchObject({ serverVersion: { major: '1', minor: '33', gitVersion: expect.stringMatching(/^v1\.33\./) as unknown } })
    expect(stripVTControlCharacters(await kubectl.run('cluster-info'))).toMatch(/^Kubernetes control plane is running at https:\/\//)
    expect((await kubectl.said('top pods')).err).toMatch(/Metrics not available for pod|No resources found|metrics not available/)
  })

  it('proxy', async () => {
    const child = start(kubectl.argv('proxy --port=0'), { stdio: ['ignore', 'pipe', 'inherit'], env: kubectl.env() })
    let said = ''
    child.stdout?.on('data', (text: Buffer) => { said += text.toString() })
    const port = await eventually('the proxy listens', async () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1])
    expect(await (await fetch(`http://127.0.0.1:${port}/api/v1/namespaces/${namespace}`)).json()).toMatchObject({ kind: 'Namespace', metadata: { name: namespace } })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await ended
  })
})
