/** Findings of pod specs, as tables: what is written, and what upstream says of it. */
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../../shared/api/core-v1.ts'
import { copyJson } from '../../../../shared/values/json-value.ts'
import { errorBody } from '../../encode/validation-status.ts'
import { deployments } from '../deployments.ts'
import { pods } from '../pods.ts'

const context = { now: 0, user: 'admin', dryRun: false, subresource: '' }
const c = (more: object = {}): object => ({ name: 'c', image: 'nginx', ...more })
const make = (spec: object, name = 'p'): Pod => {
  const pod = copyJson({ metadata: { name, namespace: 'd' }, spec: { containers: [c()], ...spec } }) as unknown as Pod
  pods.strategy.default?.(pod)
  return pod
}
const judge = (spec: object, name?: string): string[] => (pods.strategy.validate?.(make(spec, name), context) ?? []).map((f) => `${f.field}: ${errorBody(f)}`)
const of = (more: object): object => ({ containers: [c(more)] })
const term = { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } }

type Case = readonly [object, string]
const tables: Readonly<Record<string, readonly Case[]>> = {
  volumes: [
    [{ volumes: [{ name: 'v', nfs: { server: 's', path: 'rel' } }] }, 'spec.volumes[0].nfs.path: Invalid value: "rel": must be an absolute path'],
    [{ volumes: [{ name: 'v', iscsi: { targetPortal: 't', iqn: 'nope', lun: 300 } }] }, 'spec.volumes[0].iscsi.iqn: Invalid value: "nope": must be valid format starting with iqn, eui, or naa'],
    [{ volumes: [{ name: 'v', fc: { targetWWNs: ['a'] } }] }, 'spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified'],
    [{ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }, 'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\''],
    [{ volumes: [{ name: 'v', awsElasticBlockStore: { partition: 256 } }] }, 'spec.volumes[0].awsElasticBlockStore.volumeID: Required value'],
    [{ volumes: [{ name: 'v', cephfs: { monitors: [] } }] }, 'spec.volumes[0].cephfs.monitors: Required value'],
    [{ volumes: [{ name: 'v', csi: { driver: 'Bad_Name' } }] }, 'spec.volumes[0].csi.driver: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\')'],
    [{ volumes: [{ name: 'v', ephemeral: {} }] }, 'spec.volumes[0].ephemeral.volumeClaimTemplate: Required value'],
    [{ volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { metadata: { name: 'n' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } } }] }, 'spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set'],
    [{ volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } }] }, 'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value'],
    [{ volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'a', items: [{ key: 'k', path: 'x' }] } }, { secret: { name: 'b', items: [{ key: 'k', path: 'x' }] } }] } }] }, 'spec.volumes[0].projected.sources[1].secret: Invalid value: "b": conflicting duplicate paths'],
    [{ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] }, 'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set'],
    [{ volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 512 } }] }, 'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive'],
    [{ volumes: [{ name: 'v', azureDisk: { diskName: 'd', diskURI: 'https://x', cachingMode: 'Odd' } }] }, 'spec.volumes[0].azureDisk.cachingMode: Unsupported value: "Odd": supported values: "None", "ReadOnly", "ReadWrite"'],
  ],
  mounts: [
    [{ ...of({ volumeMounts: [{ name: 'v', mountPath: '/a', mountPropagation: 'Bidirectional' }] }), volumes: [{ name: 'v' }] }, 'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers'],
    [{ ...of({ volumeMounts: [{ name: 'v', mountPath: '/a', recursiveReadOnly: 'Enabled' }] }), volumes: [{ name: 'v' }] }, 'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true'],
    [{ ...of({ volumeMounts: [{ name: 'v', mountPath: '/a', subPath: '/x' }] }), volumes: [{ name: 'v' }] }, 'spec.containers[0].volumeMounts.subPath: Invalid value: "/x": must be a relative path'],
    [{ ...of({ volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }), volumes: [{ name: 'v' }] }, 'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'],
    [of({ volumeDevices: [{ name: 'v', devicePath: '/a/../b' }] }), "spec.containers[0].volumeDevices[0].devicePath: Invalid value: \"/a/../b\": can not contain backsteps ('..')"],
    [{ ...of({ volumeDevices: [{ name: 'v', devicePath: '/a' }], volumeMounts: [{ name: 'v', mountPath: '/b' }] }), volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }, 'spec.containers[0].volumeMounts[0].name: Invalid value: "v": must not already exist in volumeDevices'],
  ],
  containers: [
    [of({ image: ' nginx' }), 'spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
    [of({ terminationMessagePolicy: 'x' }), 'spec.containers[0].terminationMessagePolicy: Unsupported value: "x": supported values: "File", "FallbackToLogsOnError"'],
    [of({ ports: [{ containerPort: 80, name: 'a' }, { containerPort: 81, name: 'a' }] }), 'spec.containers[0].ports[1].name: Duplicate value: "a"'],
    [of({ lifecycle: { preStop: { sleep: { seconds: 40 } } } }), 'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 40: must be non-negative and less than terminationGracePeriodSeconds (30)'],
    [of({ lifecycle: { postStart: {} } }), 'spec.containers[0].lifecycle.postStart: Required value: must specify a handler type'],
    [of({ resizePolicy: [{ resourceName: 'disk', restartPolicy: 'NotRequired' }] }), 'spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"'],
    [{ ...of({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }), restartPolicy: 'Never' }, 'spec.containers[0].resizePolicy: Invalid value: "RestartContainer": must be \'NotRequired\' when `restartPolicy` is \'Never\''],
    [of({ resources: { limits: { 'hugepages-2Mi': '2Mi' }, requests: { 'hugepages-2Mi': '2Mi' } } }), 'spec.containers[0].resources: Forbidden: HugePages require cpu or memory'],
    [of({ resources: { limits: { 'example.com/gpu': '2' }, requests: { 'example.com/gpu': '1' } } }), 'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2'],
    [of({ resources: { claims: [{ name: 'gpu' }] } }), 'spec.containers[0].resources.claims[0]: Not found: "gpu"'],
    [{ ...of({ ports: [{ containerPort: 80, hostPort: 81 }] }), hostNetwork: true }, 'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true'],
    [{ initContainers: [c({ name: 'i', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] })] }, 'spec.initContainers[0].resizePolicy: Invalid value: [{"resourceName":"cpu","restartPolicy":"NotRequired"}]: must not be set for init containers'],
    [{ initContainers: [c({ name: 'i', restartPolicy: 'Always', livenessProbe: {} })] }, 'spec.initContainers[0].livenessProbe: Required value: must specify a handler type'],
    [{ ephemeralContainers: [c({ name: 'd' })] }, 'spec.ephemeralContainers: Forbidden: cannot be set on create'],
    [{ ephemeralContainers: [c({ name: 'd', ports: [{ containerPort: 80 }] })] }, 'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container'],
    [{ ephemeralContainers: [c({ name: 'c' })] }, 'spec.ephemeralContainers[0].name: Duplicate value: "c"'],
    [{ ephemeralContainers: [c({ name: 'd', targetContainerName: 'x' })] }, 'spec.ephemeralContainers[0].targetContainerName: Not found: "x"'],
  ],
  security: [
    [{ securityContext: { seccompProfile: { type: 'Localhost' } } }, 'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost'],
    [{ securityContext: { seccompProfile: { type: 'RuntimeDefault', localhostProfile: 'x' } } }, 'spec.securityContext.seccompProfile.localhostProfile: Invalid value: {"type":"RuntimeDefault","localhostProfile":"x"}: can only be set when seccomp type is Localhost'],
    [of({ securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: ' x' } } }), 'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: " x": must not be padded with whitespace'],
    [{ securityContext: { appArmorProfile: { type: 'Odd' } } }, 'spec.securityContext.appArmorProfile.type: Unsupported value: "Odd": supported values: "Localhost", "RuntimeDefault", "Unconfined"'],
    [{ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] }, hostNetwork: true }, "spec.securityContext.sysctls[0].name: Invalid value: \"net.ipv4.tcp_syncookies\": may not be specified when 'hostNetwork' is true"],
    [{ securityContext: { supplementalGroupsPolicy: 'Odd' } }, 'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "Odd": supported values: "Merge", "Strict"'],
    [{ hostUsers: false, hostPID: true }, 'spec.HostPID: Forbidden: when `pod.Spec.HostUsers` is false'],
    [{ hostPID: true, shareProcessNamespace: true }, 'spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
    [{ os: { name: 'beos' } }, 'spec.os.name: Unsupported value: "beos": supported values: "linux", "windows"'],
    [{ os: { name: 'windows' }, hostPID: true }, 'spec.hostPID: Forbidden: cannot be set for a windows pod'],
    [{ os: { name: 'windows' }, ...of({ securityContext: { privileged: false } }) }, 'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod'],
    [{ os: { name: 'linux' }, securityContext: { windowsOptions: {} } }, 'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
    [{ securityContext: { windowsOptions: { hostProcess: true } } }, 'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers'],
  ],
  placement: [
    [{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } }, 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term'],
    [{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'x', operator: 'In', values: ['a'] }] }] } } } }, 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "x": not a valid field selector key'],
    [{ affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: term }] } } }, 'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100'],
    [{ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {} }] } } }, 'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty'],
    [{ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, matchLabelKeys: ['x'], mismatchLabelKeys: ['x'] }] } } }, 'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[0]: Invalid value: "x": exists in both matchLabelKeys and mismatchLabelKeys'],
    [{ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }] }, 'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
    [{ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 }] }, 'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway'],
    [{ topologySpreadConstraints: [1, 2].map(() => ({ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' })) }, 'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"'],
    [{ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['a'], labelSelector: { matchLabels: { a: 'b' } } }] }, 'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector'],
    [{ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'x' }] }, 'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "x": supported values: "Honor", "Ignore"'],
    [{ tolerations: [{ key: 'a', operator: 'Exists', effect: 'x' }] }, 'spec.tolerations[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'],
    [{ schedulingGates: [{ name: 'g' }], nodeName: 'n' }, 'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    [{ readinessGates: [{ conditionType: 'a b' }] }, "spec.readinessGates[0].conditionType: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"],
  ],
  names: [
    [{ dnsPolicy: 'None' }, 'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    [{ dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'] } }, 'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","2.2.2.2","3.3.3.3","4.4.4.4"]: must not have more than 3 nameservers'],
    [{ dnsConfig: { nameservers: ['x'] } }, 'spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    [{ dnsConfig: { options: [{}] } }, 'spec.dnsConfig.options[0]: Required value: must not be empty'],
    [{ dnsPolicy: 'x' }, 'spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'],
    [{ hostAliases: [{ ip: '1', hostnames: ['a'] }] }, 'spec.hostAliases[0].ip: Invalid value: "1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    [{ resourceClaims: [{ name: 'a' }] }, 'spec.resourceClaims[0]: Invalid value: {"name":"a"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'],
    [{ preemptionPolicy: 'x' }, 'spec.preemptionPolicy: Unsupported value: "x": supported values: "PreemptLowerPriority", "Never"'],
  ],
}

describe.each(Object.entries(tables))('%s', (_, cases) => {
  it.each(cases)('%j: %s', (spec, finding) => { expect(judge(spec)).toContain(finding) })
})

it.each<[string, object]>([
  ['searches and resolvers of every legal form', { dnsConfig: { nameservers: ['1.1.1.1', 'fd00::1'], searches: ['.', 'a_b.example.com.', 'x'], options: [{ name: 'ndots', value: '2' }] } }],
  ['a preference for any value', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'In', values: ['not a label value!'] }] } }] } } }],
  ['a claim as a device', { ...of({ volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }), volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }],
  ['init containers with the same host port', { initContainers: ['a', 'b'].map((name) => c({ name, ports: [{ containerPort: 80, hostPort: 80 }] })) }],
  ['no sleep at all', of({ lifecycle: { preStop: { sleep: { seconds: 0 } } } })],
  ['a pull secret without a name', { imagePullSecrets: [{}] }],
  ['a host process of Windows', { os: { name: 'windows' }, hostNetwork: true, securityContext: { windowsOptions: { hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM' } } }],
])('finds nothing in %s', (_, spec) => { expect(judge(spec)).toEqual([]) })

it('judges a template less strictly than a pod', () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { hostNetwork: true, containers: [{ name: 'c', image: ' nginx', ports: [{ containerPort: 80 }] }], volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] } }
  const deployment = copyJson({ metadata: { name: 'd', namespace: 'n' }, spec: { selector: { matchLabels: { a: 'b' } }, template } })
  deployments.strategy.default?.(deployment)
  expect(deployments.strategy.validate?.(deployment, context)).toEqual([])
})

