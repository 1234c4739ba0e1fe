/** `example.com/signer-name` (`pkg/apis/certificates/validation.ValidateSignerName`). Pure. */
import { validateDns1123Label, validateDns1123Subdomain } from '../../../shared/values/names.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, required, tooLong } from './findings.ts'

const MAX_DOMAIN = 253
/** A namespace, a dot and a name. */
const MAX_PATH = 253 + 63 + 1

export function validateSignerName(field: string, name: string): FieldError[] {
  if (!name) return [required(field)]
  const [domain = '', path, more] = name.split('/')
  if (path === undefined || more !== undefined) return [invalidValue(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")]
  const found: FieldError[] = domain.length > MAX_DOMAIN ? [tooLong(field, MAX_DOMAIN)] : []
  const judge = (part: string, label: string, messages: readonly string[]): void => {
    for (const message of messages) found.push(invalidValue(field, part, `validating label ${JSON.stringify(label)}: ${message}`))
  }
  const labels = domain.split('.')
  for (const label of labels) judge(domain, label, validateDns1123Label(label))
  if (labels.length < 2) found.push(invalidValue(field, domain, 'should be a domain with at least two segments separated by dots'))
  for (const label of path.split('.')) judge(path, label, validateDns1123Subdomain(label))
  if (name.length > MAX_DOMAIN + MAX_PATH + 1) found.push(tooLong(field, MAX_DOMAIN + MAX_PATH + 1))
  return found
}
