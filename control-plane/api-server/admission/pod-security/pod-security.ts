/** Pods within the security level of their namespace (upstream `pod-security-admission/admission`): enforced on pods, warned about on what makes pods. */
import type { Namespace, Pod, PodSpec, PodTemplateSpec } from '../../../../shared/api/core-v1.ts'
import type { ObjectMeta } from '../../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { forbidden } from '../../../../shared/base/errors.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'
import { invalid } from '../../encode/validation-status.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'
import type { StoredObjects } from '../stored-objects.ts'
import { kindOf } from '../stored-objects.ts'
import { detailOf, violations } from './checks.ts'
import type { LevelVersion, Policy } from './policy.ts'
import { compareLevels, openPolicy, policyOf, PREFIX, textOf } from './policy.ts'

export interface PodSecurityConfig {
  /** For namespaces without labels. Default: all open, as upstream's. */
  readonly defaults?: Policy
  /** What is never judged. */
  readonly exemptions?: { readonly usernames?: readonly string[]; readonly namespaces?: readonly string[]; readonly runtimeClasses?: readonly string[] }
}

const namespaces = kindOf<Namespace>('', 'namespaces', false)
const pods = kindOf<Pod>('', 'pods', true)
/** More than these are not looked at when a namespace's level is raised. */
const MAX_PODS = 3000

type Template = PodTemplateSpec | undefined
const ofSpec = (o: KubeObject): Template => (o as { spec?: { template?: PodTemplateSpec } }).spec?.template
/** Where the kinds that make pods keep their template. */
const templates: Readonly<Record<string, (o: KubeObject) => Template>> = {
  '/replicationcontrollers': ofSpec, 'apps/replicasets': ofSpec, 'apps/deployments': ofSpec, 'apps/statefulsets': ofSpec, 'apps/daemonsets': ofSpec, 'batch/jobs': ofSpec,
  '/podtemplates': (o) => (o as { template?: PodTemplateSpec }).template,
  'batch/cronjobs': (o) => (o as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } }).spec?.jobTemplate?.spec?.template,
}
const podSubresources = new Set(['', 'ephemeralcontainers', 'resize'])

export function podSecurity(stored: StoredObjects, config: PodSecurityConfig = {}): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    validate(request) {
      const { operation, definition, subresource } = request
      if (operation !== 'CREATE' && operation !== 'UPDATE') return
      if (definition.group === '' && definition.resource === 'namespaces') {
        if (subresource === '') judgeNamespace(stored, config, request)
      } else if (definition.group === '' && definition.resource === 'pods') {
        if (podSubresources.has(subresource)) judgePod(stored, config, request)
      } else {
        const template = subresource === '' ? templates[`${definition.group}/${definition.resource}`] : undefined
        if (template) judgeTemplate(stored, config, request, template)
      }
    },
  }
}

const exemptNamespace = ({ exemptions }: PodSecurityConfig, name: string): boolean => exemptions?.namespaces?.includes(name) ?? false
const exemptPod = ({ exemptions }: PodSecurityConfig, spec: PodSpec): boolean => spec.runtimeClassName !== undefined && (exemptions?.runtimeClasses?.includes(spec.runtimeClassName) ?? false)

/** Undefined where the request is exempt, which is noted for the audit. */
function policyFor(stored: StoredObjects, config: PodSecurityConfig, { namespace, user, annotate }: AdmissionRequest): Policy | undefined {
  if (exemptNamespace(config, namespace)) return void annotate(`${PREFIX}exempt`, 'namespace')
  if (config.exemptions?.usernames?.includes(user.name)) return void annotate(`${PREFIX}exempt`, 'user')
  const { policy, errors } = policyOf(stored.get(namespaces, '', namespace)?.metadata?.labels, config.defaults ?? openPolicy)
  if (errors.length) annotate(`${PREFIX}error`, `Failed to parse policy: ${errors.map((e) => `${e.field}: ${e.detail}`).join(', ')}`)
  return policy
}

function judgePod(stored: StoredObjects, config: PodSecurityConfig, request: AdmissionRequest): void {
  const pod = request.object as Pod
  if (request.old && !isSignificant(pod, request.old as Pod)) return
  const policy = policyFor(stored, config, request)
  if (!policy || !pod.spec || (policy.enforce.level === 'privileged' && policy.warn.level === 'privileged' && policy.audit.level === 'privileged')) return
  if (exemptPod(config, pod.spec)) return void request.annotate(`${PREFIX}exempt`, 'runtimeClass')
  request.annotate(`${PREFIX}enforce-policy`, textOf(policy.enforce))
  const found = violations(policy.enforce, pod.metadata ?? {}, pod.spec)
  noteAudit(request, policy.audit, pod.metadata ?? {}, pod.spec)
  if (found.length) throw forbidden({ group: '', resource: 'pods', name: request.name }, `violates PodSecurity ${JSON.stringify(textOf(policy.enforce))}: ${detailOf(found)}`)
  warn(request, policy.warn, pod.metadata ?? {}, pod.spec)
}