it('names the claim of an ephemeral volume after pod and volume', () => {
  const volumes = [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } } }]
  expect(judge({ volumes }, `${'x'.repeat(253)}`)).toEqual([`spec.volumes[0].name: Invalid value: "v": PVC name "${'x'.repeat(253)}-v": must be no more than 253 characters`])
  expect(judge({ volumes })).toEqual([])
})

describe('a gated pod', () => {
  const node = (...terms: object[]): object => ({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } })
  const zone = { key: 'zone', operator: 'In', values: ['a'] }
  const update = (old: object, next: object): string[] => (pods.strategy.validateUpdate?.(make(next), make(old), { ...context, updating: true }) ?? []).map((f) => `${f.field}: ${errorBody(f)}`.split('`')[0] as string)
  const gates = { schedulingGates: [{ name: 'g' }] }
  it.each<[object, object, string[]]>([
    [{ ...gates, nodeSelector: { a: 'b' } }, { ...gates, nodeSelector: { a: 'b', c: 'd' } }, []],
    [{ ...gates, nodeSelector: { a: 'b' } }, { ...gates, nodeSelector: { a: 'x' } }, ['spec.nodeSelector: Invalid value: {"a":"x"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)']],
    [gates, { ...gates, affinity: node({ matchExpressions: [zone] }) }, []],
    [{ ...gates, affinity: node({ matchExpressions: [zone] }) }, { ...gates, affinity: node({ matchExpressions: [zone, { key: 'x', operator: 'Exists' }] }) }, []],
    [{ ...gates, affinity: node({ matchExpressions: [zone] }) }, { ...gates, affinity: node({ matchExpressions: [zone] }, {}) }, ['spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Invalid value: [{"matchExpressions":[{"key":"zone","operator":"In","values":["a"]}]},{}]: no additions/deletions to non-empty NodeSelectorTerms list are allowed']],
    [gates, {}, []], [{}, gates, ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"]],
    [{}, { nodeSelector: { a: 'b' } }, ['spec: Forbidden: pod updates may not change fields other than ']],
  ])('%j to %j', (old, next, findings) => { expect(update(old, next)).toEqual(findings) })
})
