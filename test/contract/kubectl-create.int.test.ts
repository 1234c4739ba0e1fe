/** Every generator of `kubectl create`, and run, expose and autoscale: the object that is there afterwards. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../shared/host/clock.ts'
import { createCa } from '../../shared/pki/certificates.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import type { KubectlServer } from './kubectl-server.ts'
import { contractKubectls, startKubectlServer } from './kubectl-server.ts'

let server: KubectlServer
beforeAll(async () => {
  server = await startKubectlServer()
  const { keyPem, certPem } = await createCa({ commonName: 'a' }, { now: systemClock.now(), ttl: 3_600_000 })
  for (const [name, text] of [['tls.key', keyPem], ['tls.crt', certPem], ['one.txt', 'one'], ['two.env', 'A=1\nB=two\n']] as const) await writeFile(join(server.dir, name), text)
})
afterAll(() => server?.close())

interface Made { readonly args: string; /** What is read back: `kind name`. */ readonly of: string; readonly object: object; /** Of the cluster: names carry the version. */ readonly cluster?: true }

const rule = (apiGroups: string[], resources: string[], verbs: string[], more: object = {}): object => ({ apiGroups, resources, verbs, ...more })
const template = (image: string, more: object = {}): object => ({ spec: { containers: [{ image, ...more }] } })