function judgeTemplate(stored: StoredObjects, config: PodSecurityConfig, request: AdmissionRequest, template: (o: KubeObject) => Template): void {
  const policy = policyFor(stored, config, request)
  if (!policy || (policy.warn.level === 'privileged' && policy.audit.level === 'privileged')) return
  const { metadata = {}, spec } = (request.object && template(request.object)) ?? {}
  if (!spec || exemptPod(config, spec)) return
  noteAudit(request, policy.audit, metadata, spec)
  warn(request, policy.warn, metadata, spec)
}

function warn({ warn: say }: AdmissionRequest, level: LevelVersion, meta: ObjectMeta, spec: PodSpec): void {
  const found = violations(level, meta, spec)
  if (found.length) say(`would violate PodSecurity ${JSON.stringify(textOf(level))}: ${detailOf(found)}`)
}

function noteAudit({ annotate }: AdmissionRequest, level: LevelVersion, meta: ObjectMeta, spec: PodSpec): void {
  const found = violations(level, meta, spec)
  if (found.length) annotate(`${PREFIX}audit-violations`, `would violate PodSecurity ${JSON.stringify(textOf(level))}: ${detailOf(found)}`)
}

/** Of what may change on a living pod, images, ephemeral containers and the profiles in annotations matter. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const images = ({ spec }: Pod): unknown => [(spec?.initContainers ?? []).map((c) => c.image), (spec?.containers ?? []).map((c) => c.image)]
  const profiles = ({ metadata }: Pod): unknown => Object.fromEntries(Object.entries(metadata?.annotations ?? {}).filter(([k]) => /^(container\.apparmor|container\.seccomp|seccomp)\.security\./.test(k)))
  return !equalJson(images(pod), images(old)) || !equalJson(pod.spec?.ephemeralContainers ?? [], old.spec?.ephemeralContainers ?? []) || !equalJson(profiles(pod), profiles(old))
}

function judgeNamespace(stored: StoredObjects, config: PodSecurityConfig, request: AdmissionRequest): void {
  const { object, old, name } = request
  const defaults = config.defaults ?? openPolicy
  const now = policyOf(object?.metadata?.labels, defaults)
  const before = old && policyOf(old.metadata?.labels, defaults)
  if (now.errors.length && !(before && equalJson(now.errors, before.errors))) throw invalid({ group: '', kind: 'Namespace' }, name, now.errors)
  const [level, had] = [now.policy.enforce, before?.policy.enforce]
  if (!had || equalJson(level, had) || level.level === 'privileged' || (level.version === had.version && compareLevels(level.level, had.level) < 1) || exemptNamespace(config, name)) return
  for (const text of existingPods(stored, config, name, level)) request.warn(text)
}

/** What the pods that are there already would violate: one line per kind of violation, with the first pod of each controller first. */
function existingPods(stored: StoredObjects, config: PodSecurityConfig, namespace: string, level: LevelVersion): string[] {
  const all = stored.list(pods, namespace)
  const seen = new Set<string>()
  const ofController: Pod[] = []
  const first = all.filter((pod) => {
    const controller = pod.metadata?.ownerReferences?.find((o) => o.controller)?.uid
    const again = controller !== undefined && seen.has(controller)
    if (controller !== undefined) seen.add(controller)
    if (again) ofController.push(pod)
    return !again
  })
  const checked = [...first, ...ofController].slice(0, MAX_PODS)
  const counts = new Map<string, { name: string; pods: number }>()
  for (const pod of checked) {
    if (!pod.spec || exemptPod(config, pod.spec)) continue
    const reasons = violations(level, pod.metadata ?? {}, pod.spec).map((f) => f.reason).join(', ')
    if (!reasons) continue
    const known = counts.get(reasons)
    if (known) known.pods++
    else counts.set(reasons, { name: pod.metadata?.name ?? '', pods: 1 })
  }
  const others = (n: number): string => (n === 1 ? '' : n === 2 ? ' (and 1 other pod)' : ` (and ${n - 1} other pods)`)
  return [
    ...(checked.length < all.length ? [`new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`] : []),
    ...(counts.size ? [`existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(textOf(level))}`] : []),
    ...[...counts].map(([reasons, { name, pods: n }]) => `${name}${others(n)}: ${reasons}`).sort(),
  ]
}
