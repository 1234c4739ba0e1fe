/** Every namespaced and cluster-wide kind of the workload, batch, storage, networking and policy groups through unmodified kubectl: created (JSON from 1.27, protobuf from 1.33), printed wide, applied without change, deleted. */
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeKubeconfig } from '../../../shared/client/kubeconfig.ts'
import { run } from '../../../shared/host/exec.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'

function kubectlOf(version: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((d) => join(d, 'kubectl')).find((f) => existsSync(f))
  const file = path && join(dirname(realpathSync(path)), `kubectl.${version}`)
  if (!file || !existsSync(file)) throw new Error(`kubectl ${version} is not there: it is what this test is about`)
  return file
}

const pod = (restartPolicy?: string): object => ({ metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...(restartPolicy ? { restartPolicy } : {}) } })
const selector = { matchLabels: { app: 'x' } }
const storage = { requests: { storage: '1Gi' } }

/** Kind, what `get -o wide` prints after the name, and the object. */
const kinds: readonly (readonly [string, RegExp, object])[] = [
  ['daemonsets.apps', /0 +0 +0 +0 +0 +<none> +\S+ +c +nginx:1 +app=x/, { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template: pod() } }],
  ['statefulsets.apps', /0\/2 +\S+ +c +nginx:1/, { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { serviceName: 's', replicas: 2, selector, template: pod(), volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: storage } }] } }],
  ['controllerrevisions.apps', /<none> +3 +\S+/, { apiVersion: 'apps/v1', kind: 'ControllerRevision', revision: 3, data: { spec: { a: 1 } } }],
  ['podtemplates', /c +nginx:1 +app=x/, { apiVersion: 'v1', kind: 'PodTemplate', template: pod() }],
  ['jobs.batch', /Running +0\/1 +\S+ +c +nginx:1 +batch.kubernetes.io\/controller-uid=/, { apiVersion: 'batch/v1', kind: 'Job', spec: { template: pod('Never') } }],
  ['cronjobs.batch', /\*\/5 \* \* \* \* +Europe\/Berlin +False +0 +<none> +\S+ +c +nginx:1 +<none>/, { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '*/5 * * * *', timeZone: 'Europe/Berlin', startingDeadlineSeconds: 0, jobTemplate: { spec: { template: pod('OnFailure') } } } }],
  ['horizontalpodautoscalers.v2.autoscaling', /Deployment\/web +cpu: <unknown>\/50%, memory: <unknown>\/1Gi +1 +5 +0/, {
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, behavior: { scaleDown: { stabilizationWindowSeconds: 0 } }, metrics: [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }, { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } }] } }],
  ['poddisruptionbudgets.policy', /N\/A +50% +0/, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { maxUnavailable: '50%', selector } }],
  ['ingresses.networking.k8s.io', /web +a.example.com +80, 443/, {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec: { ingressClassName: 'web', tls: [{ hosts: ['a.example.com'], secretName: 's' }], rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }] } }],
  ['ingressclasses.networking.k8s.io', /example.com\/web +Config.example.com\/c/, { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', spec: { controller: 'example.com/web', parameters: { apiGroup: 'example.com', kind: 'Config', name: 'c' } } }],
  ['networkpolicies.networking.k8s.io', /app=x/, { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: selector, policyTypes: ['Ingress'], ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, protocol: 'TCP' }] }] } }],
  ['storageclasses.storage.k8s.io', /example.com\/disk +Delete +WaitForFirstConsumer +false/, { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', provisioner: 'example.com/disk', volumeBindingMode: 'WaitForFirstConsumer' }],
  ['persistentvolumes', /1Gi +RWO,RWX +Retain +Pending/, { apiVersion: 'v1', kind: 'PersistentVolume', spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce', 'ReadWriteMany'], hostPath: { path: '/x' } } }],
  ['persistentvolumeclaims', /Pending +\S+/, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: storage } }],
  ['volumeattachments.storage.k8s.io', /example.com +pv +n +false/, { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', spec: { attacher: 'example.com', nodeName: 'n', source: { persistentVolumeName: 'pv' } } }],
  ['csidrivers.storage.k8s.io', /false +false +false +<unset> +false +Persistent/, { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', spec: { attachRequired: false } }],
  ['csinodes.storage.k8s.io', /1 +\S+/, { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', spec: { drivers: [{ name: 'example.com', nodeID: 'n', topologyKeys: ['a'], allocatable: { count: 0 } }] } }],
  ['csistoragecapacities.storage.k8s.io', /fast +2Gi/, { apiVersion: 'storage.k8s.io/v1', kind: 'CSIStorageCapacity', storageClassName: 'fast', capacity: '2Gi' }],
  ['priorityclasses.scheduling.k8s.io', /0 +false +\S+ +PreemptLowerPriority/, { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 0 }],
  ['runtimeclasses.node.k8s.io', /runc/, { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', handler: 'runc', overhead: { podFixed: { cpu: '10m' } } }],
  ['limitranges', /\d{4}-\d\d-\d\dT/, { apiVersion: 'v1', kind: 'LimitRange', spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '100m' } }] } }],
  ['resourcequotas', /\S+/, { apiVersion: 'v1', kind: 'ResourceQuota', spec: { hard: { pods: '4', 'limits.cpu': '2' } } }],
  ['events.events.k8s.io', /Normal +Tested +pod\/p/, { apiVersion: 'events.k8s.io/v1', kind: 'Event', eventTime: '2024-01-01T00:00:00.123456Z', action: 'Test', reason: 'Tested', type: 'Normal', reportingController: 'example.com/t', reportingInstance: 't', regarding: { kind: 'Pod', name: 'p', namespace: 'default' } }],
  ['ipaddresses.networking.k8s.io', /services\/default\/web/, { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: '10.96.0.77' }, spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } }],
  ['servicecidrs.networking.k8s.io', /10.100.0.0\/24/, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', spec: { cidrs: ['10.100.0.0/24'] } }],
  ['prioritylevelconfigurations.flowcontrol.apiserver.k8s.io', /Limited +5 +64 +8 +50/, { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'PriorityLevelConfiguration', spec: { type: 'Limited', limited: { nominalConcurrencyShares: 5, limitResponse: { type: 'Queue', queuing: {} } } } }],
  ['flowschemas.flowcontrol.apiserver.k8s.io', /exempt +1000 +ByUser/, { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', spec: { priorityLevelConfiguration: { name: 'exempt' }, distinguisherMethod: { type: 'ByUser' }, rules: [{ subjects: [{ kind: 'User', user: { name: 'u' } }], nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] }] } }],
  ['mutatingwebhookconfigurations.admissionregistration.k8s.io', /1 +\d+/, {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration',
    webhooks: [{ name: 'a.example.com', clientConfig: { service: { namespace: 'default', name: 'w' }, caBundle: 'YQ==' }, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [{ operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['none'], scope: '*' }] }],
  }],
  ['validatingwebhookconfigurations.admissionregistration.k8s.io', /1 +\d+/, {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration',
    webhooks: [{ name: 'a.example.com', clientConfig: { url: 'https://example.com/x' }, sideEffects: 'NoneOnDryRun', admissionReviewVersions: ['v1'], timeoutSeconds: 3, rules: [{ operations: ['*'], apiGroups: ['example.com'], apiVersions: ['*'], resources: ['none/*'], scope: 'Namespaced' }] }],
  }],
  ['validatingadmissionpolicies.admissionregistration.k8s.io', /1 +v1\/ConfigMap/, {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy',
    spec: { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: { resourceRules: [{ operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['none'], scope: '*' }] }, validations: [{ expression: 'object.spec.replicas < int(params.data.most)' }] },
  }],
  ['validatingadmissionpolicybindings.admissionregistration.k8s.io', /none +default\/most/, {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding',
    spec: { policyName: 'none', paramRef: { name: 'most', namespace: 'default', parameterNotFoundAction: 'Deny' }, validationActions: ['Warn'], matchResources: { namespaceSelector: { matchLabels: { a: 'b' } } } },
  }],
]

const nameOf = (given: object): string => (given as { metadata?: { name?: string } }).metadata?.name ?? 'example'

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  let cluster: FakeCluster
  let directory: string
  const kubectl = async (args: readonly string[], input = ''): Promise<string> => {
    const { exitCode, stdout, stderr } = await run([kubectlOf(version), `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args], { input, timeout: 30_000 })
    if (exitCode) throw new Error(stderr.toString())
    return stdout.toString()
  }
  beforeAll(async () => {
    cluster = await startFakeCluster()
    directory = mkdtempSync(join(tmpdir(), 'bramble-kinds-'))
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
  })
  afterAll(async () => {
    await cluster.close()
    rmSync(directory, { recursive: true })
  })
  it('creates, prints, describes, applies and deletes every kind', async () => {
    const items = kinds.map(([, , given]) => ({ ...given, metadata: { name: nameOf(given) } }))
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    const types = kinds.map(([resource]) => resource).join(',')
    expect((await kubectl(['create', '--save-config', '-f', '-'], list)).match(/ created$/gm)).toHaveLength(kinds.length)
    // As the server has it: a zero or an empty string lost on the way would show.
    const stored = (JSON.parse(await kubectl(['get', types, '-o', 'json'])) as { items: { kind: string; metadata: { name: string } }[] }).items
    for (const item of items) expect(stored.find((s) => s.kind === (item as { kind?: string }).kind && s.metadata.name === item.metadata.name)).toMatchObject(item)
    const lines = (await kubectl(['get', types, '-o', 'wide', '--no-headers'])).split('\n')
    for (const [resource, cells, given] of kinds) {
      const { kind, apiVersion } = given as { kind: string; apiVersion: string }
      const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : ''
      const line = lines.find((l) => l.includes(`${kind.toLowerCase()}${group}/${nameOf(given)}`))
      expect(line, resource).toMatch(cells)
    }
    // kubectl 1.27 asks for an older version of these two kinds only.
    const described = kinds.filter(([resource]) => version !== '1.27' || !/^(ipaddresses|servicecidrs)/.test(resource))
    expect((await kubectl(['describe', described.map(([resource]) => resource).join(',')])).match(/^Name: +(example|10\.96\.0\.77)$/gm)).toHaveLength(described.length)
    const applied = (await kubectl(['apply', '-f', '-'], list)).split('\n').filter((l) => l !== '')
    // Lists that are replaced whole differ by the defaults inside them, against upstream as well.
    expect(applied.filter((l) => !l.endsWith(' unchanged'))).toEqual(['statefulset.apps/example configured', 'limitrange/example configured'])
    expect((await kubectl(['delete', '--wait=false', '-f', '-'], list)).match(/ deleted/g)).toHaveLength(kinds.length)
  }, 180_000)
  it('says of a kind that no controller acts on that it is stored only, and nothing of one that has one', async () => {
    const kubectlWith = (args: readonly string[], input = '') => run([kubectlOf(version), `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args], { input, timeout: 30_000 })
    const cron = await kubectlWith(['create', 'cronjob', 'nightly', '--image=x', '--schedule=@daily'])
    expect([cron.stdout.toString(), cron.stderr.toString()]).toEqual(['cronjob.batch/nightly created\n', ''])
    expect((await kubectlWith(['create', 'job', 'now', '--from=cronjob/nightly'])).stdout.toString()).toBe('job.batch/now created\n')
    const policy = await kubectlWith(['create', '-f', '-'], JSON.stringify({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'shut' }, spec: { podSelector: {} } }))
    expect(policy.stderr.toString()).toBe('Warning: NetworkPolicies are stored, but no controller of this cluster acts on them yet\n')
  })
  it('keeps what autoscaling/v1 has no field for, and shows one event in both groups', async () => {
    const hpa = { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'old' }, spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 60, scaleTargetRef: { kind: 'Deployment', name: 'web' } } }
    await kubectl(['create', '-f', '-'], JSON.stringify(hpa))
    expect(JSON.parse(await kubectl(['get', 'horizontalpodautoscalers.v2.autoscaling', 'old', '-o', 'json']))).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { minReplicas: 1, metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 60 } } }] } })
    await kubectl(['patch', 'horizontalpodautoscalers.v2.autoscaling', 'old', '--type=merge', '-p', JSON.stringify({ spec: { behavior: { scaleUp: { selectPolicy: 'Min' } }, metrics: [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } } }] } })])
    const v1 = JSON.parse(await kubectl(['get', 'horizontalpodautoscalers.v1.autoscaling', 'old', '-o', 'json'])) as { metadata: { annotations: Record<string, string> }; spec: object }
    expect(v1).toMatchObject({ apiVersion: 'autoscaling/v1', metadata: { annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}]' } } })
    expect(v1.spec).not.toHaveProperty('targetCPUUtilizationPercentage')
    await kubectl(['annotate', 'horizontalpodautoscalers.v1.autoscaling', 'old', 'a=b'])
    expect(JSON.parse(await kubectl(['get', 'horizontalpodautoscalers.v2.autoscaling', 'old', '-o', 'json']))).toMatchObject({ spec: { behavior: { scaleUp: { selectPolicy: 'Min', stabilizationWindowSeconds: 0 } }, metrics: [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { averageValue: '5' } } }] } })
    const event = { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e' }, eventTime: '2024-01-01T00:00:00.000000Z', action: 'A', reason: 'R', type: 'Normal', note: 'said', reportingController: 'c.io/x', reportingInstance: 'i', regarding: { kind: 'Pod', name: 'p', namespace: 'default' } }
    await kubectl(['create', '-f', '-'], JSON.stringify(event))
    expect(JSON.parse(await kubectl(['get', 'events.v1.', 'e', '-o', 'json']))).toMatchObject({ apiVersion: 'v1', message: 'said', involvedObject: { name: 'p' }, reportingComponent: 'c.io/x' })
    expect(await kubectl(['get', 'events.events.k8s.io', '--field-selector=regarding.name=p', '-o', 'name'])).toBe('event.events.k8s.io/e\n')
  }, 180_000)
  it('leaves the pods of a Job that is deleted without a word about them', async () => {
    for (const name of ['kept', 'swept']) await kubectl(['create', 'job', name, '--image=busybox:1'])
    await kubectl(['delete', '--raw', '/apis/batch/v1/namespaces/default/jobs/kept'])
    expect(JSON.parse(await kubectl(['get', 'job', 'kept', '-o', 'json']))).toMatchObject({ metadata: { finalizers: ['orphan'] } })
    expect(await kubectl(['delete', 'job', 'swept'])).toContain('deleted')
  }, 180_000)
  it('shows the components’ health, which nothing stores', async () => {
    expect(await kubectl(['get', 'componentstatuses', '--no-headers'])).toMatch(/^etcd-0 +Healthy +ok/m)
    expect(JSON.parse(await kubectl(['get', 'cs', 'etcd-0', '-o', 'json']))).toMatchObject({ kind: 'ComponentStatus', conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }] })
    expect(JSON.parse(await kubectl(['get', 'cs', '-o', 'json']))).toMatchObject({ items: [{ kind: 'ComponentStatus', metadata: { name: 'etcd-0' } }] })
    await expect(kubectl(['get', 'cs', 'other'])).rejects.toThrow('componentstatuses "other" not found')
    await expect(kubectl(['delete', 'cs', 'etcd-0'])).rejects.toThrow('the server does not allow this method on the requested resource')
  }, 180_000)
  it('finds what every cluster begins with', async () => {
    const rows = async (...args: string[]): Promise<string[][]> => (await kubectl(['get', ...args, '--no-headers'])).trim().split('\n').map((l) => l.split(/\s\s+/))
    expect((await rows('priorityclasses')).map(([name, value]) => [name, value])).toEqual([['system-cluster-critical', '2000000000'], ['system-node-critical', '2000001000']])
    expect((await rows('prioritylevelconfigurations')).map(([name]) => name)).toEqual(['catch-all', 'exempt', 'global-default', 'leader-election', 'node-high', 'system', 'workload-high', 'workload-low'])
    expect(await rows('flowschemas')).toHaveLength(13)
    expect((await rows('servicecidrs.v1.networking.k8s.io'))[0]?.slice(0, 2)).toEqual(['kubernetes', '10.96.0.0/24'])
    await expect(kubectl(['patch', 'flowschema', 'catch-all', '--type=merge', '-p', '{"spec":{"matchingPrecedence":5}}'])).rejects.toThrow("spec of 'catch-all' must equal the fixed value")
    await expect(kubectl(['patch', 'priorityclass', 'system-node-critical', '--type=merge', '-p', '{"value":5}'])).rejects.toThrow('value: Forbidden: may not be changed in an update.')
  }, 180_000)
})
