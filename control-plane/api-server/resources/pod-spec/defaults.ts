/** Defaults of a pod's spec: `pkg/apis/core/v1/defaults.go` and the declarative defaults beside it. Pure; changes what it is given. */
import type { Container, EphemeralContainer, HTTPGetAction, LifecycleHandler, Pod, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, Volume } from '../../../../shared/api/core-v1.ts'
import { formatQuantity, parseQuantity, roundUpToMilli } from '../../../../shared/values/quantity.ts'

/** Upstream's pull policy for an image named without one: Always for `latest`, said or meant. */
export function pullPolicyOf(image: string | undefined): 'Always' | 'IfNotPresent' {
  if (!image || image.includes('@')) return 'IfNotPresent'
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function defaultHttpGet(action: HTTPGetAction): void {
  action.path ||= '/'
  action.scheme ||= 'HTTP'
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.httpGet) defaultHttpGet(probe.httpGet)
  if (probe.grpc) probe.grpc.service ??= ''
}

function defaultHandler(handler: LifecycleHandler | undefined): void {
  if (handler?.httpGet) defaultHttpGet(handler.httpGet)
}

/** Amounts are kept to the thousandth, rounded up. */
function roundResources(resources: ResourceRequirements): void {
  for (const list of [resources.limits, resources.requests]) {
    if (!list) continue
    for (const [name, amount] of Object.entries(list)) if (/[nu]$|e-|\./.test(amount)) list[name] = formatQuantity(roundUpToMilli(parseQuantity(amount)))
  }
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image)
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  roundResources(container.resources)
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  for (const env of container.env ?? []) if (env.valueFrom?.fieldRef) env.valueFrom.fieldRef.apiVersion ||= 'v1'
  defaultProbe(container.livenessProbe)
  defaultProbe(container.readinessProbe)
  defaultProbe(container.startupProbe)
  defaultHandler(container.lifecycle?.postStart)
  defaultHandler(container.lifecycle?.preStop)
}

function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every((k) => k === 'name')) volume.emptyDir = {}
  if (volume.secret) volume.secret.defaultMode ??= 0o644
  if (volume.configMap) volume.configMap.defaultMode ??= 0o644
  if (volume.hostPath) volume.hostPath.type ??= ''
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= 0o644
    for (const item of volume.downwardAPI.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1'
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= 0o644
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600
      for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1'
    }
  }
  if (volume.ephemeral?.volumeClaimTemplate?.spec) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem'
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference)
}

/** What a pod and a pod template share. */
export function defaultPodSpec(spec: PodSpec): void {
  // What has none is refused, but by validation, after admission has looked at each.
  spec.containers ??= []
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  // `serviceAccount` is the deprecated name of the same field; upstream's conversion keeps both.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) defaultContainer(container)
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (template?.spec) defaultPodSpec(template.spec)
}

/** On the host's network a port is the host's port. */
function defaultHostPorts(spec: PodSpec): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort
}

/** What only a pod gets: requests from limits, service links, host ports. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] }
  const { spec } = pod
  defaultPodSpec(spec)
  for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    if (!resources?.limits) continue
    resources.requests = { ...resources.limits, ...resources.requests }
  }
  spec.enableServiceLinks ??= true
  if (spec.hostNetwork) defaultHostPorts(spec)
  const status = (pod.status ??= {})
  if (status.podIP && !status.podIPs?.length) status.podIPs = [{ ip: status.podIP }]
  if (status.hostIP && !status.hostIPs?.length) status.hostIPs = [{ ip: status.hostIP }]
  for (const s of [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? []), ...(status.ephemeralContainerStatuses ?? [])]) {
    s.state ??= {}
    s.lastState ??= {}
  }
}
