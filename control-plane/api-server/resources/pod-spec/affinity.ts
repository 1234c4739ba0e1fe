/** Validation of where a pod wants to be: affinity and topology spread (`validateAffinity`, `validateTopologySpreadConstraints`). Pure. */
import type { Affinity, PodAffinityTerm, TopologySpreadConstraint } from '../../../../shared/api/core-v1.ts'
import type { LabelSelector } from '../../../../shared/api/meta-v1.ts'
import { validateDns1123Label, validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupported, positiveMessage, required } from '../findings.ts'
import { validateLabelSelector } from '../object-meta.ts'
import { validateNodeSelectorTerm, validateNodeSelectorTerms } from './node-selector.ts'

const validateWeight = (weight: number | undefined, at: string): FieldError[] => ((weight ?? 0) <= 0 || (weight ?? 0) > 100 ? [invalidValue(at, weight ?? 0, 'must be in the range 1-100')] : [])

/** Keys whose values are taken from the pod's labels: they need a selector, and may not be in it. */
function validateLabelKeys(keys: readonly string[] | undefined, selector: LabelSelector | undefined, at: string): FieldError[] {
  if (!keys?.length) return []
  if (!selector) return [forbidden(at, 'must not be specified when labelSelector is not set')]
  return keys.flatMap((key, i) => invalidFor(`${at}[${i}]`, key, validateQualifiedName(key)))
}

function validatePodTerm(term: PodAffinityTerm | undefined, at: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces, matchLabelKeys, mismatchLabelKeys, topologyKey = '' } = term ?? ({} as PodAffinityTerm)
  const found = [...validateLabelSelector(labelSelector, `${at}.labelSelector`), ...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`)]
  for (const name of namespaces ?? []) found.push(...invalidFor(`${at}.namespace`, name, validateDns1123Label(name)))
  found.push(...validateLabelKeys(matchLabelKeys, labelSelector, `${at}.matchLabelKeys`), ...validateLabelKeys(mismatchLabelKeys, labelSelector, `${at}.mismatchLabelKeys`))
  matchLabelKeys?.forEach((key, i) => { if (mismatchLabelKeys?.includes(key)) found.push(invalidValue(`${at}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys')) })
  if (!topologyKey) found.push(required(`${at}.topologyKey`, 'can not be empty'))
  return [...found, ...invalidFor(`${at}.topologyKey`, topologyKey, validateQualifiedName(topologyKey))]
}

export function validateAffinity(affinity: Affinity | undefined, field: string): FieldError[] {
  const found: FieldError[] = []
  const [required_, preferred] = ['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution'] as const
  const node = affinity?.nodeAffinity
  if (node?.[required_]) found.push(...validateNodeSelectorTerms(node[required_], `${field}.nodeAffinity.${required_}`))
  node?.[preferred]?.forEach((p, i) => {
    const at = `${field}.nodeAffinity.${preferred}[${i}]`
    found.push(...validateWeight(p.weight, `${at}.weight`), ...validateNodeSelectorTerm(p.preference, `${at}.preference`, 'any value'))
  })
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    affinity?.[name]?.[required_]?.forEach((term, i) => found.push(...validatePodTerm(term, `${field}.${name}.${required_}[${i}]`)))
    affinity?.[name]?.[preferred]?.forEach((p, i) => {
      const at = `${field}.${name}.${preferred}[${i}]`
      found.push(...validateWeight(p.weight, `${at}.weight`), ...validatePodTerm(p.podAffinityTerm, `${at}.podAffinityTerm`))
    })
  }
  return found
}

const whens = ['DoNotSchedule', 'ScheduleAnyway']

export function validateSpread(constraints: readonly TopologySpreadConstraint[] | undefined, field: string): FieldError[] {
  return (constraints ?? []).flatMap((c, i) => {
    const at = `${field}[${i}]`
    const { maxSkew = 0, topologyKey = '', whenUnsatisfiable: when = '', minDomains, labelSelector, matchLabelKeys } = c
    const found: FieldError[] = maxSkew > 0 ? [] : [invalidValue(`${at}.maxSkew`, maxSkew, positiveMessage)]
    found.push(...(topologyKey ? invalidFor(`${at}.topologyKey`, topologyKey, validateQualifiedName(topologyKey)) : [required(`${at}.topologyKey`, 'can not be empty')]))
    if (!whens.includes(when)) found.push(notSupported(`${at}.whenUnsatisfiable`, when, whens))
    if ((constraints ?? []).slice(i + 1).some((o) => o.topologyKey === c.topologyKey && o.whenUnsatisfiable === c.whenUnsatisfiable)) found.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${when}}`))
    if (minDomains !== undefined && minDomains <= 0) found.push(invalidValue(`${at}.minDomains`, minDomains, positiveMessage))
    if (minDomains !== undefined && when !== 'DoNotSchedule') found.push(invalidValue(`${at}.minDomains`, minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${when}`))
    for (const f of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) if (c[f] !== undefined && !['Honor', 'Ignore'].includes(c[f])) found.push(notSupported(`${at}.${f}`, c[f], ['Honor', 'Ignore']))
    found.push(...validateLabelKeys(matchLabelKeys, labelSelector, `${at}.matchLabelKeys`))
    const selected = new Set([...Object.keys(labelSelector?.matchLabels ?? {}), ...(labelSelector?.matchExpressions ?? []).map((e) => e.key)])
    matchLabelKeys?.forEach((key, k) => { if (selected.has(key)) found.push(invalidValue(`${at}.matchLabelKeys[${k}]`, key, 'exists in both matchLabelKeys and labelSelector')) })
    return [...found, ...validateLabelSelector(labelSelector, `${at}.labelSelector`)]
  })
}
