/** Validation of node selectors (`ValidateNodeSelector`). Pure. */
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../../../../shared/api/core-v1.ts'
import { validateLabelValue, validateQualifiedName, validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { forbidden, invalidFor, invalidValue, required } from '../findings.ts'

/** What a preference compares with may be anything; what must hold is compared with what labels can be. */
type Values = 'label values' | 'any value'

function validateRequirement(e: NodeSelectorRequirement, at: string, kind: Values): FieldError[] {
  const values = e.values ?? []
  const found: FieldError[] = []
  switch (e.operator) {
    case 'In': case 'NotIn': if (values.length === 0) found.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")); break
    case 'Exists': case 'DoesNotExist': if (values.length > 0) found.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")); break
    case 'Gt': case 'Lt': if (values.length !== 1) found.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")); break
    default: found.push(invalidValue(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'))
  }
  found.push(...invalidFor(`${at}.key`, e.key ?? '', validateQualifiedName(e.key ?? '')))
  if (kind === 'label values') values.forEach((v, i) => found.push(...invalidFor(`${at}.values[${i}]`, v, validateLabelValue(v))))
  return found
}

/** A term on the node itself: only its name, and only one. */
function validateField(e: NodeSelectorRequirement, at: string): FieldError[] {
  const values = e.values ?? []
  const found: FieldError[] = []
  if (e.operator !== 'In' && e.operator !== 'NotIn') found.push(invalidValue(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'))
  else if (values.length !== 1) found.push(required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
  if (e.key !== 'metadata.name') found.push(invalidValue(`${at}.key`, e.key ?? '', 'not a valid field selector key'))
  else values.forEach((v, i) => found.push(...invalidFor(`${at}.values[${i}]`, v, validateDns1123Subdomain(v))))
  return found
}

export const validateNodeSelectorTerm = (term: NodeSelectorTerm | undefined, at: string, kind: Values = 'label values'): FieldError[] => [
  ...(term?.matchExpressions ?? []).flatMap((e, i) => validateRequirement(e, `${at}.matchExpressions[${i}]`, kind)),
  ...(term?.matchFields ?? []).flatMap((e, i) => validateField(e, `${at}.matchFields[${i}]`)),
]

export function validateNodeSelectorTerms(selector: NodeSelector, at: string): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? []
  if (terms.length === 0) return [required(`${at}.nodeSelectorTerms`, 'must have at least one node selector term')]
  return terms.flatMap((t, i) => validateNodeSelectorTerm(t, `${at}.nodeSelectorTerms[${i}]`))
}
