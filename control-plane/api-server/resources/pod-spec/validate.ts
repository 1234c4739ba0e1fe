/** Validation of a pod's spec and of pod templates (`ValidatePodSpec`, `ValidatePodTemplateSpec`). Pure. */
import type { PodResourceClaim, PodSpec, PodTemplateSpec, Toleration } from '../../../../shared/api/core-v1.ts'
import type { ObjectMeta } from '../../../../shared/api/meta-v1.ts'
import { rangeMessage, validateDns1123Label, validateDns1123Subdomain, validateLabelValue, validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupportedInOrder, required } from '../findings.ts'
import { validateAnnotations, validateLabels } from '../object-meta.ts'
import { validateAffinity, validateSpread } from './affinity.ts'
import type { Surroundings } from './containers.ts'
import { validateContainers } from './containers.ts'
import { validateDnsConfig, validateHostAliases } from './dns.ts'
import { validateEphemeralContainers } from './ephemeral.ts'
import { validateHostProcess, validateHostUsers, validateSystem } from './operating-system.ts'
import { validateOverhead } from './resources.ts'
import { validatePodSecurity } from './security.ts'
import { validateVolumes } from './volumes.ts'

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export function validateTolerations(tolerations: readonly Toleration[] | undefined, field: string): FieldError[] {
  return (tolerations ?? []).flatMap((t, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = t.key ? invalidFor(`${at}.key`, t.key, validateQualifiedName(t.key)) : []
    if (!t.key && t.operator !== 'Exists') {
      found.push(invalidValue(`${at}.operator`, t.operator ?? '', 'operator must be Exists when `key` is empty, which means "match all values and all keys"'))
    }
    if (t.tolerationSeconds !== undefined && t.effect !== 'NoExecute') found.push(invalidValue(`${at}.effect`, t.effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    const wrong = validateLabelValue(t.value ?? '')
    if (t.operator === 'Exists') {
      if (t.value) found.push(invalidValue(`${at}.operator`, t, "value must be empty when `operator` is 'Exists'"))
    } else if (t.operator && t.operator !== 'Equal') found.push(notSupportedInOrder(`${at}.operator`, t.operator, ['Equal', 'Exists']))
    else if (wrong.length) found.push(invalidValue(`${at}.operator`, t.value, wrong.join(';')))
    if (t.effect && !effects.includes(t.effect)) found.push(notSupportedInOrder(`${at}.effect`, t.effect, effects))
    return found
  })
}

function validateNames(spec: PodSpec, field: string): FieldError[] {
  const found: FieldError[] = []
  if (spec.serviceAccountName) found.push(...invalidFor(`${field}.serviceAccountName`, spec.serviceAccountName, validateDns1123Subdomain(spec.serviceAccountName)))
  if (spec.nodeName) found.push(...invalidFor(`${field}.nodeName`, spec.nodeName, validateDns1123Subdomain(spec.nodeName)))
  if (spec.hostname) found.push(...invalidFor(`${field}.hostname`, spec.hostname, validateDns1123Label(spec.hostname)))
  if (spec.subdomain) found.push(...invalidFor(`${field}.subdomain`, spec.subdomain, validateDns1123Label(spec.subdomain)))
  if (spec.priorityClassName) found.push(...invalidFor(`${field}.priorityClassName`, spec.priorityClassName, validateDns1123Subdomain(spec.priorityClassName)))
  if (spec.runtimeClassName) found.push(...invalidFor(`${field}.runtimeClassName`, spec.runtimeClassName, validateDns1123Subdomain(spec.runtimeClassName)))
  const gates = new Set<string>()
  ;(spec.schedulingGates ?? []).forEach((g, i) => {
    found.push(...invalidFor(`${field}.schedulingGates[${i}]`, g.name ?? '', validateQualifiedName(g.name ?? '')))
    if (gates.has(g.name)) found.push(duplicate(`${field}.schedulingGates[${i}]`, g.name))
    gates.add(g.name)
  })
  return found
}

function validateResourceClaims(claims: readonly PodResourceClaim[] | undefined, field: string): { found: FieldError[]; names: ReadonlySet<string> } {
  const names = new Set<string>()
  const found = (claims ?? []).flatMap((claim, i) => {
    const at = `${field}[${i}]`
    const { name = '', resourceClaimName: own, resourceClaimTemplateName: template } = claim
    const errors: FieldError[] = !name ? [required(`${at}.name`)] : names.has(name) ? [duplicate(`${at}.name`, name)] : invalidFor(`${at}.name`, name, validateDns1123Label(name))
    names.add(name)
    if (own !== undefined && template !== undefined) errors.push(invalidValue(at, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'))
    if (own === undefined && template === undefined) errors.push(invalidValue(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'))
    for (const f of ['resourceClaimName', 'resourceClaimTemplateName'] as const) if (claim[f] !== undefined) errors.push(...invalidFor(`${at}.${f}`, claim[f], validateDns1123Subdomain(claim[f])))
    return errors
  })
  return { found, names }
}

/** Required, or one of the values in upstream's order. */
const inOrder = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  (!value ? [required(field)] : supported.includes(value) ? [] : [notSupportedInOrder(field, value, supported)])

/** `field`: the path of the spec. `pod`: the metadata of a pod itself, which is judged more strictly than a template. */
export function validatePodSpec(spec: PodSpec | undefined, field: string, pod?: ObjectMeta): FieldError[] {
  const s = spec ?? { containers: [] }
  const { found, named } = validateVolumes(s.volumes, `${field}.volumes`, pod?.name)
  const claims = validateResourceClaims(s.resourceClaims, `${field}.resourceClaims`)
  const around: Surroundings = { volumes: named, claims: claims.names, grace: s.terminationGracePeriodSeconds ?? 30, spec: s, isPod: pod !== undefined }
  found.push(...claims.found, ...validateContainers(around, field), ...validateEphemeralContainers(around, field))
  found.push(...inOrder(`${field}.restartPolicy`, s.restartPolicy, ['Always', 'OnFailure', 'Never']), ...inOrder(`${field}.dnsPolicy`, s.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']))
  found.push(...validateLabels(s.nodeSelector, `${field}.nodeSelector`), ...validatePodSecurity(s.securityContext, s, `${field}.securityContext`), ...validateAffinity(s.affinity, `${field}.affinity`))
  found.push(...validateDnsConfig(s, `${field}.dnsConfig`))
  s.readinessGates?.forEach((g, i) => found.push(...invalidFor(`${field}.readinessGates[${i}].conditionType`, g.conditionType ?? '', validateQualifiedName(g.conditionType ?? ''))))
  found.push(...validateSpread(s.topologySpreadConstraints, `${field}.topologySpreadConstraints`), ...validateHostProcess(s, field), ...validateHostUsers(s, field), ...validateNames(s, field))
  if (s.activeDeadlineSeconds !== undefined && (s.activeDeadlineSeconds < 1 || s.activeDeadlineSeconds > 2147483647)) {
    found.push(invalidValue(`${field}.activeDeadlineSeconds`, s.activeDeadlineSeconds, rangeMessage(1, 2147483647)))
  }
  found.push(...validateTolerations(s.tolerations, `${field}.tolerations`), ...validateHostAliases(s.hostAliases, `${field}.hostAliases`))
  if (s.preemptionPolicy !== undefined) found.push(...inOrder(`${field}.preemptionPolicy`, s.preemptionPolicy, ['PreemptLowerPriority', 'Never']))
  if (s.overhead) found.push(...validateOverhead(s.overhead, `${field}.overhead`))
  if (s.shareProcessNamespace && s.hostPID) found.push(invalidValue(`${field}.securityContext.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'))
  found.push(...validateSystem(s, field))
  if (pod && !s.serviceAccountName) found.push(...tokensWithoutAccount(s, field))
  return found
}

const tokensWithoutAccount = (spec: PodSpec, field: string): FieldError[] => (spec.volumes ?? []).flatMap((v, i) => (v.projected?.sources ?? []).flatMap((source, j) =>
  (source.serviceAccountToken ? [forbidden(`${field}.volumes[${i}].projected.sources[${j}].serviceAccountToken`, 'must not be specified when serviceAccountName is not set')] : [])))

/** `field`: the path of the template. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: string): FieldError[] {
  const t = template ?? {}
  const found = [
    ...validateLabels(t.metadata?.labels, `${field}.labels`), ...validateAnnotations(t.metadata?.annotations, `${field}.annotations`), ...validatePodSpec(t.spec, `${field}.spec`),
  ]
  if (t.spec?.ephemeralContainers?.length) found.push(forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
  return found
}