/** `{dir}`: a folder with files to read; `{v}`: of this kubectl alone. */
const generators: readonly Made[] = [
  { args: 'clusterrole cr-{v} --verb=get,list --resource=pods,deployments.apps', of: 'clusterrole cr-{v}', cluster: true, object: { rules: [rule([''], ['pods'], ['get', 'list']), rule(['apps'], ['deployments'], ['get', 'list'])] } },
  { args: 'clusterrole crn-{v} --verb=get --non-resource-url=/healthz/*', of: 'clusterrole crn-{v}', cluster: true, object: { rules: [{ nonResourceURLs: ['/healthz/*'], verbs: ['get'] }] } },
  { args: 'clusterrole cra-{v} --aggregation-rule=a=b', of: 'clusterrole cra-{v}', cluster: true, object: { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } } },
  { args: 'clusterrolebinding crb-{v} --clusterrole=view --user=u --group=g --serviceaccount=n:s', of: 'clusterrolebinding crb-{v}', cluster: true, object: { roleRef: { kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'User', name: 'u' }, { kind: 'Group', name: 'g' }, { kind: 'ServiceAccount', name: 's', namespace: 'n' }] } },
  { args: 'role r --verb=get --resource=pods --resource-name=a', of: 'role r', object: { rules: [rule([''], ['pods'], ['get'], { resourceNames: ['a'] })] } },
  { args: 'rolebinding rb --clusterrole=edit --serviceaccount=n:s', of: 'rolebinding rb', object: { roleRef: { kind: 'ClusterRole', name: 'edit' }, subjects: [{ kind: 'ServiceAccount', name: 's', namespace: 'n' }] } },
  { args: 'configmap literal --from-literal=a=b --from-literal=c=d', of: 'configmap literal', object: { data: { a: 'b', c: 'd' } } },
  { args: 'configmap file --from-file={dir}/one.txt --from-file=other={dir}/two.env', of: 'configmap file', object: { data: { 'one.txt': 'one', other: 'A=1\nB=two\n' } } },
  { args: 'configmap env --from-env-file={dir}/two.env', of: 'configmap env', object: { data: { A: '1', B: 'two' } } },
  { args: 'secret generic plain --from-literal=a=b --type=example.com/kind', of: 'secret plain', object: { type: 'example.com/kind', data: { a: 'Yg==' } } },
  { args: 'secret tls tls --cert={dir}/tls.crt --key={dir}/tls.key', of: 'secret tls', object: { type: 'kubernetes.io/tls' } },
  { args: 'secret docker-registry pull --docker-username=u --docker-password=p --docker-server=r.example.com', of: 'secret pull', object: { type: 'kubernetes.io/dockerconfigjson' } },
  { args: 'deployment dep --image=a --replicas=0 --port=80', of: 'deployment dep', object: { metadata: { labels: { app: 'dep' } }, spec: { replicas: 0, selector: { matchLabels: { app: 'dep' } }, template: template('a', { name: 'a', ports: [{ containerPort: 80 }] }) } } },
  { args: 'job once --image=a -- sh -c true', of: 'job once', object: { spec: { template: template('a', { command: ['sh', '-c', 'true'] }) } } },
  { args: 'cronjob often --image=a --schedule=*/5_*_*_*_* --restart=Never', of: 'cronjob often', object: { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ image: 'a' }] } } } } } } },
  { args: 'job by-hand --from=cronjob/often', of: 'job by-hand', object: { metadata: { annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' }, ownerReferences: [{ kind: 'CronJob', name: 'often' }] } } },
  { args: 'ingress ing --rule=a.example.com/path*=svc:80,tls=cert --class=c --annotation=x=y', of: 'ingress ing', object: { metadata: { annotations: { x: 'y' } }, spec: { ingressClassName: 'c', tls: [{ hosts: ['a.example.com'], secretName: 'cert' }], rules: [{ host: 'a.example.com', http: { paths: [{ path: '/path', pathType: 'Prefix', backend: { service: { name: 'svc', port: { number: 80 } } } }] } }] } } },
  { args: 'namespace ns-{v}', of: 'namespace ns-{v}', cluster: true, object: { spec: { finalizers: ['kubernetes'] } } },
  { args: 'poddisruptionbudget pdb --min-available=50% --selector=a=b', of: 'pdb pdb', object: { spec: { minAvailable: '50%', selector: { matchLabels: { a: 'b' } } } } },
  { args: 'priorityclass pc-{v} --value=5 --description=five', of: 'priorityclass pc-{v}', cluster: true, object: { value: 5, description: 'five', preemptionPolicy: 'PreemptLowerPriority' } },
  { args: 'quota q --hard=pods=30 --scopes=NotTerminating', of: 'quota q', object: { spec: { hard: { pods: '30' }, scopes: ['NotTerminating'] } } },
  { args: 'service clusterip sc --tcp=80:8080', of: 'service sc', object: { spec: { type: 'ClusterIP', selector: { app: 'sc' }, ports: [{ name: '80-8080', port: 80, targetPort: 8080, protocol: 'TCP' }] } } },
  { args: 'service clusterip headless --clusterip=None', of: 'service headless', object: { spec: { clusterIP: 'None' } } },
  { args: 'service nodeport sn --tcp=80', of: 'service sn', object: { spec: { type: 'NodePort', ports: [{ port: 80, nodePort: expect.any(Number) as unknown }] } } },
  { args: 'service loadbalancer sl --tcp=80', of: 'service sl', object: { spec: { type: 'LoadBalancer' } } },
  { args: 'service externalname se --external-name=a.example.com', of: 'service se', object: { spec: { type: 'ExternalName', externalName: 'a.example.com' } } },
  { args: 'serviceaccount sa', of: 'serviceaccount sa', object: {} },
]

describe.each(contractKubectls)('kubectl $version', (binary) => {
  const version = binary.version.replace('.', '-').toLowerCase()
  let kubectl: Kubectl
  const filled = (text: string): string => text.replaceAll('{v}', version).replaceAll('{dir}', server.dir)
  beforeAll(async () => { kubectl = await server.kubectl(`create-${version}`, binary) })

  it.each(generators)('create $args', async ({ args, of, object }) => {
    const words = ['create', ...filled(args).split(' ').map((w) => w.replaceAll('_*', ' *'))]
    // What is shown before it is made is what is made.
    const [first = '', ...rest] = words
    expect(JSON.parse(await kubectl.run([first, '--dry-run=server', '--output=json', ...rest]))).toMatchObject(object)
    const [kind = '', name = ''] = filled(of).split(' ')
    expect((await kubectl.said(['get', kind, name])).err).toContain('(NotFound)')
    expect(await kubectl.run(words)).toMatch(new RegExp(`^[a-z.0-9]+/${name} created\n$`))
    expect(await kubectl.json(['get', kind, name])).toMatchObject(object)
  })

  it('create token: bound to audience and time', async () => {
    const token = (await kubectl.run('create token sa --audience=x --duration=20m')).trim()
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { aud: string[]; exp: number; iat: number; sub: string }
    expect(claims).toMatchObject({ aud: ['x'], sub: `system:serviceaccount:create-${version}:sa` })
    expect(claims.exp - claims.iat).toBe(1200)
  })

  it('run', async () => {
    await kubectl.run('run one --image=a --port=80 --env=A=b --labels=x=y --restart=Never --command -- sleep 1')
    expect(await kubectl.json('get pod one')).toMatchObject({ metadata: { labels: { x: 'y' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'one', image: 'a', command: ['sleep', '1'], env: [{ name: 'A', value: 'b' }], ports: [{ containerPort: 80 }] }] } })
  })

  it('expose, of a deployment and of a pod', async () => {
    expect(await kubectl.run('expose deployment dep --name=e1 --port=8000 --target-port=80 --type=NodePort')).toBe('service/e1 exposed\n')
    expect(await kubectl.json('get service e1')).toMatchObject({ spec: { type: 'NodePort', selector: { app: 'dep' }, ports: [{ port: 8000, targetPort: 80 }] } })
    await kubectl.run('expose pod one --name=e2')
    expect(await kubectl.json('get service e2')).toMatchObject({ spec: { selector: { x: 'y' }, ports: [{ port: 80 }] } })
  })

  it('autoscale', async () => {
    expect(await kubectl.run('autoscale deployment dep --min=1 --max=3 --cpu-percent=50')).toBe('horizontalpodautoscaler.autoscaling/dep autoscaled\n')
    expect(await kubectl.json('get hpa dep')).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { minReplicas: 1, maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'dep' }, metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 50, type: 'Utilization' } } }] } })
    expect(await kubectl.json('get horizontalpodautoscalers.v1.autoscaling dep')).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 50 } })
  })
})
