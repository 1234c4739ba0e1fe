/** Validation of a pod's spec and of pod templates (`ValidatePodSpec`, `ValidatePodTemplateSpec`). Pure. */
import type { NodeSelectorTerm, PodSpec, PodTemplateSpec, Toleration } from '../../../../shared/api/core-v1.ts'
import { rangeMessage, validateDns1123Label, validateDns1123Subdomain, validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, nonNegative, notSupported, oneOf, optionalOneOf, required } from '../findings.ts'
import { validateAnnotations, validateLabels, validateLabelSelector } from '../object-meta.ts'
import { validateContainers } from './containers.ts'
import { validatePodSecurity } from './security.ts'
import { validateSecretNames, validateVolumes } from './volumes.ts'

const effects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule']

export function validateTolerations(tolerations: readonly Toleration[] | undefined, field: string): FieldError[] {
  return (tolerations ?? []).flatMap((t, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = t.key ? invalidFor(`${at}.key`, t.key, validateQualifiedName(t.key)) : []
    if (!t.key && t.operator !== 'Exists') {
      found.push(invalidValue(`${at}.operator`, t.operator ?? '', 'operator must be Exists when `key` is empty, which means "match all values and all keys"'))
    }
    if (t.tolerationSeconds !== undefined && t.effect !== 'NoExecute') found.push(invalidValue(`${at}.effect`, t.effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    if (t.operator === 'Exists' && t.value) found.push(invalidValue(`${at}.operator`, t, "value must be empty when `operator` is 'Exists'"))
    else if (t.operator && t.operator !== 'Exists' && t.operator !== 'Equal') found.push(notSupported(`${at}.operator`, t.operator, ['Equal', 'Exists']))
    if (t.effect && !effects.includes(t.effect)) found.push(notSupported(`${at}.effect`, t.effect, effects))
    return found
  })
}

function validateTerm(term: NodeSelectorTerm, field: string): FieldError[] {
  return (term.matchExpressions ?? []).flatMap((e, i) => {
    const at = `${field}.matchExpressions[${i}]`
    const count = e.values?.length ?? 0
    const found: FieldError[] = invalidFor(`${at}.key`, e.key ?? '', validateQualifiedName(e.key ?? ''))
    switch (e.operator) {
      case 'In': case 'NotIn': if (count === 0) found.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")); break
      case 'Exists': case 'DoesNotExist': if (count > 0) found.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")); break
      case 'Gt': case 'Lt': if (count !== 1) found.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")); break
      default: found.push(invalidValue(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'))
    }
    return found
  })
}

function validateAffinity(spec: PodSpec, field: string): FieldError[] {
  const found: FieldError[] = []
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec.affinity ?? {}
  const must = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (must) {
    const at = `${field}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`
    if (!must.nodeSelectorTerms?.length) found.push(required(at, 'must have at least one node selector term'))
    must.nodeSelectorTerms?.forEach((t, i) => found.push(...validateTerm(t, `${at}[${i}]`)))
  }
  nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach((p, i) => {
    const at = `${field}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`
    if (!(p.weight >= 1 && p.weight <= 100)) found.push(invalidValue(`${at}.weight`, p.weight ?? 0, 'must be in the range 1-100'))
    found.push(...validateTerm(p.preference ?? {}, `${at}.preference`))
  })
  for (const [name, affinity] of [['podAffinity', podAffinity], ['podAntiAffinity', podAntiAffinity]] as const) {
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((t, i) => ({ t, at: `${field}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}]` })),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p, i) => ({ t: p.podAffinityTerm, at: `${field}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm` })),
    ]
    for (const { t, at } of terms) {
      found.push(...validateLabelSelector(t?.labelSelector, `${at}.labelSelector`))
      if (!t?.topologyKey) found.push(required(`${at}.topologyKey`, 'can not be empty'))
      else found.push(...invalidFor(`${at}.topologyKey`, t.topologyKey, validateQualifiedName(t.topologyKey)))
    }
  }
  return found
}

function validateSpread(spec: PodSpec, field: string): FieldError[] {
  return (spec.topologySpreadConstraints ?? []).flatMap((c, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = c.maxSkew > 0 ? [] : [invalidValue(`${at}.maxSkew`, c.maxSkew ?? 0, 'must be greater than zero')]
    if (!c.topologyKey) found.push(required(`${at}.topologyKey`, 'can not be empty'))
    found.push(...(['DoNotSchedule', 'ScheduleAnyway'].includes(c.whenUnsatisfiable) ? [] : [notSupported(`${at}.whenUnsatisfiable`, c.whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway'])]))
    return [...found, ...validateLabelSelector(c.labelSelector, `${at}.labelSelector`)]
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

/** `field`: the path of the spec. */
export function validatePodSpec(spec: PodSpec | undefined, field: string): FieldError[] {
  const s = spec ?? { containers: [] }
  const { found, names } = validateVolumes(s.volumes, `${field}.volumes`)
  found.push(...validateContainers(s, names, field))
  found.push(...oneOf(`${field}.restartPolicy`, s.restartPolicy, ['Always', 'OnFailure', 'Never']))
  found.push(...oneOf(`${field}.dnsPolicy`, s.dnsPolicy, ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']))
  if (s.dnsPolicy === 'None' && !s.dnsConfig?.nameservers?.length) found.push(required(`${field}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'))
  found.push(...validateLabels(s.nodeSelector, `${field}.nodeSelector`), ...validatePodSecurity(s.securityContext, `${field}.securityContext`))
  found.push(...validateSecretNames(s.imagePullSecrets, `${field}.imagePullSecrets`), ...validateAffinity(s, `${field}.affinity`), ...validateSpread(s, `${field}.topologySpreadConstraints`))
  found.push(...validateNames(s, field), ...nonNegative(`${field}.terminationGracePeriodSeconds`, s.terminationGracePeriodSeconds))
  if (s.activeDeadlineSeconds !== undefined && (s.activeDeadlineSeconds < 1 || s.activeDeadlineSeconds > 2147483647)) {
    found.push(invalidValue(`${field}.activeDeadlineSeconds`, s.activeDeadlineSeconds, rangeMessage(1, 2147483647)))
  }
  found.push(...validateTolerations(s.tolerations, `${field}.tolerations`), ...optionalOneOf(`${field}.preemptionPolicy`, s.preemptionPolicy, ['Never', 'PreemptLowerPriority']))
  if (s.shareProcessNamespace && s.hostPID) found.push(invalidValue(`${field}.securityContext.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'))
  return found
}

/** `field`: the path of the template. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: string): FieldError[] {
  const t = template ?? {}
  const found = [
    ...validateLabels(t.metadata?.labels, `${field}.labels`), ...validateAnnotations(t.metadata?.annotations, `${field}.annotations`), ...validatePodSpec(t.spec, `${field}.spec`),
  ]
  if (t.spec?.ephemeralContainers?.length) found.push(forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
  return found
}
